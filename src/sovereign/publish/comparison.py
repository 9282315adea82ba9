"""Two systems of a record side by side: what is asked of each in a row, with what fills it, and how sources agree."""

from __future__ import annotations

from collections.abc import Sequence

from sovereign.judge import name_key
from sovereign.records import Agreement, Cell, Claim, Document, Record

from ._render import render
from ._safe import visible
from ._words import source_name

#: Of claims in a cell, the first of these that one of them has is the cell's.
_ORDER = (Agreement.REFUTED, Agreement.CONTESTED, Agreement.CORROBORATED, Agreement.SINGLE, Agreement.NOT_ASSESSED)


class Said(Document):
    """A claim as a column shows it. `differs` is empty for claims that fill the cell."""

    claim: str
    text: str
    value: float | None
    unit: str | None
    direction: str | None
    source: str
    source_name: str
    grounding: str
    agreement: str
    reproduction: str
    agrees_with: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


class Side(Document):
    """What a row holds for one system: `state` is measured, gap, or not_asked; `agreement` that of its claims."""

    state: str
    agreement: str | None = None
    cells: tuple[str, ...] = ()
    found: tuple[Said, ...] = ()
    nearest: tuple[Said, ...] = ()


class Row(Document):
    """What is asked of both: facets that are not stated are empty."""

    metric: str
    benchmark: str
    baseline: str
    condition: str
    sides: tuple[Side, Side]


class System(Document):
    """One of the two, with its own sources; `note` says what became of the name where no cell asks for it."""

    name: str
    sources: tuple[str, ...]
    measured: int
    asked: int
    note: str = ""


class SideBySide(Document):
    """Two systems over one record."""

    record: str
    version: int
    question: str
    status: str
    systems: tuple[System, System]
    rows: tuple[Row, ...]


def side_by_side(record: Record, one: str, other: str) -> SideBySide:
    """The cells of a record that ask for either system, paired by what else they ask for."""
    keys = [name_key(" ".join(name.split())) for name in (one, other)]
    places: dict[tuple[str, str, str, str], tuple[list[Cell], list[Cell]]] = {}
    for cell in record.cells:
        if (name := name_key(cell.facets.system or "")) in keys:
            places.setdefault(_asked(cell), ([], []))[keys.index(name)].append(cell)
    rows = tuple(
        Row(
            metric=at[0], benchmark=at[1], baseline=at[2], condition=at[3],
            sides=(_side(record, cells[0]), _side(record, cells[1])),
        )
        for at, cells in places.items()
    )  # fmt: skip
    systems = tuple(_system(record, name, [row.sides[at] for row in rows]) for at, name in enumerate((one, other)))
    return SideBySide(
        record=record.id,
        version=record.version,
        question=record.question.text,
        status=record.answer.status.value,
        systems=(systems[0], systems[1]),
        rows=rows,
    )


def comparison_html(sides: SideBySide, page: str = "") -> str:
    """The two as a page: static, without programs. `page` is the address of the record's own page, for links."""
    return render("compare.html.j2", indexed=False, sides=sides, page=page)


def _asked(cell: Cell) -> tuple[str, str, str, str]:
    facets = cell.facets
    return facets.metric or "", facets.benchmark or "", facets.baseline or "", "; ".join(facets.condition)


def _side(record: Record, cells: Sequence[Cell]) -> Side:
    if not cells:
        return Side(state="not_asked")
    claims = {name: claim for cell in cells for name in cell.claims if (claim := record.claim(name))}
    near = {
        item.claim: _said(record, claim, tuple(kind.value for kind in item.differs_in))
        for cell in cells
        if cell.gap
        for item in cell.nearest
        if (claim := record.claim(item.claim))
    }
    agreements = {claim.agreement for claim in claims.values()}
    return Side(
        state="measured" if claims else "gap",
        agreement=next((kind.value for kind in _ORDER if kind in agreements), None),
        cells=tuple(cell.id for cell in cells),
        found=tuple(_said(record, claim, ()) for claim in claims.values()),
        nearest=tuple(near.values()),
    )


def _said(record: Record, claim: Claim, differs: tuple[str, ...]) -> Said:
    source = record.source(claim.quotes[0].source)
    return Said(
        claim=claim.id,
        text=visible(claim.text),
        value=claim.facets.value,
        unit=claim.facets.unit,
        direction=claim.facets.direction.value if claim.facets.direction else None,
        source=claim.quotes[0].source,
        source_name=source_name(source) if source else claim.quotes[0].source,
        grounding=claim.grounding.value,
        agreement=claim.agreement.value,
        reproduction=claim.reproduction.value,
        agrees_with=claim.agrees_with,
        differs=differs,
    )


def _system(record: Record, name: str, sides: Sequence[Side]) -> System:
    key = name_key(" ".join(name.split()))
    own = tuple(source.id for source in record.sources if key in {name_key(system) for system in source.systems})
    asked = [side for side in sides if side.state != "not_asked"]
    return System(
        name=name,
        sources=own,
        measured=sum(side.state == "measured" for side in asked),
        asked=len(asked),
        note=_note(record, key, bool(asked)),
    )


def _note(record: Record, key: str, asked: bool) -> str:
    missing = next((system for system in record.missing_systems if name_key(system.name) == key), None)
    if missing is not None:
        return missing.reason
    if asked:
        return ""
    for facet in ("baseline", "benchmark", "metric", "condition", "subject"):
        if key in {name_key(value) for value in getattr(record.question.facets, facet)}:
            return f"read as a {facet} of the other, not as a system of its own: see the rows' {facet}"
    return "named but not found: no source of the library has it as a system"
