"""The evidence matrix as its reader lays it out: any facet by any other, over one record or over all.

What stands in a place is a record's cell, with the claims that fill it or as the gap that it is. Nothing is computed
here that a record does not say: a place counts and links.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sovereign.records import Agreement, BadInput, Cell, Claim, Record

#: What rows, columns and filters may be: facets of a cell, then fields of the claims in it.
AXES: dict[str, str] = {
    "system": "System",
    "metric": "Metric",
    "benchmark": "Benchmark",
    "baseline": "Baseline",
    "condition": "Condition",
    "subject": "Subject",
    "record": "Record",
    "source": "Source",
    "grounding": "Grounding",
    "agreement": "Agreement",
}
_OF_CLAIMS = ("source", "grounding", "agreement")
STATES = {"measured": "Measured", "contested": "Contested", "gap": "Not measured"}
ANY, NONE = "any", "not measured"
MOST_ROWS, MOST_COLUMNS, MOST_SHOWN = 150, 12, 6
_LONGEST = 300


@dataclass(frozen=True)
class Choice:
    """What the reader chose: two axes, values of axes to keep, and states of cells to keep (empty: all)."""

    rows: str = "system"
    columns: str = "metric"
    keep: Mapping[str, str] = field(default_factory=dict)
    state: str = ""


@dataclass(frozen=True)
class Found:
    """A claim in a place."""

    link: str
    claim: Claim
    record: str
    contested: bool


@dataclass(frozen=True)
class Gap:
    """A cell of a place that nothing fills."""

    link: str
    record: str
    nearest: int


@dataclass
class Place:
    """Where a row and a column meet."""

    cells: set[tuple[str, str]] = field(default_factory=set)
    found: dict[tuple[str, str], Found] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def state(self) -> str:
        """What its claims say first: contested, measured, a gap, or nothing that is asked."""
        if any(one.contested for one in self.found.values()):
            return "contested"
        return "measured" if self.found else "gap" if self.gaps else "unasked"


@dataclass(frozen=True)
class Grid:
    """Rows by columns, with what did not fit and the values that each axis has."""

    rows: tuple[tuple[str, tuple[Place, ...]], ...]
    columns: tuple[str, ...]
    cells: int
    left_out: tuple[int, int]
    values: Mapping[str, tuple[str, ...]]


def read_choice(given: Mapping[str, str]) -> Choice:
    """The choice in an address. Raises BadInput for an axis or state that there is not, or one axis twice."""
    rows, columns = given.get("rows") or "system", given.get("columns") or "metric"
    for axis in (rows, columns):
        if axis not in AXES:
            raise BadInput(f"there is no facet {axis[:40]!r}", f"choose of {', '.join(AXES)}")
    if rows == columns:
        raise BadInput("rows and columns are the same facet", "choose another for one of them")
    state = given.get("state", "")
    if state and state not in STATES:
        raise BadInput(f"there is no state {state[:40]!r}", f"choose of {', '.join(STATES)}")
    keep = {axis: given[f"only-{axis}"][:_LONGEST] for axis in AXES if given.get(f"only-{axis}")}
    return Choice(rows, columns, keep, state)


def lay_out(records: Iterable[Record], choice: Choice) -> Grid:
    """The cells of records by the chosen axes, in the order in which the values come up."""
    values: dict[str, dict[str, None]] = {axis: {} for axis in AXES}
    places: dict[str, dict[str, Place]] = {}
    columns: dict[str, None] = {}
    cells: set[tuple[str, str]] = set()
    for record in records:
        for cell in record.cells:
            for claim in _claims(record, cell):
                spots = {axis: value_of(record, cell, claim, axis) for axis in AXES}
                for axis, value in spots.items():
                    values[axis].setdefault(value)
                if any(spots[axis] != value for axis, value in choice.keep.items()):
                    continue
                contested = claim is not None and claim.agreement in (Agreement.CONTESTED, Agreement.REFUTED)
                state = "gap" if claim is None else "contested" if contested else "measured"
                if choice.state not in ("", state):
                    continue
                columns.setdefault(spots[choice.columns])
                row = places.setdefault(spots[choice.rows], {})
                place = row.setdefault(spots[choice.columns], Place())
                place.cells.add((record.id, cell.id))
                cells.add((record.id, cell.id))
                _put(place, record, cell, claim, contested)
    shown = tuple(columns)[:MOST_COLUMNS]
    rows = tuple(
        (name, tuple(row.get(column, Place()) for column in shown)) for name, row in list(places.items())[:MOST_ROWS]
    )
    return Grid(
        rows=rows,
        columns=shown,
        cells=len(cells),
        left_out=(max(0, len(places) - MOST_ROWS), max(0, len(columns) - MOST_COLUMNS)),
        values={axis: tuple(known) for axis, known in values.items()},
    )


def value_of(record: Record, cell: Cell, claim: Claim | None, axis: str) -> str:
    """The value of an axis at a claim in a cell, or at a gap."""
    if axis == "record":
        return record.id
    if axis in _OF_CLAIMS:
        if claim is None:
            return NONE
        return claim.quotes[0].source if axis == "source" else str(getattr(claim, axis).value).replace("_", " ")
    if axis == "condition":
        return "; ".join(cell.facets.condition) or ANY
    return getattr(cell.facets, axis) or ANY


def _claims(record: Record, cell: Cell) -> Sequence[Claim | None]:
    found = [claim for name in cell.claims if (claim := record.claim(name))]
    return found or [None]


def _put(place: Place, record: Record, cell: Cell, claim: Claim | None, contested: bool) -> None:
    page = f"/records/{record.folder}/"
    if claim is None:
        place.gaps.append(Gap(f"{page}#{cell.id}", record.id, len(cell.nearest)))
    else:
        place.found.setdefault((record.id, claim.id), Found(f"{page}#{claim.id}", claim, record.id, contested))
