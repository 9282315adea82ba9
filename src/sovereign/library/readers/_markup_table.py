"""Tables of HTML and JATS (which are those of HTML) into grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._grid import Cell, Grid
from ._inline import local

_MAX_SPAN = 1000


def read_table(table: Any, words: Callable[[Any], str]) -> Grid:
    """The grid of a table's own rows; tables inside its cells are left to their own reading.

    Rows of `thead`, and rows of `th` alone, are headers.
    """
    grid = Grid()
    heads: list[bool] = []
    for row, part in _rows(table):
        cells = []
        for cell in row:
            kind = local(cell)
            classes = (cell.get("class") or "").split()
            if kind in ("td", "th") or "ltx_td" in classes:
                header = kind == "th" or "ltx_th" in classes or cell.get("scope") in ("row", "col", "colgroup")
                cells.append(Cell(words(cell), _span(cell, "colspan"), _span(cell, "rowspan"), header))
        if cells:
            heads.append(part == "thead")
            grid.rows.append(cells)
    if any(heads):
        grid.header_rows = next((n for n, head in enumerate(heads) if not head), len(heads))
    return grid


def _rows(table: Any) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    foot: list[tuple[Any, str]] = []
    for child in table:
        name, classes = local(child), (child.get("class") or "").split() if local(child) else []
        if name == "tr" or "ltx_tr" in classes:
            found.append((child, "tbody"))
        elif name in ("thead", "tbody", "tfoot") or {"ltx_thead", "ltx_tbody", "ltx_tfoot"} & set(classes):
            part = "thead" if name == "thead" or "ltx_thead" in classes else name
            rows = [(row, part) for row in child if local(row) == "tr" or "ltx_tr" in (row.get("class") or "").split()]
            (foot if name == "tfoot" else found).extend(rows)
        elif name in ("span", "div") and "ltx_tabular" in classes:
            found += _rows(child)
    return found + foot


def _span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(int(value), _MAX_SPAN) if value.isdigit() else 1
