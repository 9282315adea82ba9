"""What the readers of papers hand out: one text with its sections, tables, references and identifiers.

The text is made of blocks set off by blank lines: the title, then paragraphs (one line each), headings (`# `, `## ` and
so on at the start of a line) and tables. A table's block starts `Table N: <caption>`, and each row is one line:

    <row header path> | <column header path>: <cell> | <column header path>: <cell>

Paths are joined by ` > `; a row without a header of its own starts with `-`; a column without one leaves its cell bare.
Inside a cell a bar is `∣`, and a colon is followed by a no-break space, so that a line can be taken apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sovereign.records import BadInput


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the text: its depth from 1, its words, and the span that it rules (itself included)."""

    depth: int
    title: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TableCell:
    """A cell of a table: the span of its words in the text, and the headers over and beside it."""

    start: int
    end: int
    row: tuple[str, ...]
    column: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the text: the span of its block, and its cells in reading order."""

    label: str
    caption: str
    start: int
    end: int
    cells: tuple[TableCell, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """What one file says. Spans are Unicode code points of `text`.

    `ids` has the file's own identifiers (`arxiv`, `doi`, `pmc`, `pmid`), never one that it merely cites. `left_out`
    says what was not read, each with its remedy; it is empty for a file that was read whole. `text_level` is "abstract"
    for a page or a JATS file without a body. The list of references is no part of the text.
    """

    reader: str
    text: str
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    abstract: str = ""
    sections: tuple[Section, ...] = ()
    tables: tuple[Table, ...] = ()
    references: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)
    text_level: str = "full_text"
    left_out: tuple[str, ...] = ()

    def meta(self) -> dict[str, Any]:
        """What a library keeps beside the text: plain values for JSON."""
        found: dict[str, Any] = {
            "sections": [[s.depth, s.title, s.start, s.end] for s in self.sections],
            "tables": [[t.label, t.start, t.end] for t in self.tables],
            "references": list(self.references),
            "ids": dict(sorted(self.ids.items())),
            "left_out": list(self.left_out),
        }
        return {key: value for key, value in found.items() if value}


class Unreadable(BadInput):
    """A file that gives no text: why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of papers. `read` takes (bytes, media type) and gives a Paper, or raises Unreadable.

    `rank` orders the texts of one work: 3 where the words came marked up (TeX, HTML, JATS), 2 for plain text, 1 where a
    page was read back into words (PDF). `version` changes whenever the same bytes would give another paper.
    """

    name: str
    version: str
    rank: int
    suffixes: tuple[str, ...]
    media_types: tuple[str, ...]
    max_bytes: int
    read: Callable[[bytes, str], Paper]

    @property
    def reader(self) -> str:
        """Name and version, as sources and records carry them."""
        return f"{self.name} {self.version}"
