"""One entry of a bibliography, whatever its format: read into a work of the library, and made again from one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .._types import Stored, sha256_of
from ..connectors._work import arxiv_of, doi_of
from ..readers._port import SOURCE_ID, one_line, slug, unusable

READER = "bibliography 1"
_LONGEST_FIELD = 200_000
_PARTICLES = frozenset("von van der den de del della di da du la le ten ter zu zum zur af al el bin dos das".split())
_ARXIV_IN_TEXT = re.compile(r"\barxiv\s*:\s*((?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7}))(?:v\d+)?", re.I)
_JATS = re.compile(r"</?(?:jats:)?(?:p|i|b|sub|sup|italic|bold|title|sec|span|em|strong)\b[^<>]{0,80}>", re.I)

Name = tuple[str, str]  # family name (with its particle), given names; an institution has only the first


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry. `type` is the name that CSL has for it, `authors` are (family, given), `files` paths as written."""

    key: str = ""
    type: str = "document"
    title: str = ""
    authors: tuple[Name, ...] = ()
    editors: tuple[Name, ...] = ()
    year: int | None = None
    month: int | None = None
    day: int | None = None
    container: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    publisher: str = ""
    doi: str = ""
    arxiv: str = ""
    pmid: str = ""
    isbn: str = ""
    issn: str = ""
    url: str = ""
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    language: str = ""
    note: str = ""
    files: tuple[str, ...] = field(default=(), compare=False)


class Unusable(Exception):
    """An entry that cannot become a work; the message says why and what to do."""


def completed(entry: Entry) -> Entry:
    """The entry on one line per field, with the identifiers that stand in its other fields."""
    told: dict[str, Any] = {}
    for one in fields(entry):
        value = getattr(entry, one.name)
        if isinstance(value, str):
            value = value[:_LONGEST_FIELD]
            told[one.name] = value.strip() if one.name == "abstract" else one_line(value)
    told["title"] = one_line(_JATS.sub("", told["title"])).rstrip(" ") or told["title"]
    told["abstract"] = _JATS.sub("", told["abstract"]).strip()
    told["doi"] = doi_of(told["doi"]) or doi_of(told["url"]) or ""
    found = arxiv_of(told["arxiv"]) or arxiv_of(told["doi"]) or arxiv_of(told["url"])
    if found is None:
        texts = (told["container"], told["number"], told["publisher"], told["note"])
        match = next((m for text in texts if (m := _ARXIV_IN_TEXT.search(text))), None)
        found = (match[1], "") if match else None
    told["arxiv"] = found[0] if found else ""
    return Entry(**{**_plain(entry), **told})


def source_of(entry: Entry, collection: str) -> Stored:
    """The entry as a work: at the level of its abstract, or of its metadata where it has none.

    Its id is `arxiv:`, else `doi:`, else `bib:<collection>/<key>`.

    Raises:
        Unusable: it has no title, or characters that no text can hold.
    """
    if not entry.title:
        raise Unusable("has no title: give it one")
    text = f"{entry.title}\n\n{entry.abstract}" if entry.abstract else entry.title
    local = f"{collection}/{slug(entry.key or entry.title)}"[:380]
    source_id = f"arxiv:{entry.arxiv}" if entry.arxiv else f"doi:{entry.doi}" if entry.doi else f"bib:{local}"
    if reason := unusable("\n".join((source_id, text, *(str(value) for value in _plain(entry).values())))):
        raise Unusable(reason)
    if not SOURCE_ID.fullmatch(source_id):
        raise Unusable(f"has an unusable identifier {source_id[:80]!r}: correct its doi")
    ids = {"arxiv": entry.arxiv, "doi": entry.doi, "pmid": entry.pmid}
    kept = {name: value for name, value in asdict(entry).items() if value and name not in ("files", "title", "year")}
    meta: dict[str, Any] = {"bib": _lists(kept)}
    if any(ids.values()):
        meta["ids"] = {name: value for name, value in ids.items() if value}
    return Stored(
        id=source_id, title=entry.title[:1000], kind="work", text_level="abstract" if entry.abstract else "metadata",
        sha256=sha256_of(text), text=text, authors=tuple(spoken(name) for name in entry.authors), year=entry.year,
        address=(entry.url or _address(entry))[:2000] or None, meta=meta, reader=READER,
    )  # fmt: skip


def entry_of(
    source_id: str, title: str, authors: Sequence[str], year: int | None, address: str | None,
    meta: Mapping[str, Any], abstract: str = "",
) -> Entry:  # fmt: skip
    """The entry of a work, with all that its bibliography said, where it came from one."""
    known = meta.get("bib")
    kept: dict[str, Any] = dict(known) if isinstance(known, Mapping) else {}
    names = {one.name for one in fields(Entry)}
    kept = {name: _tuples(value) for name, value in kept.items() if name in names}
    scheme, _, local = source_id.partition(":")
    ids = meta.get("ids") if isinstance(meta.get("ids"), Mapping) else {}
    for name in ("arxiv", "doi", "pmid"):
        value = kept.get(name) or (ids or {}).get(name) or meta.get(name) or (local if scheme == name else "")
        kept[name] = str(value)
    if [spoken(name) for name in kept.get("authors", ())] != list(authors):
        kept["authors"] = tuple(split_name(name) for name in authors)
    derived = _address(Entry(arxiv=kept["arxiv"], doi=kept["doi"]))
    kept["url"] = kept.get("url") or ("" if address in (None, derived) else address)
    kept["abstract"] = kept.get("abstract") or abstract
    kept.setdefault("type", "article" if kept["arxiv"] else "article-journal" if kept["doi"] else "document")
    return Entry(**{**kept, "title": title, "year": year})


def abstract_of(source: Stored) -> str:
    """The abstract of a work that is held at its level: its text without the title."""
    return source.body.removeprefix(source.title).strip() if source.text_level == "abstract" else ""


def split_name(name: str) -> Name:
    """(family, given) of `Ludwig van Beethoven` or `van Beethoven, Ludwig`."""
    if "," in name:
        family, _, given = name.partition(",")
        return one_line(family), one_line(given)
    words = name.split()
    if len(words) < 2:
        return one_line(name), ""
    at = len(words) - 1
    while at > 1 and words[at - 1].casefold() in _PARTICLES:
        at -= 1
    return " ".join(words[at:]), " ".join(words[:at])


def spoken(name: Name) -> str:
    """A name as one says it: given names first."""
    return one_line(f"{name[1]} {name[0]}")


def year_in(text: str) -> int | None:
    """The first number of four digits that can be a year."""
    match = re.search(r"(?<!\d)(1[0-9]{3}|20\d\d)(?!\d)", text)
    return int(match[1]) if match else None


def _plain(entry: Entry) -> dict[str, Any]:
    return {one.name: getattr(entry, one.name) for one in fields(entry)}


def _address(entry: Entry) -> str:
    if entry.arxiv:
        return f"https://arxiv.org/abs/{entry.arxiv}"
    return f"https://doi.org/{entry.doi}" if entry.doi else ""


def _lists(value: Any) -> Any:
    """Tuples as lists, as JSON gives them back."""
    if isinstance(value, dict):
        return {name: _lists(one) for name, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list | tuple) else value
