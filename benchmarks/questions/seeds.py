"""Reads the five outputs of the earlier system into the record shape, as far as they go, and grades them.

    python -m benchmarks.questions.seeds --seeds ../shared/seeds --json benchmarks/questions/results/seeds.json

What a page or report does not state stays absent, so a rule that needs it fails. Only findings are written: no
sentence of a seed. Without the folder of seeds it says so and ends 0.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from ._record import Graded, Json
from .grader import HERE, Labels, grade_record

#: Rows of the report's claim table: a sentence, a tick or a cross, the cosine.
_CLAIM = re.compile(r"^(?P<text>.+?)\t(?P<mark>[✓×])\t(?P<score>\d\.\d+)$", re.MULTILINE)
_ARXIV = re.compile(r"arxiv\.org/abs/(\d{4}\.\d{4,5})")
_COUNT = re.compile(r"Source-grounded claims\s*\|?\s*(\d+)")
_SCORE = re.compile(r"(?:Review score:\s*|Tribunal:\s*)(\d+(?:\.\d+)?)/10")


def _between(text: str, start: str, ends: tuple[str, ...]) -> str:
    match = re.search(rf"^\s*(?:\d+\s+)?{start}\s*$", text, re.MULTILINE)
    if match is None:
        return ""
    stops = [
        found.start()
        for end in ends
        if (found := re.search(rf"^\s*(?:\d+\s+)?{end}\s*$", text[match.end() :], re.MULTILINE))
    ]
    return text[match.end() : match.end() + min(stops)].strip() if stops else text[match.end() :].strip()


def question_of(text: str) -> str:
    """The research question that a page prints in full, or a report in its introduction; "" if there is none."""
    page = _between(text, "Research Question", ("Verification Level",))
    if page:
        return " ".join(page.split())
    report = re.search(r"Research goal:\s*(.+?\?)\.?\s*$", text, re.MULTILINE)
    return " ".join(report.group(1).split()) if report else ""


def to_record(text: str) -> Json:
    """A seed as a record. Its abstract is what it shows under the question, so that is its answer.

    The claims of a report have no quote and no source; its references are its sources, without a text. A page states
    how many claims it has and shows none: they enter as that many claims without text or quote.
    """
    abstract = _between(text, "Abstract", ("Research Question", "Introduction")).removeprefix("Abstract:").strip()
    claims: list[Json] = [
        {"id": f"row-{n}", "text": row.group("text"), "quotes": []} for n, row in enumerate(_CLAIM.finditer(text), 1)
    ]
    stated = _COUNT.search(text)
    if not claims and stated:
        claims = [{"id": f"stated-{n}", "text": "", "quotes": []} for n in range(1, int(stated.group(1)) + 1)]
    said = [part for part in re.split(r"(?<=[.!?])\s+", " ".join(abstract.split())) if part]
    return {
        "question": {"text": question_of(text)},
        "answer": {"sentences": [{"text": part, "claims": []} for part in said]},
        "claims": claims,
        "sources": [{"id": f"arxiv:{number}", "title": "", "kind": "work"} for number in _ARXIV.findall(text)],
        "cells": [],
        "missing_systems": [],
    }


def findings(text: str, labels: Labels) -> Json:
    """What one seed fails: the grader's rules and recalls, and the counts that the seed itself states.

    Raises:
        ValueError: the seed's question is not among the labelled ones.
    """
    record = to_record(text)
    asked = " ".join(record["question"]["text"].split()).casefold()
    label = next((row for row in labels.questions if " ".join(row["question"].split()).casefold() == asked), None)
    if label is None:
        raise ValueError("the question of this seed is not labelled")
    graded = grade_record(Graded("", record), label)
    stated, ticks = _COUNT.search(text), [row.group("mark") for row in _CLAIM.finditer(text)]
    score = _SCORE.search(text)
    return {
        "question": label["id"],
        "stated": {
            "source_grounded_claims": int(stated.group(1)) if stated else None,
            "claim_rows": len(ticks),
            "ticked": ticks.count("✓"),
            "review_score": float(score.group(1)) if score else None,
        },
        "sources_listed": len(record["sources"]),
        "answer_sentences": len(record["answer"]["sentences"]),
        "must_find": graded["must_find"],
        "must_show": graded["must_show"],
        "broken": [name for name, rule in graded["rules"].items() if not rule["holds"]],
        "rules": graded["rules"],
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks.questions.seeds", description="Grade the earlier system's outputs."
    )
    parser.add_argument("--seeds", type=Path, default=Path("../shared/seeds"))
    parser.add_argument("--json", type=Path, default=HERE / "results" / "seeds.json")
    options = parser.parse_args(arguments)
    files = sorted(options.seeds.glob("*.txt")) if options.seeds.is_dir() else []
    if not files:
        print(f"skipped: no seed texts in {options.seeds}")
        return 0
    labels = Labels.read(HERE)
    try:
        seeds = {file.stem: findings(file.read_text(encoding="utf-8"), labels) for file in files}
    except ValueError as error:
        print(f"cannot grade the seeds: {error}", file=sys.stderr)
        return 2
    options.json.parent.mkdir(parents=True, exist_ok=True)
    result = {"schema": "sovereign-seed-findings-v1", "seeds": seeds}
    options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, seed in seeds.items():
        print(
            f"{name}: {seed['question']}, find {seed['must_find']['found']}/{seed['must_find']['of']}, "
            f"show {seed['must_show']['shown']}/{seed['must_show']['of']}, broken: {', '.join(seed['broken'])}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
