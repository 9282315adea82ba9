"""A table as rows of cells with spans, and its lines: each value with the headers over and beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ._clean import line_of
from ._paper import TableCell

_MAX_COLUMNS, _MAX_ROWS, _MAX_PLACES = 400, 20_000, 400_000
_MOST_ROW_HEADERS = 3
_MARKS = frozenset("- – — −  ✓ ✗ ✔ ✘ × √ • n/a na nan oom yes no ? * † ‡".split(" "))


@dataclass(slots=True)
class Cell:
    """A cell as it is written: its words, how far it reaches, and whether it is marked as a header."""

    text: str
    columns: int = 1
    rows: int = 1
    header: bool = False


@dataclass(slots=True)
class Grid:
    """Rows of cells. `header_rows` and `header_columns` are numbers where the source says so, else None."""

    rows: list[list[Cell]] = field(default_factory=list)
    header_rows: int | None = None
    header_columns: int | None = None

    @property
    def size(self) -> int:
        """Code points in it, about as many as it takes to write it out."""
        return sum(len(cell.text) + 1 for row in self.rows for cell in row)

    def change(self, change: Callable[[str], str]) -> None:
        """Change the words of every cell."""
        for row in self.rows:
            for cell in row:
                cell.text = change(cell.text)

    @property
    def empty(self) -> bool:
        """Whether no cell says anything."""
        return not any(line_of(cell.text) for row in self.rows for cell in row)


@dataclass(frozen=True, slots=True)
class _Place:
    text: str
    first: bool  # whether the cell's leftmost column
    header: bool
    width: int


_NOTHING = _Place("", True, False, 1)


def table_lines(grid: Grid) -> list[tuple[str, list[TableCell]]]:
    """(line, its cells with spans in that line) for each row of the body. See `_paper` for the form of a line."""
    places = _spread(grid)
    if not places:
        return []
    width = len(places[0])
    if width == 1:  # a column of words, without anything to stand under
        return [(row[0].text, []) for row in places]
    top = _header_rows(grid, places)
    side = _header_columns(grid, places[top:], width)
    columns = _paths(places[:top], width)
    lines: list[tuple[str, list[TableCell]]] = []
    group: list[str] = []
    above: list[str] = []
    told = True  # whether a row stands under the group
    for n, row in enumerate(places[top:], top):
        texts = [place.text for place in row]
        if not any(texts):
            continue
        if _heads_a_group(row, side, width):
            if not told:  # two in a row: the second stands under the first
                group = group[-1:]
            else:
                group = []
            group.append(next(filter(None, texts)))
            above, told = [], False
            continue
        if n > top and width > 1 and all(place.header for place in row) and len(set(filter(None, texts))) > 1:
            columns = _paths([row], width)
            continue
        beside = texts[:side]
        for at, before in enumerate(above):
            if beside[at]:
                break
            beside[at] = before  # an empty header goes on with the one above it
        above = beside
        path = _distinct([*group, *beside])
        lines.append(_line(row, side, tuple(path), columns))
        told = True
    if not told:
        lines.append((" > ".join(group), []))
    if not lines:  # nothing but headers
        lines = [(line, []) for row in places if (line := " | ".join(_distinct([p.text for p in row])))]
    return lines


def _line(
    row: Sequence[_Place], side: int, path: tuple[str, ...], columns: list[tuple[str, ...]]
) -> tuple[str, list[TableCell]]:
    line = " > ".join(path) or "-"
    cells: list[TableCell] = []
    for place, column in list(zip(row, columns, strict=True))[side:]:
        if place.text and place.first:
            line += " | " + (" > ".join(column) + ": " if column else "")
            words = place.text.replace(": ", ":\u00a0")  # a colon and a space end a column's path, and nothing else
            cells.append(TableCell(len(line), len(line) + len(words), path, column))
            line += words
    return line, cells


def _spread(grid: Grid) -> list[list[_Place]]:
    """Every place of the table with the cell that covers it; rows of equal length."""
    rows: list[dict[int, _Place]] = [{} for _ in grid.rows[:_MAX_ROWS]]
    width = used = 0
    for r, cells in enumerate(grid.rows[:_MAX_ROWS]):
        c = 0
        for cell in cells:
            while c in rows[r]:
                c += 1
            if c >= _MAX_COLUMNS:
                break
            text = line_of(cell.text).replace("|", "∣")
            wide = min(max(cell.columns, 1), _MAX_COLUMNS - c)
            # A row span of 0 reaches to the end of the table, as in HTML.
            tall = min(cell.rows if cell.rows > 0 else len(rows), len(rows) - r)
            for down in range(tall):
                for right in range(wide):
                    if used > _MAX_PLACES:
                        break
                    used += (c + right) not in rows[r + down]
                    rows[r + down].setdefault(c + right, _Place(text, right == 0, cell.header, wide))
            c += wide
            width = max(width, c)
    full = [[row.get(c, _NOTHING) for c in range(width)] for row in rows]
    kept = [c for c in range(width) if any(row[c].text for row in full)]
    return [[row[c] for c in kept] for row in full if any(place.text for place in row)] if kept else []


def _header_rows(grid: Grid, places: list[list[_Place]]) -> int:
    most = len(places) - 1
    if grid.header_rows is not None:
        empty = sum(not any(line_of(cell.text) for cell in row) for row in grid.rows[: grid.header_rows])
        return min(grid.header_rows - empty, most) if most > 0 else 0
    marked = next((n for n, row in enumerate(places) if not all(p.header or not p.text for p in row)), len(places))
    if marked:
        return min(marked, most)
    first = [place.text for place in places[0][1:]]
    return 0 if most == 0 or not any(first) or sum(map(is_value, filter(None, first))) * 2 > len(first) else 1


def _header_columns(grid: Grid, body: list[list[_Place]], width: int) -> int:
    if width == 1:
        return 0
    if grid.header_columns is not None:
        return min(grid.header_columns, width - 1)
    leading = [next((c for c, place in enumerate(row) if not place.header), width) for row in body]
    marked = sorted(leading)[len(leading) // 2] if leading else 0
    if 0 < marked < width:
        return marked
    valued = [_valued([row[c].text for row in body]) for c in range(width)]
    if not any(valued[1:]):
        return 1
    side = next((c for c in range(1, width) if valued[c]), 1)
    return min(side, _MOST_ROW_HEADERS, width - 1)


def _valued(texts: list[str]) -> bool:
    told = [text for text in texts if text]
    return bool(told) and sum(map(is_value, told)) * 2 >= len(told)


def is_value(text: str) -> bool:
    """Whether a cell reads like a value: more figures than letters, or a mark that stands for one."""
    digits, letters = len(re.findall(r"\d", text)), len(re.findall(r"[^\W\d_]", text))
    return text.casefold() in _MARKS or (digits > 0 and letters <= digits + 2)


def _heads_a_group(row: list[_Place], side: int, width: int) -> bool:
    """A row of one cell that reaches over the values, or of a row header and nothing beside it."""
    told = [place for place in row if place.text and place.first]
    if len(told) != 1 or width < 2 or is_value(told[0].text):
        return False
    return told[0].width > max(side, 1) or (row[0] is told[0] and side > 0)


def _paths(rows: list[list[_Place]], width: int) -> list[tuple[str, ...]]:
    return [tuple(_distinct([row[c].text for row in rows])) for c in range(width)]


def _distinct(texts: Sequence[str]) -> list[str]:
    """The texts without empty ones and without a repetition of the one before."""
    kept: list[str] = []
    for text in texts:
        if text and (not kept or kept[-1] != text):
            kept.append(text)
    return kept
