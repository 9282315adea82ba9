"""The QASPER benchmark over papers made here: what counts as evidence, what is left out, who is measured."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from benchmarks import qasper

PAPER = """# A study of tweets

**Paper ID:** 2001.00001

## Abstract

We study tweets.

## Data

We collected a corpus of 2,000 tweets in English.

## Model

We use a network of two layers.

## References

A corpus of tweets. 2019.
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "papers.tar.gz", "w:gz") as archive:
        for name, text in (("2001.00001", PAPER), ("2001.00002", PAPER.replace("tweets", "letters"))):
            raw = text.encode()
            member = tarfile.TarInfo(f"papers/validation/{name}.txt")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    rows = [
        ("2001.00001", "Where does the data come from?", ["We collected a corpus of 2,000 tweets in English."]),
        ("2001.00001", "How many layers?", ["We use a network of two layers.", "FLOAT SELECTED: Table 1: x", "Model"]),
        ("2001.00002", "What is in Figure 1?", ["FLOAT SELECTED: Figure 1: y"]),
    ]
    asked = [{"paper_id": p, "question": q, "answers": [{"evidence": e}, {"evidence": []}]} for p, q, e in rows]
    (tmp_path / "questions_validation.json").write_text(json.dumps(asked))
    return tmp_path


def test_evidence_is_counted_and_what_cannot_be_found_is_left_out(data: Path, tmp_path: Path) -> None:
    result, asked = qasper.measure_split(data, "validation", 200, tmp_path / "scratch")
    assert len(asked) == 3
    told = {name: value for name, value in result.items() if isinstance(value, int)}
    assert told == {
        "papers": 2, "paragraphs": 4, "questions": 3, "questions_measured": 2, "evidence_paragraphs": 2,
        "questions_without_evidence_paragraphs": 1, "evidence_captions_of_figures_and_tables": 2,
        "evidence_that_is_no_paragraph": 1, "quotes": 12, "quotes_found_again": 12,
    }  # fmt: skip
    assert result["recall_at_5"]["sovereign"] == {"mean": 1.0, "interval": [1.0, 1.0]}


def test_an_interval_is_drawn_over_papers() -> None:
    one_paper = qasper.interval(["p"] * 50, [0.0] * 25 + [1.0] * 25)
    many = qasper.interval([f"p{n}" for n in range(50)], [0.0] * 25 + [1.0] * 25)
    assert one_paper == [0.5, 0.5]
    assert many[0] < 0.45 < 0.55 < many[1]
