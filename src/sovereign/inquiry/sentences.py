"""Sentences with their spans: of running text, hard-wrapped abstracts, Markdown lists and table rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"\n[ \t]*\n+|\n(?=[ \t]*(?:[-*+]|\d+\.)[ \t])|\n(?=#{1,6}[ \t])|(?<=[^\n])\n(?=\|)|(?<=\|)\n")
_END = re.compile(
    r"(?<=[.!?])(?:[\"”’')\]]*)(\s+)(?=[\"“‘'(\[]?(?:[A-Z0-9À-ÖØ-Þ$\\<{一-鿿]|[a-z]{1,4}[A-Z]))|(?<=[。！？])"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|vs|cf|Fig|Figs|Eq|Eqs|Sec|Tab|Ref|Refs|No|approx|resp|ca|Dr|St|Mr|Ms|Prof|Inc|etc)"
    r"|\b[A-Z])\.$"
)
_MARKER = re.compile(r"[ \t]*(?:[-*+]|\d+\.)[ \t]+|[ \t]*#{1,6}[ \t]+")


@dataclass(frozen=True)
class Piece:
    """A sentence, heading or table row: its span in code points and the heading that it stands under."""

    start: int
    end: int
    text: str
    heading: str = ""
    is_heading: bool = False
    table_header: str = ""


def sentences(
    text: str, start: int = 0, markdown: bool = False, end: int | None = None, under: str = ""
) -> list[Piece]:
    """The pieces of `text[start:end]` in order, spans relative to the whole text, outer white space left out.

    `under` is the heading that the text stands under.
    """
    pieces: list[Piece] = []
    heading, header = under, ""
    for block_start, block_end in _blocks(text, start, len(text) if end is None else end, markdown):
        block = text[block_start:block_end]
        if markdown and block.lstrip().startswith("#"):
            heading = _MARKER.sub("", block, count=1).strip()
            pieces.append(_piece(text, block_start, block_end, heading, is_heading=True))
            header = ""
            continue
        if markdown and block.lstrip().startswith("|"):
            if re.fullmatch(r"[\s|:\-]+", block):
                continue
            if not header:
                header = block.strip()
                continue
            pieces.append(_piece(text, block_start, block_end, heading, table_header=header))
            continue
        header = ""
        marker = _MARKER.match(block) if markdown else None
        offset = marker.end() if marker else 0
        pieces.extend(_split(text, block_start + offset, block_end, heading))
    return [piece for piece in pieces if piece.text]


def _blocks(text: str, start: int, stop: int, markdown: bool) -> list[tuple[int, int]]:
    pattern = _BLOCK if markdown else re.compile(r"\n[ \t]*\n+")
    spans, here = [], start
    for match in pattern.finditer(text, start, stop):
        spans.append((here, match.start()))
        here = match.end()
    spans.append((here, stop))
    cut: list[tuple[int, int]] = []
    for begin, end in spans:
        line_end = text.find("\n", begin, end)
        if markdown and text.startswith("#", begin) and line_end != -1:
            cut += [(begin, line_end), (line_end + 1, end)]
        else:
            cut.append((begin, end))
    return [(begin, end) for begin, end in cut if end > begin]


def _split(text: str, start: int, end: int, heading: str) -> list[Piece]:
    """Cut at sentence ends; a line that ends a sentence ends it too."""
    pieces, here = [], start
    for match in _END.finditer(text, start, end):
        cut = match.start(1) if match.group(1) is not None else match.start()
        if cut <= here or _ABBREVIATION.search(text, max(here, cut - 12), cut):
            continue
        pieces.append(_piece(text, here, cut, heading))
        here = match.end()
    pieces.append(_piece(text, here, end, heading))
    return pieces


def _piece(text: str, start: int, end: int, heading: str, *, is_heading: bool = False, table_header: str = "") -> Piece:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Piece(start, end, text[start:end], heading, is_heading, table_header)
