"""The readers' benchmark: its measures are right, and docs/reading.md shows the committed table."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.readers import grams, markdown, summary

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_shows_the_committed_table() -> None:
    report = json.loads((ROOT / "benchmarks" / "results" / "readers.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    flowing = " ".join(page.split())
    assert markdown(report["table"]) in page
    assert summary(report["files"]) == report["table"]
    spans = [told["spans"] for told in report["table"].values()]
    assert all(one["drawn"] == one["found"] > 0 for one in spans)
    adding = report["adding"]
    assert f"{adding['papers']} papers" in flowing and f"took {adding['seconds']:.0f} s" in flowing


def test_grams_are_of_words_alone() -> None:
    assert grams("One, two; THREE-four (\ufb01ve).") == {("one", "two", "three", "four", "five")}
    assert grams("too few words here") == set()
