"""Grades records against the labels of this folder: recalls, on-subject precision, and rules with their violations.

    python -m benchmarks.questions.grader --records DIR [--labels DIR] [--texts DIR] [--json OUT] [--partial]

Exit 0 when every rule holds in every record and the thresholds are met, 1 when not, 2 when it cannot grade.
Reads plain `record.json`; needs only the standard library and imports nothing of `sovereign`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ._record import Graded, Json, bare, listed, load
from ._rules import RULE_NAMES, violations
from ._text import names, stands, units

HERE = Path(__file__).resolve().parent
THRESHOLDS = {"must_find": 0.8, "must_show": 0.7, "on_subject_precision": 0.7}
SPLITS = ("tune", "report")


class Labels:
    """What must be found and shown for each question, and which sources are on its subject."""

    def __init__(self, questions: list[Json], pairs: list[Json]) -> None:
        self.questions, self.pairs = questions, pairs

    @classmethod
    def read(cls, folder: Path) -> Labels:
        """labels.jsonl and on_subject.jsonl of a folder (the second may be absent).

        Raises:
            ValueError: a file is missing, a line is broken, or a unit is unknown.
        """
        questions = _lines(folder / "labels.jsonl")
        for row in questions:
            for figure in row["must_show"]:
                for form in forms(figure):
                    if form["unit"] not in units():
                        raise ValueError(f"{row['id']}: unknown unit {form['unit']!r}; known: {units()}")
        pairs = folder / "on_subject.jsonl"
        return cls(questions, _lines(pairs) if pairs.exists() else [])


def _lines(path: Path) -> list[Json]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def forms(figure: Json) -> list[Json]:
    """A figure and the figures that count as well as it."""
    base = {"value": figure["value"], "unit": figure["unit"], "source": figure["source"]}
    return [base, *({**base, **other} for other in figure.get("or", []))]


def _shown(record: Graded, figure: Json, attached_only: bool) -> bool:
    attached = record.attached()
    for claim_id, claim in record.claims.items():
        if attached_only and claim_id not in attached:
            continue
        for quote in record.quotes(claim):
            source, text = bare(str(quote.get("source"))), str(quote.get("text", ""))
            if any(
                source in map(bare, form["source"]) and stands(form["value"], form["unit"], text)
                for form in forms(figure)
            ):
                return True
    return False


def _ratio(part: int, whole: int, of: str = "of", what: str = "found") -> Json:
    return {what: part, of: whole, "ratio": round(part / whole, 4) if whole else None}


def _on_subject(pairs: list[Json], kept: dict[str, set[str]]) -> Json:
    """Precision and recall of the kept sources over labelled pairs, each with both operands."""
    counts = {"on_kept": 0, "off_kept": 0, "on": 0, "off": 0}
    for pair in pairs:
        is_kept = bare(pair["source"]) in kept.get(pair["question"], set())
        counts[pair["label"]] += 1
        counts[f"{pair['label']}_kept"] += is_kept
    labelled = counts["on_kept"] + counts["off_kept"]
    return {
        **counts,
        "precision": round(counts["on_kept"] / labelled, 4) if labelled else None,
        "recall": round(counts["on_kept"] / counts["on"], 4) if counts["on"] else None,
    }


def _facets_covered(record: Graded, label: Json) -> Json:
    """How many of the question's systems, metrics and benchmarks some cell is about: reported, never a gate."""
    asked = [*(s["name"] for s in label["named_systems"]), *label.get("metrics", []), *label.get("benchmarks", [])]
    in_cells = json.dumps([cell.get("facets") for cell in record.cells], ensure_ascii=False)
    absent = [name for name in asked if not names(in_cells, name)]
    return {**_ratio(len(asked) - len(absent), len(asked)), "absent": absent}


def grade_record(record: Graded, label: Json) -> Json:
    """One record against its label: recalls with what was missed, and violations by rule."""
    sources = record.sources
    not_found = [need["any_of"] for need in label["must_find"] if not {bare(i) for i in need["any_of"]} & set(sources)]
    figures = label["must_show"]
    not_shown = [figure for figure in figures if not _shown(record, figure, attached_only=True)]
    in_any = sum(_shown(record, figure, attached_only=False) for figure in figures)
    broken = violations(record, label)
    if label["must_find"] and len(not_found) == len(label["must_find"]):
        broken["answers_question"].append("none of the sources that must be found is there")
    if figures and len(not_shown) == len(figures):
        broken["answers_question"].append("none of the figures that must be shown is shown")
    return {
        "record": record.data.get("id"),
        "body_digest": record.data.get("body_digest"),
        "status": record.status,
        "sources": len(sources),
        "claims": len(record.claims),
        "claims_attached": len(record.attached()),
        "cells": len(record.cells),
        "gaps": sum(1 for cell in record.cells if not listed(cell.get("claims"))),
        "must_find": {**_ratio(len(label["must_find"]) - len(not_found), len(label["must_find"])), "missed": not_found},
        "must_show": {
            **_ratio(len(figures) - len(not_shown), len(figures), what="shown"),
            "missed": [f"{f['value']} {f['unit']}: {f['condition']}" for f in not_shown],
            "in_any_claim": in_any,
        },
        "facets_covered": _facets_covered(record, label),
        "rules": {name: {"holds": not found, "violations": found} for name, found in broken.items()},
    }


def grade(records: list[Graded], labels: Labels, partial: bool = False) -> Json:
    """All records against all labels.

    Args:
        records: at most one for each question.
        labels: what they are graded by.
        partial: grade only the questions that have a record; without it, an unanswered question is a failure and
            counts with nothing found.

    Raises:
        ValueError: two records for one question, or a record of an unlabelled question.
    """
    by_text = {_same(row["question"]): row for row in labels.questions}
    matched: dict[str, Graded] = {}
    for record in records:
        label = by_text.get(_same(record.question))
        if label is None:
            raise ValueError(f"no label for the question of {record.path}; give its labels with --labels")
        if label["id"] in matched:
            raise ValueError(f"two records for {label['id']}: {matched[label['id']].path} and {record.path}; keep one")
        matched[label["id"]] = record
    wanted = [row for row in labels.questions if not partial or row["id"] in matched]
    absent = [row["id"] for row in wanted if row["id"] not in matched]
    empty = {row["id"]: Graded("", {"question": {"text": row["question"]}}) for row in wanted}
    questions = {row["id"]: grade_record(matched.get(row["id"], empty[row["id"]]), row) for row in wanted}
    overall = _overall(questions, wanted, matched, labels)
    overall["without_record"] = absent
    fails = [f"rule {name}" for name, rule in overall["rules"].items() if not rule["holds"]]
    fails += [f"{name} under {bar}" for name, bar in THRESHOLDS.items() if not _meets(overall, name, bar)]
    fails += [f"no record for {', '.join(absent)}"] if absent else []
    return {
        "schema": "sovereign-question-grades-v1",
        "passed": not fails and bool(questions),
        "fails": fails or ([] if questions else ["nothing to grade"]),
        "thresholds": THRESHOLDS,
        "overall": overall,
        "questions": questions,
    }


def _same(question: str) -> str:
    return " ".join(question.split()).casefold()


def _overall(questions: dict[str, Json], wanted: list[Json], matched: dict[str, Graded], labels: Labels) -> Json:
    def total(key: str, field: str) -> int:
        return sum(question[key][field] for question in questions.values())

    ids = {row["id"] for row in wanted}
    kept = {key: set(record.sources) for key, record in matched.items()}
    pairs = [pair for pair in labels.pairs if pair["question"] in ids]
    shown = _ratio(total("must_show", "shown"), total("must_show", "of"), what="shown")
    in_any = total("must_show", "in_any_claim")
    rules: dict[str, Any] = {}
    for name in RULE_NAMES:
        broken = {key: len(q["rules"][name]["violations"]) for key, q in questions.items()}
        rules[name] = {
            "holds": not any(broken.values()),
            "violations": sum(broken.values()),
            "questions": sorted(key for key, count in broken.items() if count),
        }
    return {
        "must_find": _ratio(total("must_find", "found"), total("must_find", "of")),
        "must_show": {**shown, "in_any_claim": _ratio(in_any, shown["of"], what="shown")},
        "facets_covered": _ratio(total("facets_covered", "found"), total("facets_covered", "of")),
        "on_subject": {split: _on_subject([p for p in pairs if p["split"] == split], kept) for split in SPLITS},
        "rules": rules,
    }


def _meets(overall: Json, name: str, bar: float) -> bool:
    """A threshold holds when there is nothing to measure it on (no labels), or the measure reaches it.

    On-subject precision is gated on the `report` split. Labelled pairs of which none was kept meet nothing.
    """
    if name == "on_subject_precision":
        split = overall["on_subject"]["report"]
        return split["on"] + split["off"] == 0 or (split["precision"] or 0.0) >= bar
    return bool(overall[name]["of"] == 0 or overall[name]["ratio"] >= bar)


def summary(grades: Json, most: int = 3) -> str:
    """The grades as lines for a terminal; at most `most` violations of each rule and question."""
    over = grades["overall"]
    lines = []
    for key, q in grades["questions"].items():
        broken = [name for name, rule in q["rules"].items() if not rule["holds"]]
        lines.append(
            f"{key:4} {q['status'] or 'no record':16} find {q['must_find']['found']}/{q['must_find']['of']} "
            f"show {q['must_show']['shown']}/{q['must_show']['of']} cells {q['cells']} gaps {q['gaps']} "
            f"{'rules hold' if not broken else 'BROKEN ' + ', '.join(broken)}"
        )
        for name in broken:
            lines += [f"       {name}: {text}" for text in q["rules"][name]["violations"][:most]]
    for name, what in (("must_find", "found"), ("must_show", "shown")):
        lines.append(f"{name}: {over[name][what]} of {over[name]['of']} = {over[name]['ratio']}")
    any_claim = over["must_show"]["in_any_claim"]
    lines.append(f"must_show, in any claim: {any_claim['shown']} of {any_claim['of']} = {any_claim['ratio']}")
    for split, s in over["on_subject"].items():
        lines.append(
            f"on subject, {split}: precision {s['on_kept']} of {s['on_kept'] + s['off_kept']} = "
            f"{s['precision']}, recall {s['on_kept']} of {s['on']} = {s['recall']}"
        )
    lines.append("PASSED" if grades["passed"] else "FAILED: " + "; ".join(grades["fails"]))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.questions.grader", description=__doc__.splitlines()[0])
    parser.add_argument("--records", nargs="+", type=Path, required=True, help="record.json files, or folders of them")
    parser.add_argument("--labels", type=Path, default=HERE, help="folder of labels.jsonl and on_subject.jsonl")
    parser.add_argument("--texts", type=Path, help="folder of <sha256>.txt, where a record has no texts beside it")
    parser.add_argument("--json", type=Path, help="write the grades there")
    parser.add_argument("--partial", action="store_true", help="grade only questions that have a record")
    options = parser.parse_args(arguments)
    try:
        grades = grade(load(options.records, options.texts), Labels.read(options.labels), options.partial)
    except ValueError as error:
        print(f"cannot grade: {error}", file=sys.stderr)
        return 2
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(grades, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(summary(grades))
    return 0 if grades["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
