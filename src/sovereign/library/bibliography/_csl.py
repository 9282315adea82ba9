"""CSL-JSON, as Zotero and citation processors write it: a list of items."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ._entry import Entry, Name, split_name, year_in

Broken = tuple[int, str]


def parse(text: str) -> Iterator[Entry | Broken]:
    """The entries of a file in its order, and what of it cannot be read; a place is the item's number."""
    items = json.loads(text)
    if isinstance(items, dict):
        items = items.get("items", [items])
    if not isinstance(items, list):
        yield 1, "is not a list of items: export it as CSL JSON"
        return
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            yield number, "is not an object: correct or delete it"
        elif not isinstance(item.get("title"), str) or not item["title"].strip():
            yield number, "has no title: give it one"
        else:
            yield _entry(item)


def write(entries: Sequence[tuple[str, Entry]]) -> str:
    """Entries with their keys as a file."""
    return json.dumps([_item(key, entry) for key, entry in entries], ensure_ascii=False, indent=2) + "\n"


def _text(item: dict[str, Any], *names: str) -> str:
    for name in names:
        value = item.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return ""


def _names(value: object) -> tuple[Name, ...]:
    found: list[Name] = []
    for one in value if isinstance(value, list) else []:
        if not isinstance(one, dict):
            continue
        literal = _text(one, "literal")
        family = " ".join(
            part for part in (_text(one, "non-dropping-particle"), _text(one, "family"), _text(one, "suffix")) if part
        )
        given = " ".join(part for part in (_text(one, "given"), _text(one, "dropping-particle")) if part)
        if literal or family:
            found.append((family, given) if family else (literal, ""))
        elif given:
            found.append(split_name(given))
    return tuple(found)


def _date(value: object) -> tuple[int | None, int | None, int | None]:
    if not isinstance(value, dict):
        return None, None, None
    parts = value.get("date-parts")
    if isinstance(parts, list) and parts and isinstance(parts[0], list):
        numbers = [int(p) if str(p).isdecimal() else 0 for p in parts[0][:3]]
        year, month, day = (*numbers, 0, 0, 0)[:3]
        return (
            year if 1000 <= year < 3000 else None,
            month if 0 < month < 13 else None,
            day if 0 < day < 32 else None,
        )
    return year_in(_text(value, "raw", "literal")), None, None


def _entry(item: dict[str, Any]) -> Entry:
    year, month, day = _date(item.get("issued"))
    note = _text(item, "note")
    archived = _text(item, "archive").casefold() == "arxiv"
    number = _text(item, "issue") or _text(item, "number")
    arxiv = _text(item, "archive_location", "archive-location", "number") if archived else ""
    keywords = re.split(r"[,;]", _text(item, "keyword"))
    return Entry(
        key=_text(item, "citation-key", "id"), type=_text(item, "type") or "document", title=_text(item, "title"),
        authors=_names(item.get("author")), editors=_names(item.get("editor")), year=year, month=month, day=day,
        container=_text(item, "container-title", "event-title"), volume=_text(item, "volume"),
        number="" if archived and number == arxiv else number, pages=_text(item, "page").replace("–", "-"),
        publisher=_text(item, "publisher"), doi=_text(item, "DOI"), arxiv=arxiv, pmid=_text(item, "PMID"),
        isbn=_text(item, "ISBN"), issn=_text(item, "ISSN"), url=_text(item, "URL"), abstract=_text(item, "abstract"),
        keywords=tuple(word.strip() for word in keywords if word.strip()), language=_text(item, "language"), note=note,
    )  # fmt: skip


def _item(key: str, entry: Entry) -> dict[str, Any]:
    date = [entry.year, entry.month, entry.day]
    while date and date[-1] is None:
        date.pop()
    item: dict[str, Any] = {
        "id": key, "type": entry.type, "title": entry.title, "author": _people(entry.authors),
        "editor": _people(entry.editors), "issued": {"date-parts": [date]} if entry.year else None,
        "container-title": entry.container, "volume": entry.volume, "issue": entry.number, "page": entry.pages,
        "publisher": entry.publisher, "DOI": entry.doi, "archive": "arXiv" if entry.arxiv else "",
        "archive_location": entry.arxiv, "PMID": entry.pmid, "ISBN": entry.isbn, "ISSN": entry.issn, "URL": entry.url,
        "abstract": entry.abstract, "keyword": ", ".join(entry.keywords), "language": entry.language,
        "note": entry.note,
    }  # fmt: skip
    return {name: value for name, value in item.items() if value}


def _people(names: Sequence[Name]) -> list[dict[str, str]]:
    return [{"family": f, "given": g} if g else {"literal": f} for f, g in names]
