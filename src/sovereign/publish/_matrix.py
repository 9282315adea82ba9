"""The evidence matrix: which facets become rows and columns, and what each cell shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sovereign.records import Agreement, Cell, Claim, Evidence, Facets, Grounding

from ._words import AXES, excerpt, plural, source_name

#: Facets from which the columns are chosen, the first that varies wins; what varies besides makes the rows.
_COLUMN_ORDER = ("metric", "benchmark", "system", "condition", "baseline")
_ROW_ORDER = ("system", "benchmark", "condition", "baseline", "metric")

MEASURED, GAP, CONTESTED, UNASKED = "measured", "gap", "contested", "unasked"
STATE_WORDS = {MEASURED: "Measured", GAP: "Not measured", CONTESTED: "Contested", UNASKED: "Not asked"}


@dataclass(frozen=True)
class Finding:
    """A sentence as a cell shows it, with the claims that were read out of it as number and id.

    `differs` is empty for claims that fill the cell.
    """

    claims: tuple[tuple[int, str], ...]
    words: str
    whose: str
    from_note: bool
    measured_by_us: bool
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
    def near_first(self) -> tuple[Finding, ...]:
        """The two nearest, and the first measurement of our own wherever it stands: a run is not to be folded away."""
        ours = next((item for item in self.nearest[2:] if item.measured_by_us), None)
        told = any(item.measured_by_us for item in self.nearest[:2])
        return self.nearest[:2] + ((ours,) if ours and not told else ())

    @property
    def near_more(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.nearest if item not in self.near_first)

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
        nearest = [(near.claim, tuple(kind.value for kind in near.differs_in)) for near in cell.nearest]
        return Square(cell.id, GAP, nearest=_findings(nearest, evidence, numbers))
    claims = [claim for name in cell.claims if (claim := evidence.claim(name))]
    disputed = any(claim.agreement in (Agreement.CONTESTED, Agreement.REFUTED) for claim in claims)
    found = _findings([(claim.id, ()) for claim in claims], evidence, numbers)
    return Square(cell.id, CONTESTED if disputed else MEASURED, found=found)


def _findings(
    named: Sequence[tuple[str, tuple[str, ...]]], evidence: Evidence, numbers: dict[str, int]
) -> tuple[Finding, ...]:
    """The claims as a cell shows them: those read out of one sentence stand together."""
    merged: dict[tuple[str, str, Grounding, tuple[str, ...]], list[Claim]] = {}
    for claim_id, differs in named:
        claim = evidence.claim(claim_id)
        if claim is not None:
            merged.setdefault((claim.text, claim.quotes[0].source, claim.grounding, differs), []).append(claim)
    found = []
    for (_, source_id, grounding, differs), claims in merged.items():
        source = evidence.source(source_id)
        found.append(
            Finding(
                claims=tuple((numbers[claim.id], claim.id) for claim in claims),
                words=excerpt(claims[0]),
                whose=source_name(source) if source else source_id,
                from_note=grounding is Grounding.REPORTED,
                measured_by_us=grounding is Grounding.MEASURED,
                negative=any(claim.stated_negative for claim in claims),
                differs=differs,
            )
        )
    return tuple(found)
