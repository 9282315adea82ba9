"""What a run of a pack says of a claim, and the run as a record holds it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .base import ClaimId, Document, Sha256, SourceId
from .evidence import Facets


class Outcome(StrEnum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    NOT_RESOLVED = "not_resolved"


class ClaimOutcome(Document):
    """What one pack claim came to: both operands, so that anyone can compare again."""

    pack_claim: str
    outcome: Outcome
    measured: float | None
    expected: float | None
    tolerance: float
    uncertainty: float | None = None
    interval: tuple[float, float] | None = Field(
        default=None, description="of what is compared (a difference, a ratio), by bootstrap or two standard errors"
    )
    samples: int | None = Field(default=None, description="how many repetitions the interval is from")
    spread: tuple[float, float] | None = Field(
        default=None, description="of a repeated run: the least and the greatest measured value"
    )
    reason: str
    put_to_test: bool = Field(default=True, description="false where the pack has no expectation")
    facets: Facets = Field(default=Facets(), description="what the pack claim is about, its conditions included")
    record_claims: tuple[ClaimId, ...] = Field(default=(), description="claims of the record that it settles")
    measured_claim: ClaimId | None = Field(default=None, description="the record's claim that states this very result")


class EarlierRun(Document):
    """A run of a pack of this name that came before, of another digest or with other results.

    Its files lie under `earlier/<n>/` beside those of the run, from 1. It counts for no verdict.
    """

    pack_digest: Sha256
    results_sha256: Sha256
    version: int = Field(ge=1)
    changed: tuple[str, ...] = Field(description="what differs in the pack that was run since; empty: its results")
    outcomes: dict[str, Outcome] = Field(description="what its claims came to")


class Reproduction(Document):
    """A run of a pack whose artifacts are attached to the record under `reproductions/<results_sha256>/`.

    There lie `pack.toml`, the pack's files, `results.json` and `attestation.json`, the signed statement of the run; of
    a repeated run also `runs/<n>/` with the results and the statement of each. The statement's digest is not repeated
    here, so that two owners' records of one result have one body.
    """

    pack: str
    pack_digest: Sha256
    results_sha256: Sha256
    source: SourceId
    isolation: str = Field(description="the sandbox's grade, such as `bubblewrap/full`")
    runs: int = Field(default=1, ge=1, description="how often it was run")
    outcomes: tuple[ClaimOutcome, ...]
    earlier: tuple[EarlierRun, ...] = Field(default=(), description="runs of another pack of that name, oldest first")
