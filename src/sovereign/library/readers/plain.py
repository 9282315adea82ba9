"""Plain text: paragraphs at blank lines, hard-wrapped lines joined, what stands in columns kept line by line."""

from __future__ import annotations

import re

from ._decode import decode
from ._formats import TEXT
from ._paper import Paper, Unreadable
from ._writer import Writer

_BLANK = re.compile(r"\n[ \t\f\v]*\n+")
_NUMBERED = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[A-Z]\.|[IVX]{1,5}\.)\s+[A-Z]\S*(?:\s+\S+){0,9}")
_NAMED = re.compile(
    r"(?:abstract|introduction|background|related work|methods?|materials and methods|experiments?|results|discussion|"
    r"conclusions?|limitations|acknowledge?ments?|references|bibliography|appendix(?: [A-Z])?)[.:]?",
    re.I,
)
_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
_HYPHEN = re.compile(r"([\w-]*[a-z])-\n[ \t]*([a-z][\w-]*)")


def read_text(data: bytes, media_type: str = "") -> Paper:
    """The paper in a plain text.

    Raises:
        Unreadable: it is empty or binary.
    """
    text = decode(data, media_type).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    writer = Writer()
    blocks = [block.strip("\n") for block in _BLANK.split(text) if block.strip()]
    if not blocks:
        raise Unreadable("holds no text", "write a text into it, or delete it")
    first = " ".join(blocks[0].split())
    if len(blocks) > 1 and len(first) <= 300 and not first.endswith((".", ":")):
        writer.title = first
        blocks = blocks[1:]
    for block in blocks:
        lines = block.split("\n")
        line = lines[0].strip()
        if len(lines) == 1 and len(line) <= 100 and (_NAMED.fullmatch(line) or _NUMBERED.fullmatch(line)):
            number = re.match(r"\d+(?:\.\d+)*", line)
            writer.heading(line, number[0].count(".") + 1 if number else 1)
        elif sum(bool(_COLUMNS.search(line)) for line in lines) * 2 > len(lines):
            writer.lines(lines)
        else:
            writer.paragraph(_HYPHEN.sub(lambda match: _mended(match, text), block))
    return writer.paper(TEXT.reader)


def _mended(match: re.Match[str], text: str) -> str:
    """A word that a line's end broke; the hyphen stays where the word has others, or is written so elsewhere."""
    first, second = match[1], match[2]
    keeps = "-" in first or "-" in second or f"{first}-{second}" in text
    return f"{first}{'-' if keeps and first + second not in text else ''}{second}"
