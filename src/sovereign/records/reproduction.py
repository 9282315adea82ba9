"""Packs, their results, and what a run of a pack says of a claim."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from .base import ClaimId, Document, Sha256, SourceId
from .evidence import DiffersIn, Facets


class Comparison(StrEnum):
    """How a pack's claim is compared with its result; fixed before the run and part of the pack's digest."""

    EQUAL = "equal"
    WITHIN_ABSOLUTE = "within_absolute"
    WITHIN_RELATIVE = "within_relative"
    MEASURED = "measured"


class Outcome(StrEnum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    NOT_RESOLVED = "not_resolved"


class Settled(Document):
    """A claim of another source that a pack settles: found by the source's id and words of its sentence."""

    source: SourceId
    sentence_contains: str = Field(min_length=8)


class PackClaim(Document):
    """What a pack expects of one field of its results.

    `expected` is a number, or `expected_field` points at another field of the results (formula against simulation).
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    statement: str
    result_field: str = Field(description="JSON pointer into results.json")
    comparison: Comparison
    expected: float | None = None
    expected_field: str | None = None
    tolerance: float = Field(default=0.0, ge=0, description="in the result's unit, or a fraction when relative")
    uncertainty_field: str | None = Field(
        default=None, description="JSON pointer to a standard error; a result wider than the tolerance is not resolved"
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


class PackLimits(Document):
    seconds: float = Field(default=60, gt=0, le=3600)
    memory_mb: int = Field(default=512, ge=16)
    output_mb: int = Field(default=8, ge=1)
    processes: int = Field(default=16, ge=1)


class PackSpec(Document):
    """`pack.toml`: what is measured, the claims with their tolerances, the command and its limits."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    version: int = Field(ge=1)
    description: str
    facets: Facets
    bears_on: tuple[str, ...] = Field(default=(), description="metrics of cells beside which its measurement may stand")
    differs_in: tuple[DiffersIn, ...] = Field(min_length=1)
    source: SourceId = Field(description="id under which the results enter the library: measurement:<name>")
    script: str = "run.py"
    seed: int = 0
    limits: PackLimits = PackLimits()
    claims: tuple[PackClaim, ...] = Field(min_length=1)


class ClaimOutcome(Document):
    """What one pack claim came to: both operands, so that anyone can compare again."""

    pack_claim: str
    outcome: Outcome
    measured: float | None
    expected: float | None
    tolerance: float
    uncertainty: float | None = None
    reason: str
    record_claims: tuple[ClaimId, ...] = Field(default=(), description="claims of the record that it settles")


class Reproduction(Document):
    """A run of a pack whose artifacts are attached to the record under `reproductions/<results_sha256>/`.

    There lie `pack.toml`, the script, `results.json` and `attestation.json`, the signed statement of the run. The
    statement's digest is not repeated here, so that two owners' records of one result have one body.
    """

    pack: str
    pack_digest: Sha256
    results_sha256: Sha256
    source: SourceId
    isolation: str = Field(description="the sandbox's grade, such as `bubblewrap`")
    outcomes: tuple[ClaimOutcome, ...]
