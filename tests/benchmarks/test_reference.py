"""The comparison's own arithmetic, and that its committed results are those that the documentation tells."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.questions._record import Graded
from benchmarks.questions.grader import Labels
from benchmarks.reference import among_works, auc, of_method, paired

ROOT = Path(__file__).resolve().parents[2]
RESULTS: dict[str, Any] = json.loads((ROOT / "benchmarks/results/reference.json").read_text())
PAGE = (ROOT / "docs/reference-profile.md").read_text()


def test_auc_counts_pairs_and_ties_as_half() -> None:
    assert auc([3.0, 2.0], [1.0]) == 1.0
    assert auc([1.0], [1.0]) == 0.5
    assert auc([1.0, 3.0], [2.0, 2.0]) == 0.5


def grades(found: list[int]) -> dict[str, Any]:
    return {"questions": {f"Q{n}": {"must_find": {"found": one, "of": 4}} for n, one in enumerate(found)}}


def test_the_interval_is_over_questions_and_the_same_each_time() -> None:
    both = {"sovereign": grades([4, 4, 4, 2]), "reference": grades([0, 1, 2, 2])}
    first = paired(both, "must_find", "found")
    assert first == paired(both, "must_find", "found")
    assert first["mean_difference"] == pytest.approx((1 + 0.75 + 0.5 + 0) / 4)
    low, high = first["interval_95"]
    assert 0 <= low < first["mean_difference"] < high <= 1


ROW = {
    "id": "Q",
    "question": "What?",
    "named_systems": [{"name": "A", "own": ["arxiv:2501.00001"]}, {"name": "B", "own": []}],
    "must_find": [{"any_of": ["note:x", "arxiv:2501.00001"]}, {"any_of": ["note:y"]}, {"any_of": ["arxiv:2501.00002"]}],
    "must_show": [],
}


def test_what_the_method_itself_did_is_counted_apart_from_what_our_record_adds() -> None:
    foil = {"lead": "arxiv:2501.00001", "claims": [{"tick": True}, {"tick": False}], "score": 5, "verdict": "REVISE"}
    data = {"sources": [{"id": "arxiv:2501.00001"}], "foil": foil, "decision": {"policy": "QUARANTINE"}}
    labels = Labels([ROW], [{"question": "Q", "source": "arxiv:2501.00001", "label": "off", "split": "tune"}])
    record = Graded("r", data)
    found = of_method(record, ROW, labels)
    assert (found["named_with_own_source"], found["named_retrieved"]) == (1, 1)
    assert (found["claims"], found["ticked"], found["lead_label"]) == (2, 1, "off")
    assert among_works([record], labels) == {"found": 1, "of": 2, "ratio": 0.5}


def numbers_of(name: str) -> list[list[int]]:
    """The numbers of a row of the page's tables, cell by cell."""
    row = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE, re.M)
    assert row, f"the page has no row {name!r}"
    return [[int(number) for number in re.findall(r"\d+", cell)] for cell in row[1].split("|")]


def test_the_page_tells_the_committed_results() -> None:
    overall = [RESULTS["grades"][profile]["overall"] for profile in ("reference", "sovereign")]
    for key, part in (("must_find", "found"), ("must_show", "shown")):
        assert numbers_of(f"`{key}`") == [[one[key][part], one[key]["of"]] for one in overall]
    works = RESULTS["among_works"]
    assert numbers_of("`must_find` among works") == [
        [works[p]["found"], works[p]["of"]] for p in ("reference", "sovereign")
    ]
    for rule in overall[0]["rules"]:
        assert numbers_of(f"rule `{rule}` broken in") == [[len(one["rules"][rule]["questions"])] for one in overall]
    ticks = [RESULTS["ticks_on_scifact"][words] for words in ("english_stop_words", "no_stop_words")]
    for label in ("SUPPORT", "CONTRADICT", "NOT_ENOUGH_INFORMATION"):
        cells = [one[split][label] for one in ticks for split in ("train", "dev")]
        assert numbers_of(f"`{label}`") == [[cell["ticked"], cell["pairs"]] for cell in cells]
    for name, seed in RESULTS["seeds"].items():
        assert numbers_of(f"S{int(name[:3])}")[-1] == [seed["holds"], seed["of"]]


def test_every_record_of_the_run_was_sound() -> None:
    assert all(went["check_exit"] == 4 for asked in RESULTS["asked"].values() for went in asked.values())
    assert all(seed["check_exit"] == 4 for seed in RESULTS["seeds"].values())
