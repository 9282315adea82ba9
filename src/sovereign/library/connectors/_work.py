"""A work as services describe it, its identifiers, and one work out of several services' descriptions of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._types import Stored, sha256_of
from ..readers._port import SOURCE_ID, one_line, unusable

#: Changes whenever the same answer would give another source.
READER = "connector 1"
_DOI = re.compile(r"10\.\d{4,9}/\S{1,300}")
_DOI_PREFIX = re.compile(r"^\s*(?:https?://(?:dx\.)?doi\.org/|doi:\s*)", re.IGNORECASE)
_ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z][a-z.-]+(?:\.[A-Z]{2})?/\d{7})(v\d{1,3})?", re.IGNORECASE)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(.+)", re.IGNORECASE)
_MOST_AUTHORS = 3000


@dataclass(frozen=True, slots=True)
class Work:
    """What a service says of a work. `local` is its own name for it; `abstract` is empty where it has none.

    `found_by` and `known_as` (service, local) tell, after a merge, who described it and under which names.
    """

    service: str
    local: str
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    abstract: str = ""
    doi: str | None = None
    arxiv: str | None = None
    version: str | None = None
    address: str | None = None
    pdf: str | None = None
    found_by: tuple[str, ...] = ()
    known_as: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """`arxiv:` before `doi:` before the service's own: the preprint is what we can read."""
        if self.arxiv:
            return f"arxiv:{self.arxiv}"
        return f"doi:{self.doi}" if self.doi else f"{self.service}:{self.local}"

    def source(self) -> Stored | None:
        """The work as a source of a library, at the level of its abstract; None if it cannot be one."""
        text = f"{self.title}\n\n{self.abstract}" if self.abstract else self.title
        told = "\n".join((self.id, text, self.address or "", *self.authors))
        if not self.title or not SOURCE_ID.fullmatch(self.id) or unusable(told):
            return None
        ids = {name: value for name, value in (("arxiv", self.arxiv), ("doi", self.doi)) if value}
        found_by = list(self.found_by or (self.service,))
        meta: dict[str, Any] = {"found_by": found_by, "ids": ids, "pdf": self.pdf, "version": self.version}
        return Stored(
            id=self.id, title=self.title, kind="work", text_level="abstract" if self.abstract else "metadata",
            sha256=sha256_of(text), text=text, address=self.address, authors=self.authors[:_MOST_AUTHORS],
            year=self.year, meta={name: value for name, value in meta.items() if value}, reader=READER,
        )  # fmt: skip


def doi_of(text: object) -> str | None:
    """A DOI in lower case without `https://doi.org/`, or None."""
    if not isinstance(text, str):
        return None
    bare = _DOI_PREFIX.sub("", text).strip().lower()
    return bare if _DOI.fullmatch(bare) else None


def arxiv_of(text: object) -> tuple[str, str] | None:
    """(identifier without version, version or "") of an arXiv id, its address or its DOI; None if it is none."""
    if not isinstance(text, str):
        return None
    bare = re.sub(r"^\s*(?:https?://(?:export\.|www\.)?arxiv\.org/(?:abs|pdf)/|arxiv:)", "", text, flags=re.I).strip()
    if (doi := doi_of(bare)) and (match := _ARXIV_DOI.fullmatch(doi)):
        bare = match[1]
    found = _ARXIV.fullmatch(bare.removesuffix(".pdf"))
    return (found[1], found[2] or "") if found else None


def plain_title(text: object) -> str:
    """A title on one line, without markup; at most 1,000 characters."""
    return one_line(re.sub(r"</?[A-Za-z][A-Za-z:]*[^<>]{0,80}>", "", text))[:1000] if isinstance(text, str) else ""


def year_of(value: object) -> int | None:
    """A year that can be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 1000 <= value < 3000 else None


def same_title(one: str, other: str) -> bool:
    """Whether two titles are one work's: equal words in order, or all words of the shorter in the longer, in order."""
    a, b = words_in(one), words_in(other)
    if not a or not b:
        return False
    short, long = sorted((a, b), key=len)
    starts = range(len(long) - len(short) + 1)
    return a == b or (len(short) >= 4 and any(long[at : at + len(short)] == short for at in starts))


def merge(works: Iterable[Work]) -> tuple[Work, ...]:
    """One work per work, in the order of the first mention; the first that says something of it stands.

    Works are one if they share an arXiv id, a DOI, or title, first author and year (a year apart at most).
    """
    merged: list[Work] = []
    at: dict[str, int] = {}
    for work in works:
        keys = _keys(work)
        place = next((at[key] for key in keys if key in at), None)
        if place is None:
            place = len(merged)
            merged.append(replace(work, found_by=(work.service,), known_as=((work.service, work.local),)))
        else:
            merged[place] = _joined(merged[place], work)
        for key in _keys(merged[place]):
            at.setdefault(key, place)
    return tuple(merged)


def _joined(first: Work, other: Work) -> Work:
    filled = {
        name: getattr(first, name) or getattr(other, name)
        for name in ("title", "authors", "year", "abstract", "doi", "arxiv", "version", "address", "pdf")
    }
    return replace(
        first, **filled, found_by=tuple(dict.fromkeys((*first.found_by, other.service))),
        known_as=tuple(dict.fromkeys((*first.known_as, (other.service, other.local)))),
    )  # fmt: skip


def _keys(work: Work) -> list[str]:
    keys = [f"arxiv:{work.arxiv}"] if work.arxiv else []
    keys += [f"doi:{work.doi}"] if work.doi else []
    words = words_in(work.title)
    if len(words) >= 4 and work.authors and work.year:
        name = words_in(work.authors[0])
        # Both years of a pair that lies a year apart share one of these.
        keys += [f"title:{' '.join(words)}|{name[-1] if name else ''}|{year}" for year in (work.year, work.year + 1)]
    return [*keys, f"{work.service}:{work.local}"]


def words_in(text: str) -> Sequence[str]:
    """Its words in small letters, in order."""
    return re.findall(r"[^\W_]+", text.casefold())
