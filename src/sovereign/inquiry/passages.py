"""Passages of a stored text: its paragraphs and tables, with their spans and the sections that they stand in.

Reference lists, acknowledgements and the like are passages that are never read. Every span is of the stored text, in
code points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

#: Longer blocks (a page of a PDF without blank lines) are cut at sentence ends into pieces of about this size.
LONGEST = 4000
#: How far the opening of a text without an abstract's heading reaches.
OPENING = 2500
_BLANK = re.compile(r"\n[ \t\r\f]*(?:\n[ \t\r\f]*)+")
_NUMBERING = r"(?:(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[A-H](?:\.\d{1,2})?)[.)]?[ \t]+)?"
_MARKED = re.compile(r"[ \t]*(?P<depth>#{1,6})[ \t]+(?P<title>\S[^\n]*?)[ \t#]*$")
_HASHES = re.compile(r"^#{1,6}[ \t]+\S", re.M)
_PLAIN = re.compile(rf"[ \t]*(?P<title>{_NUMBERING}[A-Z][^\n.!?:;|]{{2,80}})[ \t]*$")
_KNOWN = re.compile(
    rf"^[ \t]*{_NUMBERING}(?:abstract|introduction|related\s+works?|background|methods?|methodology|experiments?|"
    r"results|evaluation|discussion|limitations|conclusions?|references|bibliography|acknowledge?ments?|appendix|appendices)"
    r"[ \t]*$",
    re.I | re.M,
)
_SKIPPED = re.compile(
    rf"{_NUMBERING}(?:references?|bibliography|(?:literature|works)\s+cited|acknowledge?ments?|authors?[’']?\s+contributions?|"
    r"contributions?\s+of\s+(?:the\s+)?authors|funding|(?:declarations?\s+of\s+)?(?:conflicts?\s+of|competing|conflicting)\s+interests?|"
    r"declarations?|ethic(?:s|al)\b.*|broader\s+impacts?.*|(?:\w+\s+)?(?:paper\s+|reproducibility\s+)?checklist|"
    r"about\s+the\s+authors?|(?:table\s+of\s+)?contents|list\s+of\s+(?:figures|tables)|copyright.*|licen[cs]e.*|"
    r"data\s+availability.*|code\s+availability.*|abbreviations|keywords?)",
    re.I,
)
_OTHERS = re.compile(
    rf"{_NUMBERING}(?:related|prior|previous|existing|background|preliminar|literature|state\s+of\s+the\s+art)\b", re.I
)
_ABSTRACT = re.compile(rf"{_NUMBERING}(?:abstract|summary)\b", re.I)
#: `[12] A. Author, ... 2019.`, `Smith, J. (2020). ... doi:`: an entry of a list that has no heading of its own.
_REFERENCE = re.compile(
    r"[ \t]*(?:\[\w{1,12}\]|\d{1,3}\.)[ \t]+(?=[^\n]{0,400}\b(?:19|20)\d\d\b)"
    r"(?=[\s\S]{0,600}\b(?:arXiv|Proceedings|In\s+Proc|Conference|Journal|Trans\.|pp\.|vol\.|doi)\b)"
)
_CAPTION = re.compile(r"[ \t]*(?:table|tab\.)[ \t]+[\w.\-]+[ \t]*[:.|–-][^\n]*", re.I)
_ROW = re.compile(r"[^\n|]*\S[ \t]+\|[ \t]+[^\n|]*:[ \t]*[^\n]*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n")


class Kind(StrEnum):
    """What a passage is. `SKIPPED` is a reference list, an acknowledgement or the like; it is never read."""

    OPENING = "opening"
    PARAGRAPH = "paragraph"
    TABLE = "table"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Passage:
    """A block of a text: its span in code points, what it is, and the heading path that it stands under."""

    start: int
    end: int
    kind: Kind
    section: str = ""
    of_others: bool = False  # in a section on other people's work


def split(text: str, start: int = 0) -> list[Passage]:
    """The passages of `text[start:]` in order. Headings are not passages; they are the sections of what follows."""
    found: list[Passage] = []
    path: list[tuple[int, str]] = []
    titled = opened = False  # whether the text's own title, and whether the opening (title, abstract), has been seen
    for begin, end, depth, title in _blocks(text, start):
        if depth and not (titled or found) and not _KNOWN.fullmatch(title):
            titled = True  # it stands above all and tells no passage apart
        elif depth:
            titled = True
            path = [(d, name) for d, name in path if d < depth] + [(depth, title)]
            opened = opened or (bool(found) and not _ABSTRACT.match(title))
        if depth:
            continue
        names = [name for _, name in path]
        skipped = any(_SKIPPED.fullmatch(name) for name in names) or _REFERENCE.match(text, begin, end) is not None
        opened = opened or begin - start > OPENING
        if skipped:
            kind = Kind.SKIPPED
        elif is_table(text[begin:end]):
            kind = Kind.TABLE
        else:
            kind = Kind.PARAGRAPH if opened else Kind.OPENING
        others = any(_OTHERS.match(name) for name in names)
        pieces = [(begin, end)] if kind is Kind.TABLE else _cut(text, begin, end)
        found += [Passage(low, high, kind, " > ".join(names), others) for low, high in pieces]
    return found


def is_table(block: str) -> bool:
    """Whether a block is a table as readers write it: a caption's line, then a line per row (or Markdown's pipes)."""
    caption, _, rest = block.partition("\n")
    first = rest.partition("\n")[0] or caption
    if _CAPTION.match(caption) and _ROW.match(first):
        return True
    return caption.lstrip().startswith("|") and block.count("\n|") >= 2


def _blocks(text: str, start: int) -> Iterator[tuple[int, int, int, str]]:
    """(start, end, depth, title) of blocks between blank lines; depth 0 is no heading, a heading's title is its own."""
    here, marks = start, _HASHES.search(text, start) is not None
    for match in (*_BLANK.finditer(text, start), None):
        end = match.start() if match else len(text)
        yield from _headings(text, here, end, marks)
        here = match.end() if match else end


def _headings(text: str, start: int, end: int, marks: bool) -> Iterator[tuple[int, int, int, str]]:
    """A block's headings and what stands between. Where a text marks its headings, a plain line is none."""
    start, end = _trimmed(text, start, end)
    if start == end:
        return
    line_end = text.find("\n", start, end)
    first = text[start : end if line_end < 0 else line_end]
    marked = _MARKED.match(first)
    if marked:
        yield start, start + len(first), len(marked["depth"]), marked["title"]
        yield from _headings(text, start + len(first), end, marks)
        return
    if marks:
        yield start, end, 0, ""
        return
    if line_end < 0 and _is_heading(first):
        yield start, end, 2, first.strip()
        return
    here = start
    for known in _KNOWN.finditer(text, start, end):
        if known.start() > here:
            yield (*_trimmed(text, here, known.start()), 0, "")
        yield known.start(), known.end(), 2, known.group().strip()
        here = known.end()
    low, high = _trimmed(text, here, end)
    if low < high:
        yield low, high, 0, ""


def _is_heading(line: str) -> bool:
    """A short line of its own that opens with a capital and ends no sentence."""
    return _PLAIN.fullmatch(line) is not None and len(line.split()) <= 10 and sum(c.isdigit() for c in line) <= 6


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A block that is too long in pieces, each ending where a sentence or a line does, if one does."""
    pieces: list[tuple[int, int]] = []
    while end - start > LONGEST:
        stops = [match.end() for match in _SENTENCE_END.finditer(text, start + LONGEST // 2, start + LONGEST)]
        stop = stops[-1] if stops else start + LONGEST
        low, high = _trimmed(text, start, stop)
        if low < high:
            pieces.append((low, high))
        start = stop
    low, high = _trimmed(text, start, end)
    return [*pieces, (low, high)] if low < high else pieces
