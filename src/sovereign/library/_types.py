"""What the library hands out: stored sources, hits, owners of names, and the report of an `add`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Stored:
    """A source as the library holds it.

    `sha256` is of the UTF-8 bytes of `text`; `body_start` is the offset in code points where the text proper begins
    (after a front matter; 0 without one). `index_text` is what is searched in place of the body, where that differs.
    """

    id: str
    title: str
    kind: str
    text_level: str | None
    sha256: str
    text: str
    about: str | None = None
    systems: tuple[str, ...] = ()
    address: str | None = None
    authors: tuple[str, ...] = ()
    year: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    body_start: int = 0
    reader: str = ""
    index_text: str | None = None

    @property
    def body(self) -> str:
        """The text proper, without its front matter."""
        return self.text[self.body_start :] if self.body_start else self.text

    @property
    def searched(self) -> str:
        """What the index sees of it: the title, unless the body begins with it, and the body."""
        body = self.body if self.index_text is None else self.index_text
        return body if body.startswith(self.title) else f"{self.title}\n\n{body}"

    def entry(self) -> bytes:
        """SHA-256 (32 bytes) over everything of the source that a record can show; `meta` is not part of it."""
        card = (
            self.id, self.sha256, self.kind, self.title, self.text_level or "", self.about or "", self.address or "",
            str(self.year or ""), str(self.body_start), str(len(self.systems)), *self.systems, *self.authors,
        )  # fmt: skip
        # Each part after its length: no two cards are written alike.
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in card).encode()).digest()


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be read: `where` (path, and line where there is one) and `reason` with its remedy."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddReport:
    """What an `add` did, in numbers of sources; `failed` and `skipped` (paths without a reader) are listed."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: tuple[Failure, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search. `rank` counts from 1 and is exact; `score` is the engine's own figure, for display."""

    source: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Owner:
    """A source that a name leads to: `role` is "owner" (its own paper or note) or "mention"."""

    source: str
    surface: str
    role: str


def sha256_of(text: str) -> str:
    """SHA-256 of the UTF-8 bytes of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
