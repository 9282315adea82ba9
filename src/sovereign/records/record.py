"""The record: one question, its answer, everything that it rests on, and everything said of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from .base import ClaimId, Document, RecordId, Sha256, SourceId
from .evidence import Cell, Claim, Source
from .foil import Foil, Profile
from .hand import HandApplied
from .judgement import Counts, Decision, Dimension, GateVerdict, PolicyRules, QualityTier, Tribunal
from .reproduction import Reproduction
from .revision import Revision

RECORD_SCHEMA = "sovereign-record-v1"

#: Fields that are not part of the body: two records of equal body say the same thing.
OUTSIDE_BODY = ("id", "version", "body_digest", "times")


class QuestionFacets(Document):
    """What the question asks about, each facet a list in the order of the question."""

    subject: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()
    benchmark: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()


class Question(Document):
    text: str = Field(min_length=1)
    facets: QuestionFacets


class AnswerStatus(StrEnum):
    ANSWERED = "answered"
    PARTLY_ANSWERED = "partly_answered"
    NOT_MEASURED = "not_measured"
    CONTESTED = "contested"
    NO_EVIDENCE = "no_evidence"


class Sentence(Document):
    """One sentence of the answer, with the claims that it rests on and the cells that it speaks of."""

    text: str
    claims: tuple[ClaimId, ...] = ()
    cells: tuple[str, ...] = ()


class Answer(Document):
    status: AnswerStatus
    sentences: tuple[Sentence, ...]


class SearchHit(Document):
    source: SourceId
    rank: int = Field(ge=1)


class Search(Document):
    """One query as it was asked, and the ranks that came back (ranks, not scores)."""

    id: str = Field(pattern=r"^q[0-9]+$")
    round: int = Field(ge=0, description="revision round in which it was asked; 0 is the first")
    purpose: str = Field(description="which facets the query stands for")
    query: str
    require: tuple[tuple[str, ...], ...] = Field(default=(), description="groups of which one phrase each must occur")
    connector: str = "library"
    hits: tuple[SearchHit, ...] = ()


class Dropped(Document):
    """A source that a search returned and that was not kept, with the rule that dropped it."""

    source: SourceId
    title: str
    rule: str
    reason: str
    search: str
    rank: int


class MissingSystem(Document):
    """A system that the question names and that has no source of its own: named but not found."""

    name: str
    reason: str
    searches: tuple[str, ...] = ()


class Provenance(Document):
    """What the record was made with. Equal question, library digest, policy and code give an equal body."""

    profile: Profile = Field(default=Profile.SOVEREIGN, description="the method by which it was made")
    code_version: str
    code_digest: Sha256
    rules: int = Field(
        default=0, ge=0, description="number of the rules that judged it; 0 for a record made before they had one"
    )
    policy: PolicyRules
    vocabularies: dict[str, Sha256]
    readers: dict[str, str]
    subject_terms: tuple[tuple[str, ...], ...] = Field(
        default=(), description="the groups of terms by which a source was held to speak of the subject"
    )
    facet_terms: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="terms by which a source was held to speak of a further facet"
    )
    stance_model: str | None = None
    audit_head: Sha256 | None = Field(default=None, description="last hash of the run's audit chain")


class Times(Document):
    created_at: str


class Evidence(Document):
    """The part of a record that the judgement is made from: what was asked, read, found and said."""

    library_digest: Sha256
    question: Question
    answer: Answer
    claims: tuple[Claim, ...]
    sources: tuple[Source, ...]
    cells: tuple[Cell, ...]
    missing_systems: tuple[MissingSystem, ...]
    searches: tuple[Search, ...]
    dropped: tuple[Dropped, ...]
    reproductions: tuple[Reproduction, ...] = ()
    limitations: tuple[str, ...]
    foil: Foil | None = Field(default=None, description="what the reference method or an imported text prints")
    hand: tuple[HandApplied, ...] = Field(default=(), description="entries of the owner's hand that were in force")
    revision: Revision | None = Field(
        default=None, description="the rounds that it was made in, and why no further one was held"
    )
    provenance: Provenance

    def claim(self, claim_id: str) -> Claim | None:
        """The claim of that id, or None."""
        return next((claim for claim in self.claims if claim.id == claim_id), None)

    def source(self, source_id: str) -> Source | None:
        """The source of that id, or None."""
        return next((source for source in self.sources if source.id == source_id), None)


class Judgement(Document):
    """All that rules say of the evidence; anyone can compute it again from the evidence and the texts."""

    tribunal: Tribunal
    decision: Decision
    gate_verdict: GateVerdict
    verification_level: int = Field(ge=0, le=7)
    quality_tier: QualityTier
    quality_dimensions: dict[str, Dimension]
    counts: Counts


class Record(Evidence, Judgement):
    """A version of a record, immutable once written; reviews, verdicts and corrections are events on top of it."""

    schema_: Annotated[str, Field(alias="schema")] = RECORD_SCHEMA
    id: RecordId
    version: int = Field(ge=1)
    body_digest: Sha256
    times: Times

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    def evidence(self) -> Evidence:
        """The record without its judgement and its name."""
        return Evidence.model_validate({name: getattr(self, name) for name in Evidence.model_fields})

    @property
    def folder(self) -> str:
        """The name of its folder: `srch-2603abc8` for `SRCH:2603ABC8`."""
        return folder_name(self.id)


def folder_name(record_id: str) -> str:
    """`SRCH:2603ABC8` -> `srch-2603abc8`."""
    return record_id.lower().replace(":", "-")


def record_id_of(name: str) -> str:
    """The id for any way a person may write it: `SRCH:2603ABC8`, `srch-2603abc8`, `2603abc8`."""
    tail = name.strip().lower().removeprefix("srch").lstrip(":-")
    return f"SRCH:{tail.upper()}"
