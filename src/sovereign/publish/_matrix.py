"""The evidence matrix: which facets become rows and columns, and what each cell shows."""

from __future__ import annotations

from dataclasses import dataclass

from sovereign.records import Agreement, Cell, Evidence, Facets, Grounding

from ._words import AXES, excerpt, plural, source_name

#: Facets from which the columns are chosen, the first that varies wins; what varies besides makes the rows.
_COLUMN_ORDER = ("metric", "benchmark", "system", "condition", "baseline")
_ROW_ORDER = ("system", "benchmark", "condition", "baseline", "metric")

MEASURED, GAP, CONTESTED, UNASKED = "measured", "gap", "contested", "unasked"
STATE_WORDS = {MEASURED: "Measured", GAP: "Not measured", CONTESTED: "Contested", UNASKED: "Not asked"}


@dataclass(frozen=True)
class Finding:
    """One claim as a cell shows it; `differs` is empty for a claim that fills the cell."""

    claim: str
    number: int
    words: str
    whose: str
    from_note: bool
    negative: bool
    differs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Square:
    """One place of the matrix. `id` is the cell's id, empty where the question asks nothing."""

    id: str
    state: str
    found: tuple[Finding, ...] = ()
    nearest: tuple[Finding, ...] = ()

    @property
    def note_only(self) -> bool:
        """Filled by claims of notes alone: no work's own words, no measurement of ours."""
        return bool(self.found) and all(item.from_note for item in self.found)

    @property
    def word(self) -> str:
        if self.state == MEASURED and self.note_only:
            return "Measured, says our note"
        return STATE_WORDS[self.state]


@dataclass(frozen=True)
class Row:
    names: tuple[str, ...]
    squares: tuple[tuple[Square, ...], ...]


@dataclass(frozen=True)
class Matrix:
    """Rows by columns. `fixed` says what all cells have in common; a place holds one cell, or more, or none."""

    row_axes: tuple[str, ...]
    column_axis: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    fixed: tuple[tuple[str, str], ...]
    measured: int
    gaps: int
    contested: int

    @property
    def summary(self) -> str:
        """The text alternative of the overview figure."""
        total = self.measured + self.gaps + self.contested
        return (
            f"{plural(total, 'cell')}: {self.measured} measured, {self.contested} contested, "
            f"{plural(self.gaps, 'gap')} (not measured)."
        )


def matrix(evidence: Evidence, numbers: dict[str, int]) -> Matrix | None:
    """The matrix of a record, or None if it has no cells. `numbers` are the page's numbers of the claims."""
    cells = evidence.cells
    if not cells:
        return None
    values = {axis: list(dict.fromkeys(_value(cell.facets, axis) for cell in cells)) for axis in _ROW_ORDER}
    varying = [axis for axis in _ROW_ORDER if len(values[axis]) > 1]
    column_axis = next((axis for axis in _COLUMN_ORDER if axis in varying), "metric")
    row_axes = tuple(axis for axis in varying if axis != column_axis) or ("system",)
    if len(row_axes) == 1 and len(values[column_axis]) > 6 and len(values[row_axes[0]]) <= 6:
        column_axis, row_axes = row_axes[0], (column_axis,)  # a page is taller than it is wide

    columns = values[column_axis]
    places: dict[tuple[str, ...], dict[str, list[Square]]] = {}
    for cell in cells:
        key = tuple(_value(cell.facets, axis) for axis in row_axes)
        place = places.setdefault(key, {}).setdefault(_value(cell.facets, column_axis), [])
        place.append(_square(cell, evidence, numbers))
    order = {axis: {value: at for at, value in enumerate(values[axis])} for axis in row_axes}
    keys = sorted(places, key=lambda key: [order[axis][value] for axis, value in zip(row_axes, key, strict=True)])
    rows = tuple(
        Row(key, tuple(tuple(places[key].get(column, [Square("", UNASKED)])) for column in columns)) for key in keys
    )
    subjects = list(dict.fromkeys(cell.facets.subject for cell in cells if cell.facets.subject))
    fixed = [("Subject", ", ".join(subjects))] if subjects else []
    shown = {column_axis, *row_axes}
    fixed += [(AXES[axis], values[axis][0]) for axis in _ROW_ORDER if axis not in shown and values[axis][0] != _ANY]
    states = [square.state for row in rows for place in row.squares for square in place]
    return Matrix(
        row_axes=tuple(AXES[axis] for axis in row_axes),
        column_axis=AXES[column_axis],
        columns=tuple(columns),
        rows=rows,
        fixed=tuple(fixed),
        measured=states.count(MEASURED),
        gaps=states.count(GAP),
        contested=states.count(CONTESTED),
    )


_ANY = "any"


def _value(facets: Facets, axis: str) -> str:
    value = getattr(facets, axis)
    if axis == "condition":
        return "; ".join(value) or _ANY
    return value or _ANY


def _square(cell: Cell, evidence: Evidence, numbers: dict[str, int]) -> Square:
    if cell.gap:
        nearest = tuple(
            finding
            for near in cell.nearest
            if (finding := _finding(near.claim, evidence, numbers, tuple(d.value for d in near.differs_in)))
        )
        return Square(cell.id, GAP, nearest=nearest)
    claims = [claim for claim_id in cell.claims if (claim := evidence.claim(claim_id))]
    disputed = any(claim.agreement in (Agreement.CONTESTED, Agreement.REFUTED) for claim in claims)
    found = tuple(finding for claim in claims if (finding := _finding(claim.id, evidence, numbers)))
    return Square(cell.id, CONTESTED if disputed else MEASURED, found=found)


def _finding(
    claim_id: str, evidence: Evidence, numbers: dict[str, int], differs: tuple[str, ...] = ()
) -> Finding | None:
    claim = evidence.claim(claim_id)
    if claim is None:
        return None
    quoted_in = claim.quotes[0].source
    source = evidence.source(quoted_in)
    return Finding(
        claim=claim.id,
        number=numbers[claim.id],
        words=excerpt(claim),
        whose=source_name(source) if source else quoted_in,
        from_note=claim.grounding is Grounding.REPORTED,
        negative=claim.stated_negative,
        differs=differs,
    )
