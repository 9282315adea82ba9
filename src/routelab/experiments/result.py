"""What an experiment came to: one JSON document, its criteria, and the refusal of what is no result."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from routelab._errors import BadData, NotAResult

SCHEMA = "routelab-result-v1"
SIZES = ("smoke", "full")
TIERS = ("C", "G")


class Outcome(StrEnum):
    """What a criterion came to. `void`: the experiment cannot decide it (a floor, a budget or a load check failed)."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    NOT_RESOLVED = "not_resolved"
    VOID = "void"


@dataclass(frozen=True)
class Ratio:
    """One quotient with both of its operands.

    Attributes:
        name: what is compared, as `numerator / denominator` in words. unit: of both operands.
        low, high: ends of the interval at `level`, by `method`; None where there is none.
    """

    name: str
    numerator: float
    denominator: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""

    @property
    def value(self) -> float:
        return self.numerator / self.denominator if self.denominator else math.nan

    def to_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "value": self.value}


@dataclass(frozen=True)
class Finding:
    """One criterion of the frozen file, and what it came to.

    Attributes:
        criterion: its id in the criteria file. claim: the sentence that was tested. outcome: one of four.
        because: one sentence with the numbers that decide. numbers: those numbers by name.
    """

    criterion: str
    claim: str
    outcome: Outcome
    because: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "outcome": str(self.outcome), "numbers": dict(self.numbers)}


@dataclass(frozen=True)
class Result:
    """A run of one experiment at one size and tier. Only a whole `full` run is a result.

    Attributes:
        criteria_sha256: digest of the frozen criteria file. values: measured numbers, by name.
        findings: one per criterion. ratios: every quotient that `findings` speak of, with its operands.
        versions, machine, load: where and beside what it was measured.
        whole: whether every unit of the plan had run.
    """

    experiment: str
    size: str
    tier: str
    criteria_sha256: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    values: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "experiment": self.experiment,
            "size": self.size,
            "tier": self.tier,
            "whole": self.whole,
            "criteria_sha256": self.criteria_sha256,
            "arms": list(self.arms),
            "seeds": list(self.seeds),
            "values": dict(self.values),
            "outcome": {f.criterion: str(f.outcome) for f in self.findings},
            "findings": [f.to_dict() for f in self.findings],
            "ratios": [r.to_dict() for r in self.ratios],
            "versions": dict(self.versions),
            "machine": dict(self.machine),
            "load": dict(self.load),
            "notes": list(self.notes),
        }

    def write(self, path: Path) -> None:
        write_json(path, self.to_dict())


def read_result(path: Path) -> Result:
    """A result file, looked at field by field.

    Raises:
        BadData: it is no JSON, of another schema, or a field is missing or of the wrong kind; the message names it.
    """
    document = read_json(path)

    def take(name: str, kind: type | tuple[type, ...]) -> Any:
        if not isinstance(document.get(name), kind):
            raise BadData(f"{path.name}: field {name!r} is missing or of another kind", "make the file anew")
        return document[name]

    if document.get("schema") != SCHEMA:
        raise BadData(f"{path.name}: field 'schema' is {document.get('schema')!r}, not {SCHEMA!r}")
    if take("size", str) not in SIZES or take("tier", str) not in TIERS:
        raise BadData(f"{path.name}: size {document['size']!r} or tier {document['tier']!r} is unknown")
    try:
        findings = tuple(Finding(**{**f, "outcome": Outcome(f["outcome"])}) for f in take("findings", list))
        ratios = tuple(Ratio(**{k: v for k, v in r.items() if k != "value"}) for r in take("ratios", list))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadData(f"{path.name}: a finding or a ratio does not fit ({error})", "make the file anew") from error
    return Result(
        experiment=take("experiment", str),
        size=document["size"],
        tier=document["tier"],
        criteria_sha256=take("criteria_sha256", str),
        arms=tuple(take("arms", list)),
        seeds=tuple(take("seeds", list)),
        values=take("values", dict),
        findings=findings,
        ratios=ratios,
        versions=take("versions", dict),
        machine=take("machine", dict),
        load=take("load", dict),
        whole=take("whole", bool),
        notes=tuple(document.get("notes", ())),
    )


def require_result(result: Result) -> Result:
    """The result itself.

    Raises:
        NotAResult: it is a smoke run, or units of its plan are missing.
    """
    if result.size != "full":
        raise NotAResult(f"{result.experiment} was run at size {result.size!r}", "run it with --size full")
    if not result.whole:
        raise NotAResult(f"units of {result.experiment} are missing", "resume it with --size full")
    return result


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all: a kill leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(plain(document), file, indent=1, sort_keys=True, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        BadData: there is no such file, it is cut off, or it holds no object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadData(f"{path.name} cannot be read as JSON ({error})", "make the file anew") from error
    if not isinstance(document, dict):
        raise BadData(f"{path.name} holds no JSON object")
    return document


def plain(value: Any) -> Any:
    """Numbers as JSON has them: a number that is not finite becomes null, an array a list."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
