"""A lab model on the public files: what it learned shows in the scores, and the files change nothing."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")
from click.testing import CliRunner  # noqa: E402
from tests.routelab.reference import choice_scorers  # noqa: E402

from routelab import BadData  # noqa: E402
from routelab.data import END, TOKENS, Settings, encode, export, generate, mmbench, multiple_choice, seed, vqav2  # noqa: E402
from routelab.experiments.answering import Asked, answer_file, answers, losses  # noqa: E402
from routelab.experiments.files_command import answer, shapeqa, write_shapeqa  # noqa: E402
from routelab.experiments.unit import save_weights  # noqa: E402
from routelab.model import LabConfig, LabModel, Questions, TrainSettings, train  # noqa: E402
from routelab.scoring import mmbench as mmbench_scorer  # noqa: E402
from routelab.scoring.command import report_of  # noqa: E402

N, SEED = 24, 5
SETTINGS = TrainSettings(steps=120, batch=24, lr=4e-3, warmup=10, precision="fp32", save_every=10**6)


def config(width: int) -> LabConfig:
    return LabConfig(
        d=64,
        blocks=2,
        layer="dense",
        dense_width=128,
        vocabulary=len(TOKENS),
        question_length=width,
    )


def questions_of(data) -> Questions:
    arrays = (data.images, data.question, data.answer, data.modality == 1)
    return Questions(*(torch.from_numpy(array) for array in arrays))


@pytest.fixture(scope="module")
def learned():
    """A model that knows these questions by heart, and the questions."""
    data = generate(N, SEED)
    return train(config(6), SETTINGS, questions_of(data)).model, data


@pytest.fixture(scope="module")
def lettered():
    """One that knows every circular pass of them by heart, by letters."""
    data = generate(8, SEED)
    rows = mmbench.circular(export.mmbench_records(data, SEED))
    question = np.zeros((len(rows), 18), np.int64)
    given = np.zeros((len(rows), 3), np.int64)
    for at, row in enumerate(rows):
        tokens = export.prompt(row.question, row.options)
        question[at, -len(tokens) :] = tokens
        given[at, :2] = [*encode(row.answer), END]
    images = data.images[[row.main - 1 for row in rows]]
    there = torch.ones(len(rows), dtype=torch.bool)
    known = Questions(*(torch.from_numpy(array) for array in (images, question, given)), there)
    return train(config(18), SETTINGS, known).model, data


def scored(model, benchmark, folder, n, **options):
    files = write_shapeqa(benchmark, n, SEED, 0.0, folder)
    results = folder / ("results.tsv" if benchmark == "mmbench" else "results.json")
    questions = files["questions"]
    pictures = folder / "pictures" if benchmark != "mmbench" else None
    assert answer_file(model, benchmark, questions, results, pictures=pictures, **options) == files["n"]
    return files, results


def test_what_was_learned_by_heart_shows_in_every_formats_score(learned, tmp_path):
    model, _ = learned
    files, results = scored(model, "vqav2", tmp_path / "vqav2", N)
    assert report_of("vqav2", results, annotations=files["annotations"]).overall.percent > 90
    files, results = scored(model, "visual7w", tmp_path / "visual7w", N)
    assert report_of("visual7w", results, questions=files["questions"]).overall.percent > 90
    files, results = scored(model, "seed", tmp_path / "seed", N)
    assert report_of("seed", results, questions=files["questions"]).overall.percent > 90
    files, results = scored(model, "mmbench", tmp_path / "mmbench", N)
    assert report_of("mmbench", results, questions=files["questions"]).overall.percent > 85  # by text, in any order


def test_the_files_change_nothing(learned, tmp_path):
    model, data = learned
    _, results = scored(model, "vqav2", tmp_path, N)
    images, questions = torch.from_numpy(data.images), torch.from_numpy(data.question)
    direct = model.answer(images, questions, end=END)
    written = vqav2.load_results(results)
    for row in range(N):
        assert encode(written[row + 1]) == [token for token in direct[row].tolist() if token > END]


def test_letters_circular_and_by_a_second_implementation(lettered, tmp_path):
    model, _ = lettered
    files, results = scored(model, "mmbench", tmp_path, 8)
    rows, given = mmbench.load(files["questions"]), mmbench.load_results(results)
    report = mmbench_scorer.score(rows, given)
    assert report.overall.percent > 85
    plain = [
        {"index": row.index, "answer": row.answer, **{letter: row.options.get(letter, "") for letter in "ABCD"}}
        for row in rows
    ]
    expected = choice_scorers.mmbench_circular(plain, given)
    assert report.outcomes == {str(number): float(hit) for number, hit in expected.items()}


def test_seed_by_both_protocols_for_letters(lettered, tmp_path):
    model, _ = lettered
    files, results = scored(model, "seed", tmp_path / "one", 8, protocol="letter")
    by_letter = report_of("seed", results, questions=files["questions"], protocol="letter")
    files, results = scored(model, "seed", tmp_path / "two", 8)
    by_likelihood = report_of("seed", results, questions=files["questions"])
    assert by_letter.overall.percent > 80 and by_likelihood.overall.percent > 80
    assert by_likelihood.overall.total >= by_letter.overall.total  # ranking cannot choose what was not offered


def test_losses_are_the_mean_over_an_options_tokens(learned):
    model, data = learned
    tokens = [[int(token) for token in data.question[0] if token]]
    options = [["red", "small red circle", "yes"]]
    (given,) = losses(model, Asked(tokens, data.images[:1]), options)
    for text, loss in zip(options[0], given, strict=True):
        wanted = encode(text)
        each = []
        for at in range(len(wanted)):
            prefix = torch.tensor([wanted[:at] + [0] * (3 - at)])
            question = torch.from_numpy(data.question[:1])
            logits = model(torch.from_numpy(data.images[:1]), question, prefix).logits[0, at].detach()
            each.append(-float(torch.log_softmax(logits.float(), -1)[wanted[at]]))
        assert loss == pytest.approx(sum(each) / len(each), abs=1e-4)


def test_a_black_picture_is_none(learned):
    model, _ = learned
    mixed = generate(6, 3, Settings(text_share=1.0))
    tokens = [[int(token) for token in row if token] for row in mixed.question]
    direct = model.answer(None, torch.from_numpy(mixed.question), end=END)
    assert answers(model, Asked(tokens, mixed.images)) == [
        " ".join(TOKENS[token] for token in row if token > END) for row in direct.tolist()
    ]


def test_what_does_not_fit_is_refused_by_name(learned, lettered, tmp_path):
    model, data = learned
    letters, _ = lettered
    files = write_shapeqa("vqav2", 4, SEED, 0.0, tmp_path)
    pictures, out = tmp_path / "pictures", tmp_path / "out.json"

    def refused(named, model_=model, benchmark="vqav2", questions=files["questions"], **options):
        with pytest.raises(BadData, match=named):
            answer_file(model_, benchmark, questions, out, **{"pictures": pictures, **options})
        assert not out.exists()

    refused("answers with letters", model_=letters)
    refused("folder of its pictures", pictures=None)
    refused("there is no such file", pictures=tmp_path / "nowhere")
    refused("'flickr'", benchmark="flickr")
    records = write_shapeqa("seed", 8, SEED, 0.0, tmp_path / "seed")
    refused("answers in words", benchmark="seed", questions=records["questions"], protocol="letter")
    refused("likelihood or letter", benchmark="seed", questions=records["questions"], protocol="circular")
    header, questions = vqav2.load_questions(files["questions"])
    other = vqav2.write_questions(tmp_path / "q.json", header, [vqav2.Question(1, "is there a pink dog?", 1)])
    refused("'pink'", questions=other)
    long = vqav2.write_questions(tmp_path / "l.json", header, [vqav2.Question(1, "red red red red red red red", 1)])
    refused("7 tokens does not fit into 6", questions=long)
    large = np.repeat(np.repeat(data.images[:1], 2, 1), 2, 2)
    export.write_pictures(tmp_path / "large", [vqav2.image_name("val2014", 1)], large)
    one = vqav2.write_questions(tmp_path / "1.json", header, questions[:1])
    refused("the model reads 32 x 32", questions=one, pictures=tmp_path / "large")
    assert answer_file(model, "vqav2", one, out, pictures=tmp_path / "large", resize=True) == 1
    with pytest.raises(BadData, match="has 3 tokens"):
        long_answer = LabModel(LabConfig(vocabulary=len(TOKENS), question_length=6, answer_length=2, layer="dense"))
        losses(long_answer, Asked([[5]], data.images[:1]), [["small red circle", "yes"]])


def test_the_three_commands_one_after_another(learned, tmp_path):
    model, _ = learned
    save_weights(tmp_path / "model.pt", model)
    run = CliRunner()
    drawn = ["--questions", str(N), "--seed", str(SEED), "--out", str(tmp_path)]
    made = run.invoke(shapeqa, ["--benchmark", "seed", *drawn])
    assert made.exit_code == 0 and "SEED-Bench.json" in made.output
    files = {"weights": "model.pt", "questions": "SEED-Bench.json", "pictures": "pictures", "results": "r.json"}
    paths = [word for name, file in files.items() for word in (f"--{name}", str(tmp_path / file))]
    given = run.invoke(answer, ["--benchmark", "seed", "--json", *paths])
    assert given.exit_code == 0, given.output
    n = json.loads(given.output)["n"]
    report = report_of("seed", tmp_path / "r.json", questions=tmp_path / "SEED-Bench.json")
    assert report.overall.count == n == len(seed.load(tmp_path / "SEED-Bench.json").questions)
    assert report.overall.percent > 90
    assert multiple_choice(generate(N, SEED), SEED).options.any()
