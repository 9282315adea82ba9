"""What another method prints: the earlier system's report, made by our reference profile or read from one of its texts.

Nothing here is a judgement of ours. Its ticks are the method's own; they are kept as `tick` and never called verified.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .base import ClaimId, Document, Score, Sha256, SourceId
from .judgement import Role


class Profile(StrEnum):
    """By which method a record was made: ours, the reference method, or read from a text of the earlier system."""

    SOVEREIGN = "sovereign"
    REFERENCE = "reference"
    IMPORTED = "imported"


class FoilRow(Document):
    """One row of the printed claim table."""

    text: str = Field(description="as printed: cut at 120 characters")
    claim: ClaimId | None = Field(default=None, description="the claim of the record that holds the whole sentence")
    wording: str = Field(default="", description="the whole claim as a model worded it; empty where it is a sentence")
    tick: bool = Field(description="the method's own mark: its cosine reaches the threshold")
    confidence: float = Field(ge=0, le=1, description="the cosine, two decimals, as printed")


class FoilReview(Document):
    """What one reviewer said. A model's remark moves no gate."""

    role: Role
    score: Score | None = Field(description="null: the reviewer's answer could not be used")
    remark: str = ""
    fault: str = Field(default="", description="why an answer could not be used")


class Exchange(Document):
    """One call of a language endpoint: what was asked and what came back, each by digest; the journal holds both."""

    purpose: str
    model: str
    request_sha256: Sha256
    response_sha256: Sha256


class Finding(Document):
    """What an imported text claims beside what can be computed again from it."""

    name: str
    stated: str
    found: str
    holds: bool | None = Field(description="null: it cannot be computed again")


class Foil(Document):
    """A report of the earlier kind, section by section; of an imported text only what it states."""

    title: str = Field(description="the question, cut at 110 characters")
    abstract: str = Field(description="the lead source's abstract, cut at 600 characters")
    introduction: str = ""
    methodology: str = ""
    results: str = ""
    uncertainties: str = ""
    claims: tuple[FoilRow, ...] = ()
    references: tuple[str, ...] = ()
    lead: SourceId | None = Field(default=None, description="the source whose abstract is shown")
    threshold: float | None = Field(default=None, description="cosine from which a claim is ticked")
    extracted_by: str = Field(default="", description="`code`, or the language model that worded the claims")
    reviewed_by: str = Field(default="", description="`code`, or the language model that reviewed")
    score: Score | None = None
    verdict: str = ""
    revision_round: int | None = None
    policy: str = Field(default="", description="the method's policy line, which decides nothing here")
    reviews: tuple[FoilReview, ...] = Field(default=(), description="of the last round, where a model reviewed")
    embedder: str = Field(default="", description="model of the index that takes no part in the check of claims")
    exchanges: tuple[Exchange, ...] = ()
    stated: dict[str, str] = Field(default_factory=dict, description="of an imported text: its rows, as printed")
    findings: tuple[Finding, ...] = Field(default=(), description="of an imported text: stated beside computed again")
