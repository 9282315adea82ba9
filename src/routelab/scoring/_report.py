"""What every scorer returns: sums and counts, percentages of them, and the outcome of each question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routelab._errors import BadData


@dataclass(frozen=True)
class Tally:
    """A sum of credits over a number of questions."""

    total: float
    count: int

    @property
    def percent(self) -> float:
        """Percent with two decimals, rounded once, from the sum (as the official VQA script does)."""
        return round(100 * self.total / self.count, 2)


def tallied(credits_: Iterable[float]) -> Tally:
    """Credits added in the order of the file, so that the sum is the official script's to the last bit."""
    total, count = 0.0, 0
    for one in credits_:
        total += one
        count += 1
    return Tally(total, count)


@dataclass(frozen=True)
class Report:
    """A benchmark's score.

    Attributes:
        benchmark: vqav2, visual7w, seed or mmbench. protocol: which of its rules were applied, in words.
        overall: over every question. groups: by kind of group (such as answer_type), then by its value.
        outcomes: credit of each question by its id, 0 to 1. notes: what a reader should know, such as answers that are
            none of the options.
    """

    benchmark: str
    protocol: str
    overall: Tally
    groups: Mapping[str, Mapping[str, Tally]]
    outcomes: Mapping[str, float]
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Numbers and both their operands; outcomes last."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol,
            "overall": _shown(self.overall),
            "groups": {kind: {name: _shown(t) for name, t in of.items()} for kind, of in self.groups.items()},
            "notes": list(self.notes),
            "outcomes": dict(self.outcomes),
        }


def _shown(tally: Tally) -> dict[str, float | int]:
    return {"percent": tally.percent, "sum": tally.total, "questions": tally.count}


def grouped(pairs: Iterable[tuple[str, float]]) -> dict[str, Tally]:
    """Tallies by group, the groups in order of their names."""
    members: dict[str, list[float]] = {}
    for name, credit in pairs:
        members.setdefault(name, []).append(credit)
    return {name: tallied(members[name]) for name in sorted(members)}


def some(credits_: Mapping[str, float], benchmark: str) -> None:
    """Raises `BadData` if there is no question at all: a mean over nothing is no score."""
    if not credits_:
        raise BadData(f"{benchmark}: no question to score")
