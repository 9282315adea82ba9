"""Rows of a PDF's pages in reading order: columns told apart, running heads and page numbers left out."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise

from ._pdf_run import Piece

_EDGE = 3  # rows at either end of a page that may be running heads
_PAGE_NUMBER = re.compile(
    r"(?:page\s*)?[-–—|(\[]?\s*(?:\d{1,4}|[ivxlc]{1,6})\s*[-–—|)\]]?(?:\s*(?:of|/)\s*\d{1,4})?", re.I
)
_UPRIGHT = 0.1


@dataclass(slots=True)
class Row:
    """A row of one column: its text (pieces apart by tabs), its place, where its column begins and ends."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    bold: bool
    pieces: int
    hyphen: bool
    page: int
    parts: list[Piece] = field(default_factory=list)
    left: float = 0.0
    right: float = 0.0
    column: int = 0


def rows_of(pages: list[list[Piece]]) -> tuple[list[Row], list[str]]:
    """(rows in reading order, sideways texts of the first page: arXiv prints its stamp so)."""
    per_page = [_rows(page, number) for number, page in enumerate(pages)]
    heads = _running_heads(per_page)
    found: list[Row] = []
    for number, rows in enumerate(per_page):
        kept = [row for row in rows if (number, id(row)) not in heads]
        found += _ordered(kept or rows)  # a page of nothing but a running head has that to say
    stamp = [piece.text for piece in (pages[0] if pages else []) if abs(piece.angle) > _UPRIGHT]
    return found, stamp


def _rows(page: list[Piece], number: int) -> list[Row]:
    """The parser's rows, each of its pieces joined by tabs."""
    rows: list[Row] = []
    line: list[Piece] = []
    for piece in page:
        if abs(piece.angle) > _UPRIGHT and abs(abs(piece.angle) - 6.283) > _UPRIGHT:
            continue
        if line and (piece.top > line[-1].bottom or piece.bottom < line[-1].top or piece.x0 < line[-1].x0):
            rows.append(_row(line, number))
            line = []
        line.append(piece)
        if piece.ends:
            rows.append(_row(line, number))
            line = []
    if line:
        rows.append(_row(line, number))
    return rows


def _row(line: list[Piece], number: int) -> Row:
    longest = max(line, key=lambda piece: len(piece.text))
    return Row(
        "\t".join(piece.text for piece in line), min(p.x0 for p in line), min(p.top for p in line),
        max(p.x1 for p in line), max(p.bottom for p in line), longest.size, longest.bold, len(line), line[-1].ends == 2,
        number, list(line),
    )  # fmt: skip


def _running_heads(pages: list[list[Row]]) -> set[tuple[int, int]]:
    """Rows at the edges of pages that recur, figures aside, and page numbers."""
    edges: list[tuple[int, Row, str]] = []
    for number, rows in enumerate(pages):
        by_place = sorted(rows, key=lambda row: row.top)
        for row in {id(r): r for r in [*by_place[:_EDGE], *by_place[-_EDGE:]]}.values():
            edges.append((number, row, re.sub(r"\d+|\b[ivxl]+\b", "#", row.text.casefold())))
    # Numbers that count the pages, wherever at an edge they stand.
    counted = Counter(
        int(row.text) - number for number, row, _ in edges if row.text.strip().isdecimal() and len(row.text) < 6
    )
    offset, times_counted = counted.most_common(1)[0] if counted else (0, 0)
    seen = Counter((words, round(row.top / 12)) for _, row, words in edges)
    least = max(3, len(pages) * 0.25)
    found = set()
    for number, row, words in edges:
        place = round(row.top / 12)
        times = sum(seen[words, place + d] for d in (-1, 0, 1))
        top, bottom = min(r.top for r in pages[number]), max(r.bottom for r in pages[number])
        at_edge = row.top <= top + 2 or row.bottom >= bottom - 2
        is_count = times_counted >= 2 and row.text.strip() == str(number + offset)
        if is_count or (times >= least and len(words) > 1) or (at_edge and _PAGE_NUMBER.fullmatch(row.text.strip())):
            found.add((number, id(row)))
    return found


def _ordered(rows: list[Row]) -> list[Row]:
    """Rows of a page: bands from top to bottom, in each the left column before the right."""
    if not rows:
        return []
    gutter = _gutter(rows)
    if gutter is None:
        edges = _edges(rows)
        for row in rows:
            row.left, row.right = edges
        return _down(rows)
    split = _split(rows, gutter)
    ordered: list[Row] = []
    sides: tuple[list[Row], list[Row]] = ([], [])
    left, right = _edges([r for r in split if r.x1 <= gutter + 4]), _edges([r for r in split if r.x0 >= gutter - 4])

    def close() -> None:
        for at, side in enumerate(sides):
            for row in side:
                row.left, row.right = (left, right)[at]
                row.column = at + 1
            ordered.extend(_down(side))
            side.clear()

    for row in sorted(split, key=lambda r: (r.top, r.x0)):
        if row.x0 < gutter - 8 and row.x1 > gutter + 8:
            close()
            row.left, row.right = left[0], right[1]
            ordered.append(row)
        else:
            sides[0 if (row.x0 + row.x1) / 2 < gutter else 1].append(row)
    close()
    return ordered


def _gutter(rows: list[Row]) -> float | None:
    """Where two columns part, or None for one column."""
    long = [row for row in rows if len(row.text) > 15]
    if len(long) < 8:
        return None
    left, right = min(row.x0 for row in long), max(row.x1 for row in long)
    width = right - left
    best: tuple[int, float, float] | None = None
    for step in range(36, 65):
        x = left + width * step / 100
        crossing = sum(row.x0 < x - 3 and row.x1 > x + 3 and not _opens_at(row, x) for row in long)
        candidate = (crossing, abs(x - (left + right) / 2), x)
        best = candidate if best is None or candidate < best else best
    assert best is not None
    crossing, _, x = best
    on_left = sum(row.x1 <= x + 3 and row.x1 - row.x0 > width * 0.2 for row in long)
    on_right = sum(row.x0 >= x - 3 and row.x1 - row.x0 > width * 0.2 for row in long)
    both = sum(row.x0 < x - 3 and row.x1 > x + 3 and _opens_at(row, x) for row in long)
    if both * 3 >= len(long):
        on_left, on_right = on_left + both, on_right + both
    if min(on_left, on_right) < 4 or crossing > 0.45 * len(long):
        return None
    return x if on_left + on_right > crossing * 1.2 else None


def _opens_at(row: Row, x: float) -> bool:
    """Whether a row has its wide gap there: it stands in both columns, or is a table's."""
    return any(a.x1 <= x + 3 and b.x0 >= x - 3 for a, b in pairwise(row.parts))


def _split(rows: list[Row], gutter: float) -> list[Row]:
    """Rows that a file runs through both columns, cut in two; where few do so, they are a table's and stay whole."""
    open_rows = [row for row in rows if row.x0 < gutter - 8 and row.x1 > gutter + 8 and _opens_at(row, gutter)]
    if len(open_rows) * 3 < len(rows):
        return rows
    cut: list[Row] = []
    opened = {id(row) for row in open_rows}
    for row in rows:
        if id(row) in opened:
            sides = [p for p in row.parts if p.x1 <= gutter + 3], [p for p in row.parts if p.x1 > gutter + 3]
            cut += [_row(side, row.page) for side in sides if side]
        else:
            cut.append(row)
    return cut


def _edges(rows: list[Row]) -> tuple[float, float]:
    """The left and the right edge of a column, short rows and stray ones aside."""
    long = [row for row in rows if len(row.text) > 25] or rows
    if not long:
        return 0.0, 0.0
    lefts, rights = sorted(row.x0 for row in long), sorted(row.x1 for row in long)
    return lefts[len(lefts) // 10], rights[min(len(rights) - 1, len(rights) * 9 // 10)]


def _down(rows: list[Row]) -> list[Row]:
    """Rows of one column from the top; what stands side by side is one row."""
    merged: list[Row] = []
    for row in sorted(rows, key=lambda r: (r.top + r.bottom, r.x0)):
        above = merged[-1] if merged else None
        if above is not None and _beside(above, row):
            first, second = (above, row) if above.x0 <= row.x0 else (row, above)
            apart = second.x0 - first.x1 > max(first.size, 4.0)
            merged[-1] = replace(
                first,
                text=first.text + ("\t" if apart else " ") + second.text,
                top=min(first.top, second.top),
                x1=max(first.x1, second.x1),
                bottom=max(first.bottom, second.bottom),
                size=max(first, second, key=lambda r: len(r.text)).size,
                bold=first.bold and second.bold,
                pieces=first.pieces + second.pieces - (0 if apart else 1),
                hyphen=second.hyphen,
                parts=first.parts + second.parts,
            )
        else:
            merged.append(row)
    return merged


def _beside(one: Row, other: Row) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    smaller = max(min(one.bottom - one.top, other.bottom - other.top), 0.1)
    apart = other.x0 >= one.x1 - 2 or one.x0 >= other.x1 - 2
    return apart and shared > smaller * 0.5


def pitch(rows: list[Row]) -> float:
    """The usual distance between rows of running text."""
    gaps = [
        below.top - above.top
        for above, below in pairwise(rows)
        if above.page == below.page and above.column == below.column and 4 < below.top - above.top < 40
        and len(below.text) > 25
    ]  # fmt: skip
    return statistics.median(gaps) if gaps else 12.0


def body_size(rows: list[Row]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for row in rows:
        sizes[round(row.size * 2) / 2] += len(row.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0
