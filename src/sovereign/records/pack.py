"""`pack.toml`: what a pack measures, what it needs, and its claims, all fixed before the run."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from .base import Document, Sha256, SourceId
from .evidence import DiffersIn, Facets

#: Names that a file of a pack cannot have: they are those of a run's own files beside it.
RESERVED = ("pack.toml", "results.json", "attestation.json", "runs", "earlier", "inputs")
#: Variables that are the sandbox's to set.
_OURS = re.compile(r"(SOVEREIGN_.*|PYTHON.*|LD_.*|PATH|HOME|TMPDIR|TZ|LANG|LC_.*)")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

PackPath = Annotated[str, Field(max_length=300, description="path in the pack, parts joined by /")]


class Comparison(StrEnum):
    """How a pack's claim is compared with its result; fixed before the run and part of the pack's digest."""

    EQUAL = "equal"
    WITHIN_ABSOLUTE = "within_absolute"
    WITHIN_RELATIVE = "within_relative"
    LESS_THAN = "less_than"
    GREATER_THAN = "greater_than"
    RATIO = "ratio"
    EQUIVALENCE = "equivalence"
    MEASURED = "measured"


#: Comparisons that look at an interval; those in SAMPLED need one value per repetition, not a mean.
INTERVALS = frozenset({Comparison.LESS_THAN, Comparison.GREATER_THAN, Comparison.RATIO, Comparison.EQUIVALENCE})
SAMPLED = frozenset({Comparison.RATIO, Comparison.EQUIVALENCE})


class Settled(Document):
    """A claim of another source that a pack settles: found by the source's id and words of its sentence."""

    source: SourceId
    sentence_contains: str = Field(min_length=8)


class _Finite(Document):
    """A bound of infinity would hold whatever is measured."""

    model_config = ConfigDict(allow_inf_nan=False)


class PackClaim(_Finite):
    """What a pack expects of one field of its results.

    `expected` is a number, or `expected_field` points at another field of the results (formula against simulation, one
    arm against the other). A field may hold one number, or a list of samples, one per repetition; two lists are paired.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    statement: str
    result_field: str = Field(description="JSON pointer into results.json")
    comparison: Comparison
    expected: float | None = None
    expected_field: str | None = None
    tolerance: float = Field(
        default=0.0,
        ge=0,
        description="in the result's unit, or a fraction when relative; the margin of an ordering or an equivalence",
    )
    at_least: float | None = Field(default=None, description="of a ratio: the lower bound of what is claimed")
    at_most: float | None = Field(default=None, description="of a ratio: the upper bound of what is claimed")
    confidence: float | None = Field(
        default=None, ge=0.5, lt=1, description="of the bootstrap interval: 0.95 by default, 0.9 for an equivalence"
    )
    uncertainty_field: str | None = Field(
        default=None, description="JSON pointer to a standard error; a result wider than the tolerance is not resolved"
    )
    value_field: str | None = Field(
        default=None, description="where result_field holds samples: pointer to the number that stands for them"
    )
    settles: tuple[Settled, ...] = Field(default=(), description="source claims that this claim settles")
    facets: Facets = Facets()

    @model_validator(mode="after")
    def _one_expectation(self) -> PackClaim:
        stated = (self.expected is not None) + (self.expected_field is not None)
        if self.comparison is Comparison.MEASURED:
            if stated or self.settles:
                raise ValueError("a `measured` claim has no expectation, so it settles nothing")
        elif stated != 1:
            raise ValueError("a compared claim needs exactly one of expected and expected_field")
        return self

    @model_validator(mode="after")
    def _what_the_comparison_takes(self) -> PackClaim:
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if self.comparison is Comparison.RATIO:
            if self.expected_field is None:
                raise ValueError("a ratio needs expected_field, the samples that it divides by")
            if not bounds or bounds != sorted(bounds):
                raise ValueError("a ratio needs at_least, at_most or both, in that order")
            if self.tolerance:
                raise ValueError("a ratio has no tolerance: its bounds are at_least and at_most")
        elif bounds:
            raise ValueError("at_least and at_most are a ratio's")
        if self.comparison is Comparison.EQUIVALENCE and not self.tolerance:
            raise ValueError("an equivalence needs a tolerance, its margin")
        if self.confidence is not None and self.comparison not in INTERVALS:
            raise ValueError("a confidence belongs to an ordering, a ratio or an equivalence")
        if self.uncertainty_field is not None and self.comparison in SAMPLED:
            raise ValueError("a ratio or an equivalence takes its uncertainty from its samples")
        return self


class PackLimits(_Finite):
    seconds: float = Field(default=60, gt=0, le=3600)
    memory_mb: int = Field(default=512, ge=16)
    output_mb: int = Field(default=8, ge=1)
    processes: int = Field(default=16, ge=1)


class PackInput(Document):
    """Data that a pack reads: a file of the pack, or what its owner hands in at run time under this name.

    The digest of a file is its SHA-256; of a folder, the SHA-256 of its listing: for each file in the order of paths a
    line `<sha256>  <path>`, as `sha256sum` prints it.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")
    sha256: Sha256
    file: PackPath | None = Field(default=None, description="a file of the pack; without it the owner hands it in")
    folder: bool = Field(default=False, description="it is a folder, and the digest is that of its listing")
    members: tuple[PackPath, ...] = Field(default=(), description="of a folder: the files that count; else all")
    description: str = ""
    fetch: str = Field(default="", description="how to get it, told to an owner who has it not")

    @model_validator(mode="after")
    def _one_kind(self) -> PackInput:
        if self.file is not None and self.folder:
            raise ValueError("an input is a file of the pack or a folder that is handed in, not both")
        if self.members and not self.folder:
            raise ValueError("only a folder has members")
        for member in self.members:
            _safe_path(member)
        return self

    @property
    def variable(self) -> str:
        """The environment variable that holds its place in the sandbox."""
        return "SOVEREIGN_INPUT_" + self.name.upper().replace("-", "_")


class PackEnvironment(Document):
    """What a run needs of its surroundings."""

    variables: dict[str, str] = Field(default_factory=dict, description="set in the sandbox")
    python: str | None = Field(default=None, pattern=r"^3\.\d{1,2}$", description="the oldest Python that will do")
    requirements: tuple[str, ...] = Field(default=(), description="distributions that must be installed, by name")

    @model_validator(mode="after")
    def _names(self) -> PackEnvironment:
        for name, value in self.variables.items():
            if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,60}", name) or _OURS.fullmatch(name) or "\0" in value:
                raise ValueError(f"the variable {name!r} cannot be set by a pack")
        for name in self.requirements:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}", name):
                raise ValueError(f"{name!r} is no name of a distribution; state no version")
        return self


class PackSpec(_Finite):
    """`pack.toml`: what is measured, the claims with their tolerances, the command and its limits."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)
    title: str
    version: int = Field(ge=1)
    description: str
    facets: Facets = Field(description="what it measures and under which conditions; a claim's own facets go before")
    bears_on: tuple[str, ...] = Field(default=(), description="metrics of cells beside which its measurement may stand")
    differs_in: tuple[DiffersIn, ...] = Field(
        default=(), description="in what its measurement differs from a cell that it stands beside"
    )
    source: SourceId = Field(description="id under which the results enter the library: measurement:<name>")
    script: PackPath = "run.py"
    files: tuple[PackPath, ...] = Field(default=(), max_length=64, description="further files, read by the script")
    command: tuple[str, ...] = Field(
        default=(), max_length=64, description="argv; `python` and the script by default, further arguments after them"
    )
    seed: int = Field(default=0, ge=0, lt=2**31)
    inputs: tuple[PackInput, ...] = Field(default=(), max_length=16)
    environment: PackEnvironment = PackEnvironment()
    limits: PackLimits = PackLimits()
    minimum_isolation: str = Field(
        default="isolated",
        pattern=r"^[a-z]+(-[a-z]+)*(\+[a-z]+(-[a-z]+)*)*$",
        description="`full` (every limit bites), `isolated` (any that passes its own test), or the shortfalls allowed",
    )
    expected_seconds: float | None = Field(default=None, gt=0, description="how long a run takes, roughly")
    claims: tuple[PackClaim, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> PackSpec:
        if self.bears_on and not self.differs_in:
            raise ValueError("a pack that bears on other metrics says in differs_in how its measurement differs")
        for kind, names in (("claim", [c.id for c in self.claims]), ("input", [i.name for i in self.inputs])):
            if len(set(names)) != len(names):
                raise ValueError(f"two of its {kind}s have one name")
        if not self.source.startswith("measurement:"):
            raise ValueError("the source of a pack's results is measurement:<name>")
        return self

    @model_validator(mode="after")
    def _paths(self) -> PackSpec:
        paths = [self.script, *self.files]
        for path in paths:
            if _safe_path(path).split("/")[0] in RESERVED:
                raise ValueError(f"{path!r} is no plain file name of a pack: we keep it for ourselves")
        if len(set(paths)) != len(paths):
            raise ValueError("a file is named twice")
        for given in self.inputs:
            if given.file is not None and given.file not in paths:
                raise ValueError(f"the input {given.name} is {given.file!r}, which is not among the pack's files")
        if self.command and self.command[:2] != ("python", self.script):
            raise ValueError(f"the command begins with `python` and the script: ['python', '{self.script}', ...]")
        if any("\0" in part for part in self.command):
            raise ValueError("an argument of the command holds a zero byte")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The pack's files beside `pack.toml`, the script first."""
        return (self.script, *self.files)

    def facets_of(self, claim: PackClaim) -> Facets:
        """What a claim is about: the pack's facets, and over them those that the claim states itself."""
        own = {name: value for name, value in claim.facets if value not in (None, ())}
        return self.facets.model_copy(update=own)


def _safe_path(path: str) -> str:
    """A relative path of plain names; ValueError for anything that could lead elsewhere or be misread by a tool."""
    parts = path.split("/")
    if len(parts) > 8 or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(f"{path!r} is no plain file name or path of a file in the pack")
    return path
