"""What is said of a record: checks, tribunal, policy decision, gate verdict, tier, dimensions, counts."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .base import ClaimId, Document, Score


class Role(StrEnum):
    SKEPTIC = "SKEPTIC"
    VALIDATOR = "VALIDATOR"
    SYNTHESIZER = "SYNTHESIZER"


class Verdict(StrEnum):
    """The tribunal's verdict, a signal and never a gate."""

    ACCEPT = "ACCEPT"
    REVISE = "REVISE"
    DECLINE = "DECLINE"


class CheckState(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_RECOMPUTED = "not recomputed"
    NOT_APPLICABLE = "not applicable"


class Check(Document):
    """One named rule applied to the record: what it found, and how many points it took away."""

    name: str
    state: CheckState
    points: float = Field(ge=0, description="points taken from the reviewer's ten")
    reason: str
    about: tuple[str, ...] = Field(default=(), description="ids of the claims, sources, cells or systems concerned")


class Review(Document):
    role: Role
    score: Score
    checks: tuple[Check, ...]


class Tribunal(Document):
    """Three reviews, each ten less the points of its failed checks; the score is their mean, two decimals."""

    score: Score
    verdict: Verdict
    revision_round: int = Field(ge=0)
    reviews: tuple[Review, ...]


class Policy(StrEnum):
    """What happens with the record."""

    PUBLISH = "PUBLISH"
    ESCALATE_TO_OWNER = "ESCALATE_TO_OWNER"
    QUARANTINE = "QUARANTINE"
    REJECT = "REJECT"


class Decision(Document):
    policy: Policy
    reasons: tuple[str, ...] = Field(min_length=1)


class PolicyRules(Document):
    """`policy.toml` as it was when the record was judged: thresholds that take effect, stored with the record."""

    name: str = Field(default="default", description="the name of these rules, shown with the decision")
    revise_below: Score = Field(default=6.5, description="a tribunal score under this asks for a revision")
    decline_below: Score = Field(default=3.0, description="a score under this is DECLINE")
    max_revisions: int = Field(default=2, ge=0, le=5, description="rounds of new queries for the gaps, at most")
    revise_gain: Score = Field(
        default=0.25, description="a revision that fills no cell and gains fewer points is the last"
    )
    reject_on_validator_fault: bool = Field(default=True, description="a quote or number that does not hold: REJECT")
    quarantine_below: Score = Field(default=5.0, description="a score under this: QUARANTINE")
    quarantine_missing_all_systems: bool = Field(
        default=True, description="no named system has a source of its own: QUARANTINE"
    )
    publish_without_owner: bool = Field(default=False, description="let a record that meets the bar publish itself")
    publish_score: Score = Field(default=6.5, description="score needed to publish without the owner")
    publish_claims: int = Field(default=5, ge=0, description="claims in cells needed to publish without the owner")
    flagship_score: Score = Field(default=8.5, description="score needed for the tier FLAGSHIP_CANDIDATE")
    flagship_claims: int = Field(default=5, ge=0, description="claims in cells needed for FLAGSHIP_CANDIDATE")
    doi_score: Score = Field(default=7.5, description="score needed for the tier DOI_GRADE")
    doi_claims: int = Field(default=1, ge=0, description="claims in cells needed for DOI_GRADE")
    public_score: Score = Field(default=5.0, description="score needed for the tier PUBLIC_RECORD")
    public_claims: int = Field(default=1, ge=0, description="claims in cells needed for PUBLIC_RECORD")


class GateStatus(StrEnum):
    """From attached artifacts alone, never from score or counts."""

    VERIFIED = "VERIFIED"
    FALSIFIED = "FALSIFIED"
    UNVERIFIED = "UNVERIFIED"


class CellVerdict(Document):
    """The gate verdict of one claim in one cell."""

    cell: str
    claim: ClaimId | None
    status: GateStatus
    reason: str


class GateVerdict(Document):
    status: GateStatus
    reason: str
    cells: tuple[CellVerdict, ...]


class QualityTier(StrEnum):
    FLAGSHIP_CANDIDATE = "FLAGSHIP_CANDIDATE"
    DOI_GRADE = "DOI_GRADE"
    PUBLIC_RECORD = "PUBLIC_RECORD"
    WATCHLIST = "WATCHLIST"
    QUARANTINE_CANDIDATE = "QUARANTINE_CANDIDATE"


class DimensionLevel(StrEnum):
    UNASSESSED = "UNASSESSED"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


class Dimension(Document):
    """One of eight quality dimensions; UNASSESSED has no score."""

    score: Score | None
    level: DimensionLevel
    basis: str
    definition: str


class Counts(Document):
    """Counters, all recomputed from the claims, cells and sources; none is typed by anyone."""

    sources: int
    works: int
    notes: int
    measurements: int
    claims: int
    claims_in_cells: int
    claims_in_answer: int
    quoted: int
    reported: int
    measured: int
    corroborated: int
    contested: int
    reproduced: int
    falsified: int
    cells: int
    gaps: int
    cells_reproduced: int
    searches: int
    dropped: int
    missing_systems: int
