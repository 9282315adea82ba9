"""BibTeX and BibLaTeX, by bibtexparser: a broken entry is named, the rest goes on; strings and crossrefs resolved."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence

from ._entry import Entry, Name, split_name, year_in
from ._latex import decode, encode

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_TYPES = {
    "article": "article-journal", "inproceedings": "paper-conference", "conference": "paper-conference", "book": "book",
    "proceedings": "book", "incollection": "chapter", "inbook": "chapter", "phdthesis": "thesis", "thesis": "thesis",
    "mastersthesis": "thesis", "techreport": "report", "report": "report", "online": "webpage", "dataset": "dataset",
    "software": "software", "unpublished": "article", "preprint": "article",
}  # fmt: skip
_BACK = {
    "article-journal": "article", "paper-conference": "inproceedings", "book": "book", "chapter": "incollection",
    "thesis": "phdthesis", "report": "techreport", "webpage": "online", "dataset": "dataset", "software": "software",
    "article": "misc",
}  # fmt: skip
_CONTAINERS = ("journal", "journaltitle", "booktitle", "howpublished", "school", "institution")
#: Fields that are identifiers or paths and no text.
_AS_IS = frozenset(("doi", "url", "eprint", "file", "isbn", "issn", "pmid", "archiveprefix", "eprinttype"))

Broken = tuple[int, str]  # line, counted from 1, and what is wrong


def parse(text: str) -> Iterator[Entry | Broken]:
    """The entries of a file in its order, and what of it cannot be read."""
    from bibtexparser import entrypoint, model

    logging.getLogger("bibtexparser").addHandler(logging.NullHandler())  # what it logs, we report
    library = entrypoint.parse_string(text, parse_stack=[])
    strings = {string.key.casefold(): string.value for string in library.strings}
    blocks: list[tuple[str, str, dict[str, str], int]] = []
    for block in library.blocks:
        line = (block.start_line or 0) + 1
        if isinstance(block, model.DuplicateFieldKeyBlock) and isinstance(block.ignore_error_block, model.Entry):
            block = block.ignore_error_block
        if isinstance(block, model.Entry):
            fields: dict[str, str] = {}
            for one in block.fields:
                fields.setdefault(one.key.casefold(), _value(str(one.value), strings))
            blocks.append((block.key, block.entry_type.casefold(), fields, line))
        elif isinstance(block, model.DuplicateBlockKeyBlock):
            yield line, f"has the key {block.key!r}, as an entry above: give one of them another"
        elif isinstance(block, model.ParsingFailedBlock):
            began = " ".join((block.raw or "").split())[:60]
            yield line, f"cannot be parsed ({began!r}): close its braces and part its fields by commas"
    by_key = {key.casefold(): (kind, fields) for key, kind, fields, _ in blocks}
    for key, kind, fields, line in blocks:
        told = _with_parent(fields, by_key)
        if told.get("title") or told.get("author"):
            yield _entry(key, kind, told)
        else:
            yield line, f"has neither title nor author ({key!r}): give it a title"


def write(entries: Sequence[tuple[str, Entry]]) -> str:
    """Entries with their keys as a file, in UTF-8."""
    return "\n".join(_written(key, entry) for key, entry in entries)


def _value(raw: str, strings: Mapping[str, str], depth: int = 0) -> str:
    """A field's value with its braces and quotes taken off and its strings put in: `nips # " 2020"`."""
    found = []
    for part in _parts(raw):
        bare = part.strip()
        if len(bare) > 1 and (bare[0], bare[-1]) in (("{", "}"), ('"', '"')):
            found.append(bare[1:-1])
        elif bare.casefold() in strings and depth < 8:
            found.append(_value(strings[bare.casefold()], strings, depth + 1)[:10_000])
        else:
            found.append(bare)
    return "".join(found)


def _parts(raw: str) -> list[str]:
    """A value cut at each `#` that stands outside braces and quotes."""
    return _outside(raw, re.compile("#"), quotes=True)


def _outside(raw: str, cut: re.Pattern[str], quotes: bool = False, keep: bool = False) -> list[str]:
    """A text cut wherever a pattern stands outside braces (and quotes); with `keep`, what matched there instead."""
    parts, kept, depth, quoted, here, at = [], [], 0, False, 0, 0
    while at < len(raw):
        character = raw[at]
        if character == "\\":
            at += 2
            continue
        depth += (character == "{") - (character == "}")
        quoted ^= quotes and character == '"' and depth == 0
        match = cut.match(raw, at) if depth == 0 and not quoted and character != "}" else None
        if match is not None:
            parts.append(raw[here:at])
            kept.append(match.group())
            here = at = match.end()
        else:
            at += 1
    return kept if keep else [*parts, raw[here:]]


def _with_parent(fields: dict[str, str], by_key: Mapping[str, tuple[str, dict[str, str]]]) -> dict[str, str]:
    """The fields with those of the entry that `crossref` names, its title being the book's."""
    parent = by_key.get(fields.get("crossref", "").casefold())
    if parent is None or parent[1] is fields:
        return fields
    given = {name: value for name, value in parent[1].items() if name not in ("crossref", "doi", "url", "file")}
    if "title" in given:
        given.setdefault("booktitle", given.pop("title"))
    given.pop("author", None)
    return {**given, **fields}


def _entry(key: str, kind: str, raw: dict[str, str]) -> Entry:
    told = {name: _plain(value) if name in _AS_IS else decode(value) for name, value in raw.items()}
    names = {role: _names(raw.get(role, "")) for role in ("author", "editor")}
    date = told.get("date", "")
    parts = re.match(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", date)
    month = raw.get("month", "").strip().casefold()[:3]
    prefix = (told.get("archiveprefix") or told.get("eprinttype") or "").casefold()
    arxiv = told.get("eprint", "") if prefix in ("arxiv", "") else ""
    container = next((told[name] for name in _CONTAINERS if told.get(name)), "")
    return Entry(
        key=key, type=_TYPES.get(kind, "article" if arxiv else "document"), title=told.get("title", ""),
        authors=names["author"], editors=names["editor"], year=year_in(told.get("year", "")) or year_in(date),
        month=_MONTHS.index(month) + 1 if month in _MONTHS else _number(month) or _number(parts[2] if parts else None),
        day=_number(parts[3] if parts else told.get("day")), container=container, volume=told.get("volume", ""),
        number=told.get("number") or told.get("issue", ""), pages=told.get("pages", "").replace("–", "-"),
        publisher=told.get("publisher", ""), doi=told.get("doi", ""), arxiv=arxiv, pmid=told.get("pmid", ""),
        isbn=told.get("isbn", ""), issn=told.get("issn", ""), url=told.get("url", ""),
        abstract=told.get("abstract", ""), language=told.get("language") or told.get("langid", ""),
        keywords=tuple(word.strip() for word in re.split(r"[,;]", told.get("keywords", "")) if word.strip()),
        note=told.get("note") or told.get("annote", ""), files=attached(told.get("file", "")),
    )  # fmt: skip


def attached(value: str) -> tuple[str, ...]:
    r"""The paths of a `file` field as Zotero and JabRef write it: a path, or `Title:path:type;...` with `\:`."""
    found = []
    for one in re.split(r"(?<!\\);", value):
        parts = [re.sub(r"\\([:;\\{}_])", r"\1", part) for part in re.split(r"(?<!\\):", one)]
        path = parts[1] if len(parts) >= 3 else parts[0] if len(parts) == 1 else ":".join(parts)
        if path.strip():
            found.append(path.strip())
    return tuple(found)


def _names(raw: str) -> tuple[Name, ...]:
    """`Last, First and {An Institution}`; what stands in braces as a whole is one name."""
    found: list[Name] = []
    for part in _outside(raw, re.compile(r"\s+and\s+")):
        part = part.strip()
        if not part or part.casefold() == "others":
            continue
        if part.startswith("{") and not _outside(part, re.compile(r".", re.S), keep=True):
            found.append((decode(part[1:-1]), ""))
            continue
        pieces = [decode(piece).strip() for piece in _outside(part, re.compile(","))]
        if len(pieces) == 3:  # Last, Jr, First
            found.append((f"{pieces[0]} {pieces[1]}".strip(), pieces[2]))
        elif len(pieces) == 2:
            found.append((pieces[0], pieces[1]))
        else:
            found.append(split_name(decode(part)))
    return tuple(name for name in found if name[0])


def _plain(value: str) -> str:
    r"""An identifier or an address without LaTeX's escapes: `\_`, `\%`, `\url{...}`."""
    return re.sub(r"\\([_%&#~{}$])", r"\1", re.sub(r"\\url\{([^{}]*)\}", r"\1", value)).strip("{} ")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and 0 < int(text) < 32 else None


def _written(key: str, entry: Entry) -> str:
    kind = _BACK.get(entry.type, "misc")
    container = {"article": "journal", "phdthesis": "school", "techreport": "institution", "misc": "howpublished",
                 "online": "howpublished"}.get(kind, "booktitle")  # fmt: skip
    pages = re.sub(r"(?<=\d)\s*[-–]+\s*(?=\d)", "--", entry.pages)
    fields = {
        "title": encode(entry.title), "author": _and(entry.authors), "editor": _and(entry.editors),
        container: encode(entry.container), "year": str(entry.year or ""),
        "month": _MONTHS[entry.month - 1] if entry.month and entry.month <= 12 else "",
        "day": str(entry.day or ""), "volume": encode(entry.volume), "number": encode(entry.number), "pages": pages,
        "publisher": encode(entry.publisher), "doi": entry.doi, "eprint": entry.arxiv,
        "archiveprefix": "arXiv" if entry.arxiv else "", "pmid": entry.pmid, "isbn": entry.isbn, "issn": entry.issn,
        "url": re.sub(r"[{}\\%]", lambda m: f"%{ord(m[0]):02X}" if m[0] != "%" else "%", entry.url),
        "keywords": encode(", ".join(entry.keywords)), "language": encode(entry.language),
        "abstract": encode(entry.abstract), "note": encode(entry.note),
    }  # fmt: skip
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}\n"])


def _and(names: Sequence[Name]) -> str:
    return " and ".join(
        f"{encode(family)}, {encode(given)}" if given else f"{{{encode(family)}}}" for family, given in names
    )


