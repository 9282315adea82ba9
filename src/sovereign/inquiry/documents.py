"""What the stages hand to each other: typed, stored in the journal, compared by digest."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import Field

from sovereign.records import (
    Answer,
    Cell,
    Claim,
    Document,
    Dropped,
    HandApplied,
    MissingSystem,
    Question,
    Reproduction,
    Search,
    Source,
)


class NamedSystem(Document):
    """A system that the question names, and the sources that are its own (two systems may share a name)."""

    name: str
    owners: tuple[str, ...] = ()
    namesakes: tuple[str, ...] = Field(default=(), description="sources of another system of that name")


class PlannedQuery(Document):
    """A query and the groups of phrases of which one each must occur; `purpose` says what it stands for."""

    purpose: str
    query: str
    require: tuple[tuple[str, ...], ...] = ()
    round: int = 0


class Plan(Document):
    """The question's facets, the terms that stand for them, and the queries."""

    question: Question
    vocabulary: str
    systems: tuple[NamedSystem, ...]
    subject_terms: tuple[tuple[str, ...], ...]
    facet_terms: dict[str, tuple[str, ...]] = Field(description="`metric:latency` -> its terms")
    factor: str | None = Field(default=None, description="what the question asks the effect of, when not a system")
    needed_facets: int = Field(default=1, ge=1, description="further facets that a kept source must speak of")
    queries: tuple[PlannedQuery, ...]


class Found(Document):
    """What search kept (best first), what it dropped and why, and which named systems it did not find."""

    searches: tuple[Search, ...]
    kept: tuple[Kept, ...]
    dropped: tuple[Dropped, ...]
    missing: tuple[MissingSystem, ...]


class Kept(Document):
    source: str
    rank: int | None = Field(description="best rank over the searches; None if none returned it")
    kept_for: tuple[str, ...]


class ReadSource(Document):
    """A source and where its text proper begins (after a note's front matter)."""

    source: Source
    body_start: int = 0


class Reading(Document):
    sources: tuple[ReadSource, ...]


class Extracted(Document):
    claims: tuple[Claim, ...]
    subjects: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="by source: facets of the question that its text speaks of"
    )
    bears_on: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="by measurement: the metrics of cells beside which it may stand"
    )
    first_hand: tuple[str, ...] = Field(
        default=(), description="claims on a source's own system: results are shown from there, not from hearsay"
    )


class Handled(Document):
    """What the owner's hand makes of the claims that were extracted: nothing where there is no entry."""

    left_out: tuple[str, ...] = Field(default=(), description="ids of claims that are left out as wrong")
    claims: tuple[Claim, ...] = Field(default=(), description="added claims, and mended ones in their new form")
    first_hand: tuple[str, ...] = Field(default=(), description="those of them that are on their source's own system")
    applied: tuple[HandApplied, ...] = ()


class Compared(Document):
    claims: tuple[Claim, ...]
    reproductions: tuple[Reproduction, ...]


class Tabled(Document):
    cells: tuple[Cell, ...]
    left_out: int = Field(default=0, description="combinations that the question asks for beyond the most we look at")


class Written(Document):
    answer: Answer
    limitations: tuple[str, ...]


class StoredSource(Protocol):
    """A source as a library gives it."""

    id: str
    title: str
    kind: Any
    text_level: Any
    sha256: str
    text: str
    about: str | None
    systems: Any
    address: str | None
    authors: Any
    year: int | None
    meta: dict[str, Any]
    body_start: int
    reader: str


class LibraryPort(Protocol):
    """What the stages ask of a library."""

    def search(self, query: str, k: int = 50, require: Any = (), kinds: Any = None) -> list[Any]:
        """Hits, best first, each with `source` and `rank`; see `sovereign.library.Library.search`."""
        ...

    def get(self, source_id: str) -> Any:
        """The stored source of that id."""
        ...

    def owners(self, name: str) -> list[Any]:
        """Sources that a name leads to, each with `source`, `surface` and `role`."""
        ...

    def names_in(self, text: str) -> list[str]: ...
    def document_frequency(self, term: str) -> int: ...
    def ids(self, kind: Any = None) -> list[str]: ...
    def digest(self) -> str: ...
    def readers(self) -> dict[str, str]: ...
    def text(self, sha256: str) -> str | None: ...
    @property
    def size(self) -> int: ...


Found.model_rebuild()
