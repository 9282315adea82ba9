"""Tables of TeX into grids: rows and cells, rules as ends of headers, cells over several rows or columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ._grid import Cell, Grid, is_value
from ._tex_commands import TABULARS
from ._tex_lex import Token
from ._tex_macros import Gullet

_RULES = frozenset(
    "hline toprule midrule bottomrule specialrule Xhline hhline Hline thickhline Midrule heavyrule".split()
)
_PARTIAL = frozenset("cmidrule cline cdashline hdashline Xcline morecmidrules".split())
_ENDS_ROW = frozenset(("\\", "tabularnewline", "cr", "crcr", "NN"))
_DECORATION = frozenset(
    "centering raggedright raggedleft bf bfseries em it itshape rm small footnotesize scriptsize tiny".split()
)


class Host(Protocol):
    """What a table asks of the reader of the text around it."""

    gullet: Gullet

    def render(self, tokens: list[Token]) -> str: ...
    def aside(self, name: str) -> bool: ...


@dataclass(slots=True)
class _State:
    grid: Grid
    heads: int | None = None
    first_head: int | None = None
    mark: int = 0


def read_tabular(host: Host, environment: str, stop: Callable[[str], bool]) -> Grid:
    """The grid of a table whose beginning was read. `stop` says whether an environment's name ends it."""
    gullet = host.gullet
    for letter in TABULARS.get(environment, "om"):
        if letter == "o":
            gullet.optional()
        else:
            gullet.argument()
    state = _State(Grid())
    row: list[Cell] = []
    cell: list[Token] = []
    braces = inner = 0

    def end_cell() -> None:
        row.append(_cell(host, cell))
        cell.clear()

    def end_row() -> None:
        nonlocal row
        end_cell()
        if any(one.text for one in row):
            state.grid.rows.append(row)
        row = []

    while (token := gullet.next()) is not None and token[0] != "end":
        kind, value = token
        if kind == "{":
            braces += 1
        elif kind == "}":
            braces = max(0, braces - 1)
        elif kind == "&" and not braces and not inner:
            end_cell()
            continue
        elif kind == "cs" and value in ("begin", "end"):
            name = gullet.argument()
            plain = "".join(v for _, v in name).strip()
            if value == "end" and not inner and stop(plain):
                break
            if plain in TABULARS or plain == "minipage":
                inner = max(0, inner + (1 if value == "begin" else -1))
            cell += [token, ("{", "{"), *name, ("}", "}")]
            continue
        elif kind == "cs" and not braces and not inner:
            if value in _ENDS_ROW:
                gullet.star()
                gullet.optional()
                end_row()
                continue
            if _rule(gullet, value, state):
                continue
            if host.aside(value):
                continue
        elif kind == "cs" and host.aside(value):
            continue
        cell.append(token)
    if row or any(k not in (" ", "par") for k, _ in cell):
        end_row()
    _lift(state.grid)
    state.grid.header_rows = _heads(state)
    return state.grid


def _rule(gullet: Gullet, name: str, state: _State) -> bool:
    """Read a rule or a mark of a long table."""
    rows = state.grid.rows
    if name in _RULES:
        gullet.optional()
        if name in ("Xhline", "hhline"):
            gullet.argument()
        elif name == "specialrule":
            for _ in range(3):
                gullet.argument()
        if rows and state.heads is None:
            state.heads = len(rows)
        return True
    if name in _PARTIAL:
        gullet.optional()
        following = gullet.peek()
        if following and following[0] == "text" and following[1].startswith("("):
            gullet.raw()
        if name != "morecmidrules" and (following := gullet.peek()) and following[0] == "{":
            gullet.argument()
        return True
    if name in ("endfirsthead", "endhead", "endfoot", "endlastfoot"):
        if name == "endfirsthead" or (name == "endhead" and state.first_head is None):
            state.first_head = len(rows)
        else:  # a repetition of the head, or a foot: not the table's own rows
            del rows[state.mark :]
        state.mark = len(rows)
        return True
    if name in ("addlinespace", "noalign", "rowcolor", "rowcolors", "arrayrulecolor"):
        gullet.optional()
        if name != "addlinespace":
            gullet.argument()
        return True
    return False


def _heads(state: _State) -> int | None:
    """How many rows are headers: those of a long table's head, or those above the first rule."""
    rows = state.grid.rows
    heads = state.first_head or state.heads
    if heads is None or heads >= len(rows):
        return None
    if heads <= 2:
        return heads
    plain = 0
    for row in rows[:heads]:
        told = [cell.text for cell in row[1:] if cell.text]
        if told and sum(map(is_value, told)) * 2 >= len(told):
            break
        plain += 1
    return max(plain, 1)


def _cell(host: Host, tokens: list[Token]) -> Cell:
    content, columns, rows = tokens, 1, 1
    for _ in range(4):
        inner = _wrapper(content)
        if inner is None:
            break
        name, number, content = inner
        if name == "multicolumn":
            columns = max(1, number)
        else:
            rows = number or 1
    return Cell(host.render(content), columns, rows)


def _wrapper(tokens: list[Token]) -> tuple[str, int, list[Token]] | None:
    r"""(name, number, content) of a cell that is one \multicolumn or \multirow, perhaps in a group."""
    at = 0
    while at < len(tokens) and (tokens[at][0] in (" ", "par", "{") or tokens[at][1] in _DECORATION):
        at += 1
    if (
        at >= len(tokens)
        or tokens[at][0] != "cs"
        or tokens[at][1] not in ("multicolumn", "multirow", "multirowcell", "SetCell")
    ):
        return None
    name = tokens[at][1]
    small = Gullet()
    small.push(tokens[at + 1 :])
    if name == "SetCell":
        spec = "".join(v for _, v in small.optional() or [])
        small.argument()
        match = re.search(r"([rc])=(\d+)", spec)
        rest = _rest(small)
        return ("multirow" if match and match[1] == "r" else "multicolumn", int(match[2]) if match else 1, rest)
    small.optional()
    number = "".join(v for _, v in small.argument()).strip()
    small.optional()
    if name != "multirowcell":
        small.argument()
    small.optional()
    content = small.argument()
    value = int(number) if re.fullmatch(r"-?\d{1,4}", number) else 1
    return (name, value, [*content, *_rest(small)])


def _rest(gullet: Gullet) -> list[Token]:
    rest = []
    while (token := gullet.raw()) is not None:
        rest.append(token)
    return rest


def _lift(grid: Grid) -> None:
    """A cell that reaches upward is written at the top of what it covers."""
    for r, row in enumerate(grid.rows):
        column = 0
        for cell in row:
            if cell.rows < 0:
                top = max(0, r + cell.rows + 1)
                above = _at(grid.rows[top], column)
                if above is not None and not above.text:
                    above.text, above.rows, above.columns = cell.text, r - top + 1, cell.columns
                    cell.text = ""
                cell.rows = 1
            column += cell.columns
    # Rows under a cell that reaches down hold an empty cell in its place, which TeX wants and a grid does not.
    covered: dict[tuple[int, int], bool] = {}
    for r, row in enumerate(grid.rows):
        column, kept = 0, []
        for cell in row:
            if covered.get((r, column)) and not cell.text:
                column += cell.columns
                continue
            # Authors span more rows than there are, to centre a word: a span ends where a cell of its own stands.
            tall = 1
            while tall < min(cell.rows, len(grid.rows) - r):
                below = _at(grid.rows[r + tall], column)
                if below is not None and below.text:
                    break
                tall += 1
            cell.rows = tall
            for down in range(1, tall):
                for right in range(cell.columns):
                    covered[r + down, column + right] = True
            kept.append(cell)
            column += cell.columns
        row[:] = kept


def _at(row: list[Cell], wanted: int) -> Cell | None:
    column = 0
    for cell in row:
        if column == wanted:
            return cell
        column += cell.columns
    return None
