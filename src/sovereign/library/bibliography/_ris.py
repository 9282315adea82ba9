"""RIS, as reference managers write it: two-letter tags, a record from TY to ER.

Our own hundred lines, because a record that breaks the rules must not take the others with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ._entry import Entry, Name, split_name, year_in

_TAG = re.compile(r"([A-Z][A-Z0-9])\s{1,2}-(?:\s(.*))?$")
_TYPES = {
    "JOUR": "article-journal", "JFULL": "article-journal", "EJOUR": "article-journal", "MGZN": "article-journal",
    "CONF": "paper-conference", "CPAPER": "paper-conference", "BOOK": "book", "EBOOK": "book", "CHAP": "chapter",
    "ECHAP": "chapter", "THES": "thesis", "RPRT": "report", "ELEC": "webpage", "DATA": "dataset", "COMP": "software",
    "UNPB": "article", "PREP": "article",
}  # fmt: skip
_BACK = {
    "article-journal": "JOUR", "paper-conference": "CPAPER", "book": "BOOK", "chapter": "CHAP", "thesis": "THES",
    "report": "RPRT", "webpage": "ELEC", "dataset": "DATA", "software": "COMP", "article": "UNPB",
}  # fmt: skip

Broken = tuple[int, str]


def parse(text: str) -> Iterator[Entry | Broken]:
    """The entries of a file in its order, and what of it cannot be read."""
    tags: list[tuple[str, str]] = []
    began = 0
    for number, line in enumerate([*text.splitlines(), "TY  - end"], 1):
        match = _TAG.match(line.strip("\ufeff"))
        tag = match[1] if match else ""
        if tag == "TY" or (tag == "ER" and tags):
            if tags:
                yield _entry(tags) if _first(tags, *_TITLES) else (began, "has no title (TI or T1): give it one")
            tags = [("TY", match[2] or "")] if match and tag == "TY" else []
            began = number
        elif match and tags:
            tags.append((tag, (match[2] or "").strip()))
        elif tags and line.strip() and len(tags) > 1:  # a long field goes on
            tags[-1] = (tags[-1][0], f"{tags[-1][1]} {line.strip()}".strip())


_TITLES = ("TI", "T1", "CT")


def write(entries: Sequence[tuple[str, Entry]]) -> str:
    """Entries with their keys as a file."""
    return "\n".join(_written(key, entry) for key, entry in entries)


def _first(tags: Sequence[tuple[str, str]], *names: str) -> str:
    return next((value for name in names for tag, value in tags if tag == name and value), "")


def _all(tags: Sequence[tuple[str, str]], *names: str) -> tuple[str, ...]:
    return tuple(value for tag, value in tags if tag in names and value)


def _name(text: str) -> Name:
    family, _, given = text.partition(",")
    if not given:
        return (family.strip(), "") if text.endswith(",") or " " not in text.strip() else split_name(text)
    return family.strip(), " ".join(part.strip() for part in given.split(","))


def _entry(tags: Sequence[tuple[str, str]]) -> Entry:
    date = re.match(r"(\d{4})(?:/(\d{1,2})?)?(?:/(\d{1,2})?)?", _first(tags, "DA", "PY", "Y1"))
    first, last = _first(tags, "SP"), _first(tags, "EP")
    kind = _first(tags, "TY").upper()
    notes = _all(tags, "N1")
    arxiv = next((m[1] for note in notes if (m := re.fullmatch(r"arXiv:\s*(\S+?)", note))), "")
    pmid = next((m[1] for note in notes if (m := re.fullmatch(r"PMID:\s*(\d+)", note))), "")
    return Entry(
        key=_first(tags, "ID"), type=_TYPES.get(kind, "document"), title=_first(tags, *_TITLES),
        authors=tuple(_name(name) for name in _all(tags, "AU", "A1")),
        editors=tuple(_name(name) for name in _all(tags, "ED", "A2")), year=year_in(_first(tags, "PY", "Y1", "DA")),
        month=_small(date[2] if date else None), day=_small(date[3] if date else None),
        container=_first(tags, "T2", "JO", "JF", "JA", "BT"), volume=_first(tags, "VL"),
        number=_first(tags, "IS", "M1"), pages=f"{first}-{last}" if first and last else first,
        publisher=_first(tags, "PB"), doi=_first(tags, "DO"),
        arxiv=arxiv, pmid=pmid, isbn=_first(tags, "SN") if kind in ("BOOK", "CHAP", "EBOOK", "ECHAP") else "",
        issn="" if kind in ("BOOK", "CHAP", "EBOOK", "ECHAP") else _first(tags, "SN"), url=_first(tags, "UR", "LK"),
        abstract=_first(tags, "AB", "N2"), keywords=_all(tags, "KW"), language=_first(tags, "LA"),
        note=" ".join(n for n in notes if not re.fullmatch(r"(?:arXiv|PMID):\s*\S+", n)),
        files=_all(tags, "L1", "L4"),
    )  # fmt: skip


def _small(text: str | None) -> int | None:
    return int(text) if text and 0 < int(text) < 32 else None


def _written(key: str, entry: Entry) -> str:
    first, _, last = entry.pages.partition("-")
    date = f"{entry.year}/{entry.month or '':0>2}/{entry.day or '':0>2}" if entry.year and entry.month else ""
    rows: list[tuple[str, str]] = [("TY", _BACK.get(entry.type, "GEN")), ("ID", key), ("TI", entry.title)]
    rows += [("AU", _comma(name)) for name in entry.authors]
    rows += [("ED", _comma(name)) for name in entry.editors]
    rows += [
        ("PY", str(entry.year or "")), ("DA", date.replace("/00", "/")), ("T2", entry.container), ("VL", entry.volume),
        ("IS", entry.number), ("SP", first), ("EP", last.lstrip("-")), ("PB", entry.publisher), ("DO", entry.doi),
        ("SN", entry.isbn or entry.issn), ("UR", entry.url), ("LA", entry.language),
        ("AB", " ".join(entry.abstract.split())), ("N1", f"arXiv: {entry.arxiv}" if entry.arxiv else ""),
        ("N1", f"PMID: {entry.pmid}" if entry.pmid else ""), ("N1", entry.note),
    ]  # fmt: skip
    rows += [("KW", word) for word in entry.keywords]
    lines = [f"{tag}  - {' '.join(value.split())}" for tag, value in rows if value]
    return "\n".join([*lines, "ER  - \n"])


def _comma(name: Name) -> str:
    return f"{name[0]}, {name[1]}" if name[1] else f"{name[0]},"
