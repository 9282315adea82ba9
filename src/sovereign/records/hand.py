"""The owner's hand: what an owner says of claims and sources, which every later run of a question takes in.

An entry is signed and chained to the one before it in the workspace's ledger. A record carries the entries that were in
force when it was made, each with what came of it.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from .base import ClaimId, Document, RecordId, Sha256, SourceId
from .evidence import Facets, Quote
from .trust import Fingerprint


class HandKind(StrEnum):
    """What the owner did."""

    WRONG = "wrong"
    ADDED = "added"
    FACETS = "facets"
    PINNED = "pinned"
    BANNED = "banned"
    WITHDRAWN = "withdrawn"


class ClaimReading(Document):
    """A claim as it was read. It is found again by its words and by what was read in them: ids and places may move."""

    id: ClaimId
    text: str
    quote: Quote = Field(description="its first quote")
    metric: str | None = None
    value: float | None = None
    unit: str | None = None


#: The parts that an entry of each kind has, besides those that every entry has.
_PARTS: dict[HandKind, frozenset[str]] = {
    HandKind.WRONG: frozenset({"source", "claim"}),
    HandKind.ADDED: frozenset({"source", "quote", "facets"}),
    HandKind.FACETS: frozenset({"source", "claim", "facets", "changed"}),
    HandKind.PINNED: frozenset({"source"}),
    HandKind.BANNED: frozenset({"source"}),
    HandKind.WITHDRAWN: frozenset({"withdraws"}),
}
#: Kinds that may hold for every question; the others are of one.
EVERYWHERE = frozenset({HandKind.WRONG, HandKind.FACETS, HandKind.BANNED, HandKind.WITHDRAWN})


class HandEntry(Document):
    """One line of the owner's hand: the predicate of a signed statement."""

    number: int = Field(ge=1)
    previous: Sha256 | None = Field(description="SHA-256 of the envelope of the entry before; null for the first")
    kind: HandKind
    question: str | None = Field(description="the question that it is for; null for every question")
    record: RecordId = Field(description="the record that the owner looked at")
    version: int = Field(ge=1, description="and its version")
    at: str = Field(description="UTC, ISO 8601, whole seconds")
    by: Fingerprint = Field(description="fingerprint of the owner's key")
    note: str = Field(default="", max_length=4000, description="why, in the owner's words")
    source: SourceId | None = None
    claim: ClaimReading | None = Field(default=None, description="the claim that is wrong, or whose facets are")
    quote: Quote | None = Field(default=None, description="of an added claim: where it stands")
    facets: Facets | None = Field(default=None, description="of an added claim all, of a mended one those in `changed`")
    changed: tuple[str, ...] = Field(default=(), description="names of the facets that are set to what `facets` says")
    withdraws: Sha256 | None = Field(default=None, description="the entry that is taken back")

    @model_validator(mode="after")
    def _has_its_parts(self) -> HandEntry:
        parts = {"source", "claim", "quote", "facets", "changed", "withdraws"}
        given = {name for name in parts if getattr(self, name) not in (None, ())}
        if given != _PARTS[self.kind]:
            due = ", ".join(sorted(_PARTS[self.kind]))
            raise ValueError(f"an entry {self.kind.value!r} has {due} and no other part")
        if self.question is None and self.kind not in EVERYWHERE:
            raise ValueError(f"an entry {self.kind.value!r} is of one question")
        if unknown := set(self.changed) - set(Facets.model_fields):
            raise ValueError(f"there is no facet {sorted(unknown)[0]!r}")
        return self


class HandGiven(Document):
    """An entry as a run takes it in: with the SHA-256 of its signed envelope, by which it is named."""

    sha256: Sha256 = Field(description="of the signed envelope")
    entry: HandEntry


class HandApplied(HandGiven):
    """An entry that was in force when a record was made, and what came of it."""

    applied: bool
    outcome: str = Field(description="what it did, or why it did nothing")
    claims: tuple[ClaimId, ...] = Field(default=(), description="claims of the record that it added or mended")
