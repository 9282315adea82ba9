"""The labels stand in their sources, and what they catch: decoys over real abstracts, the earlier system's outputs.

What needs the shared data reads it beside the repository and is skipped, with its reason, where it is absent.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.questions import seeds
from benchmarks.questions._record import load
from benchmarks.questions._text import stands
from benchmarks.questions.decoys import Library, Paper, arxiv_papers, write
from benchmarks.questions.grader import Labels, forms, grade

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / "questions"
STARTER = ROOT / "src" / "sovereign" / "starter"
SHARED = ROOT.parent / "shared"

QUESTION = "How does Quokka's latency compare with top-2 routing on ShapeBench?"
LABEL = {
    "id": "T1",
    "question": QUESTION,
    "named_systems": [{"name": "Quokka", "own": []}],
    "must_find": [{"any_of": ["note:9901.00001"], "why": "named"}],
    "must_show": [],
}
DECOY_FAULTS = {
    "keeps_nothing": {"answers_question"},
    "top_ten": {"named_system", "claims_exist"},
    "lead_abstract": {"gaps_stated"},
}


def test_labels_are_whole() -> None:
    labels = Labels.read(FOLDER)
    ids = [row["id"] for row in labels.questions]
    assert len(ids) == len(set(ids)) == 13
    for row in labels.questions:
        assert len(row["must_find"]) >= 3 and len(row["must_show"]) >= 2, row["id"]
        assert all(need["any_of"] and need["why"] for need in row["must_find"]), row["id"]
    assert Counter(pair["label"] for pair in labels.pairs) == {"on": 100, "off": 100}
    assert set(Counter((pair["label"], pair["split"]) for pair in labels.pairs).values()) == {50}
    assert len({(pair["question"], pair["source"]) for pair in labels.pairs}) == 200
    assert {pair["question"] for pair in labels.pairs} == set(ids)
    outside = [json.loads(line) for line in (FOLDER / "outside.jsonl").read_text().splitlines()]
    assert [row["id"] for row in outside] == [f"O{n}" for n in range(1, 11)]
    assert all(row["relevant"] and row["question"] and row["library"] for row in outside)


def _unfounded(texts_of: dict[str, str], scheme: str) -> list[str]:
    """Labels whose source is absent from `texts_of`, or whose figure stands in no line of it."""
    labels, wrong = Labels.read(FOLDER), []
    for row in labels.questions:
        wanted = [s for need in row["must_find"] for s in need["any_of"]]
        wanted += [own for system in row["named_systems"] for own in system["own"]]
        wrong += [f"{row['id']}: no {s}" for s in wanted if s.startswith(scheme) and s not in texts_of]
        for form in (form for figure in row["must_show"] for form in forms(figure)):
            for source in (s for s in form["source"] if s.startswith(scheme)):
                if not any(stands(form["value"], form["unit"], line) for line in texts_of.get(source, "").splitlines()):
                    wrong.append(f"{row['id']}: {form['value']} {form['unit']} not in {source}")
    return wrong + [p["source"] for p in labels.pairs if p["source"].startswith(scheme) and p["source"] not in texts_of]


@pytest.mark.skipif(not list(STARTER.glob("*.md")), reason="no starter notes here")
def test_labelled_notes_hold_the_labelled_figures() -> None:
    notes = {}
    for path in STARTER.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        if found := re.search(r"^id: *(\S+)", text, re.MULTILINE):
            notes[found.group(1)] = text
    assert _unfounded(notes, "note:") == []


@pytest.fixture(scope="module")
def arxiv() -> list[Paper]:
    folder = SHARED / "data" / "arxiv-metadata"
    if not folder.is_dir():
        pytest.skip(f"no arXiv listings at {folder.name}: the shared data is not here")
    return list(arxiv_papers(folder))


def test_labelled_abstracts_hold_the_labelled_figures(arxiv: list[Paper]) -> None:
    papers = {paper.id: paper for paper in arxiv}
    assert _unfounded({key: " ".join(paper.text.split()) for key, paper in papers.items()}, "arxiv:") == []
    pairs = [pair for pair in Labels.read(FOLDER).pairs if pair["source"] in papers]
    assert [pair["source"] for pair in pairs if pair["title"] != papers[pair["source"]].title] == []


def test_decoys_fail_over_the_arxiv_abstracts(arxiv: list[Paper], tmp_path: Path) -> None:
    labels = Labels.read(FOLDER)
    for name, folder in write(tmp_path, labels, Library(arxiv)).items():
        grades = grade(load([folder]), labels)
        rules = {rule for rule, state in grades["overall"]["rules"].items() if not state["holds"]}
        assert not grades["passed"] and rules >= DECOY_FAULTS[name], (name, grades["fails"])
        assert grades["overall"]["must_find"]["ratio"] < 0.5 and grades["overall"]["must_show"]["ratio"] < 0.5, name


SEED = """Title cut
Abstract
Abstract: Lemurs wait 3 hours. They are lazy.
Research Question
{question}
Verification Level
| Paper level | L2 |
| Source-grounded claims | 2 | |
Publisher
"""


def test_seed_is_read_as_far_as_it_goes() -> None:
    found = seeds.findings(SEED.format(question=QUESTION), Labels([LABEL], []))
    assert found["stated"]["source_grounded_claims"] == 2 and found["answer_sentences"] == 2
    assert set(found["broken"]) >= {"named_system", "numbers_in_quotes", "quotes_at_offset", "status_follows",
                                    "answers_question"}  # fmt: skip
    assert "Lemurs" not in json.dumps(found)
    with pytest.raises(ValueError, match="not labelled"):
        seeds.findings(SEED.format(question="Another?"), Labels([LABEL], []))


def test_the_five_seeds_fail_as_committed(tmp_path: Path) -> None:
    if not (SHARED / "seeds").is_dir():
        pytest.skip("the seed texts are not here")
    assert seeds.main(["--seeds", str(SHARED / "seeds"), "--json", str(tmp_path / "seeds.json")]) == 0
    found = json.loads((tmp_path / "seeds.json").read_text())
    assert found == json.loads((FOLDER / "results" / "seeds.json").read_text())
    assert len(found["seeds"]) == 5
    for seed in found["seeds"].values():
        assert seed["must_find"]["found"] == seed["must_show"]["shown"] == 0
        assert "answers_question" in seed["broken"]
