"""Which sources are one work, and the one that is made of them: a preprint, its published version, a listing's row.

One work is told by an identifier that two sources share (arXiv, DOI, PubMed), or by title, first author and years at
most two apart. Sources that have different identifiers of one kind are never one work, whatever their titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ._types import Stored
from .readers import text_rank

YEARS_APART = 2
_KINDS = ("arxiv", "doi", "pmid", "pmc")
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(.+)", re.I)
_LEVELS = {"metadata": 1, "abstract": 2, "full_text": 3}
#: A title of fewer letters says too little to know a work by it.
_SHORTEST_TITLE = 15
_OF_THE_TEXT = frozenset(("sections", "tables", "references", "left_out"))


@dataclass(frozen=True, slots=True)
class Group:
    """Sources that are one work: the id that stays, the others, and why each belongs to it."""

    keep: str
    others: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """What a source is known by."""

    id: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    meta: Mapping[str, Any]


def identifiers(source_id: str, meta: Mapping[str, Any]) -> dict[str, str]:
    """The identifiers of a work by kind, in lower case; arXiv's own DOI is the arXiv id."""
    found: dict[str, str] = {}
    ids = meta.get("ids")
    told = {**(ids if isinstance(ids, Mapping) else {})}
    scheme, _, local = source_id.partition(":")
    for kind in _KINDS:
        value = local if scheme == kind else told.get(kind) or meta.get(kind)
        if isinstance(value, str) and value:
            found[kind] = value.lower()
    if match := _ARXIV_DOI.fullmatch(found.get("doi", "")):
        del found["doi"]
        found.setdefault("arxiv", match[1])
    if "arxiv" in found:
        found["arxiv"] = re.sub(r"v\d+$", "", found["arxiv"])
    return found


def groups(cards: Iterable[Card]) -> list[Group]:
    """The works that several sources are of, by the id that stays; it depends on the sources, not on their order."""
    by_id = {card.id: card for card in cards}
    ids = {name: identifiers(name, card.meta) for name, card in by_id.items()}
    root = {name: name for name in by_id}
    known = {name: dict(found) for name, found in ids.items()}
    reasons: dict[str, list[str]] = {name: [] for name in by_id}

    def top(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for one, other, reason in [*_by_identifier(ids), *_by_title(by_id)]:
        a, b = sorted((top(one), top(other)), key=_worth)
        if a == b or any(known[a].get(kind, value) != value for kind, value in known[b].items()):
            continue
        root[b] = a
        known[a] = {**known[b], **known[a]}
        reasons[a] += [*reasons.pop(b), reason]
    members: dict[str, list[str]] = {}
    for name in sorted(by_id, key=_worth):
        members.setdefault(top(name), []).append(name)
    return [
        Group(names[0], tuple(sorted(names[1:])), tuple(sorted(set(reasons[top(names[0])]))))
        for names in sorted(members.values())
        if len(names) > 1
    ]


def _worth(source_id: str) -> tuple[int, str]:
    """`arxiv:` stays before `doi:` before anything else: the preprint is what can be read."""
    scheme = source_id.partition(":")[0]
    return (_KINDS.index(scheme) if scheme in _KINDS else len(_KINDS)), source_id


def _by_identifier(ids: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str, str]]:
    first: dict[tuple[str, str], str] = {}
    for name in sorted(ids):
        for kind, value in sorted(ids[name].items()):
            other = first.setdefault((kind, value), name)
            if other != name:
                yield other, name, f"same {kind} {value}"


def _by_title(cards: Mapping[str, Card]) -> Iterator[tuple[str, str, str]]:
    """Pairs of equal title and first author, their years at most two apart, next to each other by year."""
    alike: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name, card in cards.items():
        title = "".join(re.findall(r"[^\W_]+", card.title.casefold()))
        author = family_name(card.authors[0]) if card.authors else ""
        if len(title) >= _SHORTEST_TITLE and author and card.year:
            alike.setdefault((title, author), []).append((card.year, name))
    for (_, author), found in sorted(alike.items()):
        found.sort()
        for at, (year, name) in enumerate(found):
            for later, other in found[at + 1 :]:
                if later - year <= YEARS_APART:
                    years = f"year {year}" if year == later else f"years {year} and {later}"
                    yield name, other, f"same title, first author {author.title()}, {years}"


def family_name(name: str) -> str:
    """The last word of a family name, in small letters, of `Tri Dao` as of `Dao, T.`"""
    family = name.partition(",")[0] if "," in name else name
    words = re.findall(r"[^\W\d_]+", family.casefold())
    return words[-1] if words else ""


def merged(sources: Sequence[Stored], keep: str) -> Stored:
    """One source out of several of one work: the best text, what is known of either, and the cards of all.

    The best text is the fullest, of full texts the one that came marked up, then the longest. The result is the same
    whatever the order of `sources`.
    """
    ordered = sorted(sources, key=lambda source: _worth(source.id))
    text = max(ordered, key=lambda one: (_LEVELS.get(one.text_level or "", 0), text_rank(one.reader), len(one.text)))
    rest = [text, *(one for one in ordered if one is not text)]
    meta: dict[str, Any] = {}
    ids: dict[str, str] = {}
    for one in rest:
        meta = {**{k: v for k, v in one.meta.items() if k not in _OF_THE_TEXT}, **meta}
        ids = {**identifiers(one.id, one.meta), **ids}
    meta |= {name: text.meta[name] for name in _OF_THE_TEXT if name in text.meta}
    published = [one.meta["bib"] for one in rest if "bib" in one.meta]
    if published:
        meta["bib"] = max(published, key=lambda bib: (bool(bib.get("container")), len(bib)))
    meta["ids"] = dict(sorted(ids.items()))
    cards = {(card["id"], card["sha256"]): card for one in ordered for card in versions(one)}
    meta["versions"] = [cards[key] for key in sorted(cards)]
    return replace(
        text, id=keep, meta=dict(sorted(meta.items())),
        authors=max((one.authors for one in rest), key=len), year=next((one.year for one in rest if one.year), None),
        address=next((one.address for one in rest if one.address), None),
        about=next((one.about for one in rest if one.about), None),
        systems=tuple(dict.fromkeys(name for one in rest for name in one.systems)),
    )  # fmt: skip


def versions(source: Stored) -> list[dict[str, Any]]:
    """The cards of the sources that one was made of; its own, if it was not merged."""
    kept = source.meta.get("versions")
    if kept is not None:
        return list(kept)
    return [
        {
            "id": source.id, "title": source.title, "year": source.year, "address": source.address,
            "text_level": source.text_level, "sha256": source.sha256, "reader": source.reader,
        }
    ]  # fmt: skip


def renewed(source: Stored, version: Stored) -> Stored:
    """A merged source with a version read again: what that gave before gives way, but never a fuller text."""
    if _LEVELS.get(version.text_level or "", 0) < _LEVELS.get(source.text_level or "", 0):
        return merged([source, version], source.id)
    return merged([_without(source, version.id), version], source.id)


def _without(source: Stored, source_id: str) -> Stored:
    """A merged source without what one of its versions gave: its card, and the text if that was its."""
    cards = versions(source)
    told = {**source.meta, "versions": [card for card in cards if card["id"] != source_id]}
    if any(card["id"] == source_id and card["sha256"] == source.sha256 for card in cards):
        return replace(source, meta=told, text="", text_level="metadata", body_start=0)
    return replace(source, meta=told)


def holds(source: Stored, other: Stored) -> bool:
    """Whether a merged source has another among its versions, the same text read by the same reader."""
    mine = {(card["id"], card["sha256"], card["reader"]) for card in source.meta.get("versions", ())}
    return (other.id, other.sha256, other.reader) in mine
