"""`routelab score` over the public files: what it prints, writes and refuses."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
from click.testing import CliRunner

from routelab import BadData
from routelab.data import export, generate, mmbench, seed, visual7w, vqav2
from routelab.scoring.command import report_of, score


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("public")
    data = generate(80, 4)
    questions, annotations = export.vqav2_records(data, 1)
    vqav2.write_questions(out / "questions.json", vqav2.Header(), questions)
    vqav2.write_annotations(out / "annotations.json", vqav2.Header(), annotations)
    vqav2.write_results(out / "vqav2.json", {one.question_id: one.multiple_choice_answer for one in annotations})
    images = export.visual7w_records(data, 1)
    pairs = [pair for image in images for pair in image.qa_pairs]
    visual7w.write(out / "dataset.json", images)
    asked = {pair.qa_id: pair.question for pair in pairs}
    visual7w.write_results(out / "visual7w.json", {pair.qa_id: [pair.answer] for pair in pairs}, asked)
    records = export.seed_records(data, 1)
    seed.write(out / "seed_questions.json", records)
    losses = {one.question_id: [float(letter != one.answer) for letter in "ABCD"] for one in records.questions}
    seed.write_losses(out / "seed.json", losses)
    seed.write_letters(out / "seed_letters.json", {one.question_id: "A" for one in records.questions})
    rows = mmbench.circular(export.mmbench_records(data, 1))
    mmbench.write(out / "mmbench_questions.tsv", rows)
    mmbench.write_results(out / "mmbench.tsv", {row.index: row.answer if row.turn else "A" for row in rows})
    return out


def run(*arguments):
    return CliRunner().invoke(score, [str(one) for one in arguments])


def test_each_benchmark_by_its_own_protocol(folder):
    arguments = {
        "vqav2": ["--questions", folder / "questions.json", "--annotations", folder / "annotations.json"],
        "visual7w": ["--questions", folder / "dataset.json"],
        "seed": ["--questions", folder / "seed_questions.json"],
    }
    for name, files in arguments.items():
        said = run("--benchmark", name, "--results", folder / f"{name}.json", *files, "--json")
        assert said.exit_code == 0, said.output
        document = json.loads(said.output)
        assert document["benchmark"] == name and document["overall"]["percent"] > 98 and "outcomes" not in document


def test_circular_notes_vanilla_and_the_gap_and_outcomes_go_to_a_file(folder, tmp_path):
    files = ["--results", folder / "mmbench.tsv", "--questions", folder / "mmbench_questions.tsv"]
    said = run("--benchmark", "mmbench", *files, "--output", tmp_path / "report.json")
    assert said.exit_code == 0 and "mmbench (circular, options read by rule)" in said.output
    assert "gap 0.00 points" in said.output and "by l2-category" in said.output
    written = json.loads((tmp_path / "report.json").read_text())
    assert len(written["outcomes"]) == written["overall"]["questions"] == 80
    assert written["overall"]["sum"] == sum(written["outcomes"].values())


def test_seed_by_letter_is_named_and_differs(folder):
    files = ["--questions", folder / "seed_questions.json", "--benchmark", "seed"]
    letter = run(*files, "--results", folder / "seed_letters.json", "--protocol", "letter")
    assert "seed (letter protocol)" in letter.output and "100.00" not in letter.output.splitlines()[1]


@pytest.mark.parametrize(
    ("benchmark", "results", "rest", "named"),
    [
        ("vqav2", "vqav2.json", {}, "--annotations"),
        ("visual7w", "visual7w.json", {}, "--questions"),
        ("seed", "seed_letters.json", {"questions": "seed_questions.json"}, "losses is missing"),
        ("seed", "seed.json", {"questions": "seed_questions.json", "protocol": "letter"}, "prediction is missing"),
        ("seed", "seed.json", {"questions": "seed_questions.json", "protocol": "circular"}, "likelihood, letter"),
        ("vqav2", "seed.json", {"annotations": "annotations.json"}, "seed.json: results[0].question_id"),
        ("mmbench", "vqav2.json", {"questions": "mmbench_questions.tsv"}, "vqav2.json: results[0].index"),
        ("visual7w", "visual7w.json", {"questions": "dataset.json", "split": "test"}, "was not asked"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(folder, benchmark, results, rest, named):
    given = {name: value if name in ("protocol", "split") else folder / value for name, value in rest.items()}
    with pytest.raises(BadData) as caught:
        report_of(benchmark, folder / results, **given)
    assert named in str(caught.value)
