"""Blocks into a Paper: paragraphs, headings and tables go in, and one text with the spans of its parts comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ._clean import line_of
from ._grid import Grid, table_lines
from ._paper import Paper, Section, Table, TableCell, Unreadable

_MAX_CHARS = 12_000_000
_REFERENCES = frozenset(
    (
        "references",
        "bibliography",
        "literature cited",
        "works cited",
        "references and notes",
        "reference list",
        "literature",
    )
)
_NUMBER = re.compile(r"^(?:\d{1,2}|[IVX]{1,5}|[A-Z])\.?\s+")
_LOOKS_LIKE_HEADING = re.compile(r"#{1,6} ")


@dataclass(slots=True)
class _Block:
    lines: list[str]
    depth: int = 0
    grid: Grid | None = None
    label: str = ""


@dataclass(slots=True)
class Writer:
    """Collects the blocks of one paper. Fields of the paper itself are set on it as they are found."""

    title: str = ""
    authors: list[str] = field(default_factory=list)
    year: int | None = None
    abstract: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    tables: int = 0
    text_level: str = "full_text"
    _blocks: list[_Block] = field(default_factory=list)
    _chars: int = 0
    _in_abstract: bool = False
    _in_references: int = 0

    def heading(self, text: str, depth: int = 1) -> None:
        """A heading; `depth` from 1. Under one that says so, what follows are references, up to the next one."""
        if line := line_of(text):
            words = _NUMBER.sub("", line).casefold().rstrip(".:")
            if self._in_references and depth > self._in_references:
                return
            self._in_abstract = words in ("abstract", "summary")
            self._in_references = depth if words in _REFERENCES else 0
            if not self._in_references:
                self._put(_Block([line], depth=min(max(depth, 1), 6)))

    def paragraph(self, text: str) -> None:
        """A paragraph: one line."""
        if line := line_of(text):
            if self._in_references:
                self.references.append(line)
                return
            if self._in_abstract:
                self.abstract.append(line)
            # A paragraph that begins with hash marks is not a heading.
            self._put(_Block([line.lstrip("# ") if _LOOKS_LIKE_HEADING.match(line) else line]))

    def lines(self, lines: Sequence[str]) -> None:
        """A block whose lines are kept as they are: code, verse, the rows of a table that has no grid."""
        kept = [" ".join(line_of(part) for part in line.split("\t")).rstrip() for line in lines]
        if kept := [line for line in kept if line]:
            self._put(_Block(kept))

    def table(self, grid: Grid, caption: str = "", label: str = "") -> None:
        """A table; without a label of its own ("Table 3") it gets the next number."""
        self.tables += 1
        self._put(_Block([line_of(caption)], grid=grid, label=line_of(label).rstrip(".: ") or f"Table {self.tables}"))

    @staticmethod
    def part(label: str, number: int, several: bool) -> str:
        """The label of one of several tables under one caption: Table 2a, Table 2b."""
        mark = chr(96 + number) if number < 27 else f"-{number}"
        return label.rstrip(".: ") + mark if several and label else label

    def end_abstract(self) -> None:
        """What follows is no part of the abstract, though no heading says so."""
        self._in_abstract = False

    def resolve(self, change: Callable[[str], str]) -> None:
        """Change the words of every block, as where references to sections are known only at the end."""
        for block in self._blocks:
            block.lines = [change(line) for line in block.lines]
            if block.grid:
                block.grid.change(change)
        self.abstract = [change(line) for line in self.abstract]

    @property
    def empty(self) -> bool:
        """Whether nothing was written."""
        return not any(block.grid or block.depth == 0 for block in self._blocks)

    def _put(self, block: _Block) -> None:
        self._chars += sum(map(len, block.lines)) + (block.grid.size if block.grid else 0)
        if self._chars > _MAX_CHARS:
            raise Unreadable(f"gives over {_MAX_CHARS // 1_000_000} million characters of text", "split it into parts")
        self._blocks.append(block)

    def paper(self, reader: str, ids: Mapping[str, str] | None = None) -> Paper:
        """The paper of what was written."""
        title = line_of(self.title)
        parts: list[str] = []
        at = 0
        heads: list[tuple[int, str, int]] = []
        tables: list[Table] = []

        def put(text: str) -> int:
            nonlocal at
            start = at
            parts.append(text)
            at += len(text)
            return start

        if title:
            put(f"{title}\n\n")
        for block in self._blocks:
            if block.depth:
                heads.append((block.depth, block.lines[0], put("#" * block.depth + f" {block.lines[0]}\n\n")))
            elif block.grid is not None:
                caption = block.lines[0] if block.lines else ""
                start = put(f"{block.label}: {caption}".rstrip() + "\n")
                cells: list[TableCell] = []
                for line, found in table_lines(block.grid):
                    begin = put(f"{line}\n")
                    cells += [TableCell(begin + c.start, begin + c.end, c.row, c.column) for c in found]
                tables.append(Table(block.label, caption, start, at - 1, tuple(cells)))
                put("\n")
            else:
                put("\n".join(block.lines) + "\n\n")
        text = "".join(parts).rstrip("\n") + "\n"
        return Paper(
            reader=reader, text=text, title=title or self._first_words(), authors=tuple(a for a in self.authors if a),
            year=self.year, abstract="\n\n".join(self.abstract), sections=_sections(heads, len(text)),
            tables=tuple(tables), references=tuple(self.references), ids={**self.ids, **(ids or {})},
            left_out=tuple(self.left_out), text_level=self.text_level,
        )  # fmt: skip

    def _first_words(self) -> str:
        first = next((block.lines[0] for block in self._blocks if block.lines and block.lines[0]), "")
        return first if len(first) <= 200 else first[:200].rsplit(" ", 1)[0]


def _sections(heads: list[tuple[int, str, int]], length: int) -> tuple[Section, ...]:
    """Each heading rules up to the next of its depth or above."""
    found = []
    for n, (depth, title, start) in enumerate(heads):
        end = next((s for d, _, s in heads[n + 1 :] if d <= depth), length)
        found.append(Section(depth, title, start, end))
    return tuple(found)
