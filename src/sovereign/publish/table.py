"""The evidence matrix as rows: one per claim in a cell, nearest claim beside a gap, or gap with nothing near."""

from __future__ import annotations

import csv
import io

from sovereign.records import Cell, Claim, Record

from ._safe import visible

COLUMNS = (
    "record", "version", "cell", "state", "subject", "system", "baseline", "metric", "benchmark", "condition",
    "claim", "role", "differs_in", "value", "unit", "direction", "claim_system", "claim_condition", "sentence",
    "source", "source_kind", "grounding", "agreement", "reproduction",
)  # fmt: skip

#: A spreadsheet reads a cell that begins so as a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def matrix_rows(record: Record) -> list[dict[str, str]]:
    """The rows of a record's matrix, in the order of its cells; empty strings where there is nothing to say."""
    rows = []
    for cell in record.cells:
        head = _head(record, cell)
        near = {item.claim: "; ".join(kind.value for kind in item.differs_in) for item in cell.nearest}
        named = [(name, "fills", "") for name in cell.claims]
        named += [(name, "nearest", kind) for name, kind in near.items()]
        for name, role, differs in named:
            claim = record.claim(name)
            if claim is not None:
                rows.append({**head, **_of(record, claim), "role": role, "differs_in": differs})
        if not named:
            rows.append(head)
    return [{name: row.get(name, "") for name in COLUMNS} for row in rows]


def matrix_csv(record: Record) -> str:
    """The rows as CSV (RFC 4180, with a header). Text that a spreadsheet would run is put behind an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in matrix_rows(record):
        writer.writerow({name: _harmless(name, value) for name, value in row.items()})
    return out.getvalue()


def _harmless(name: str, value: str) -> str:
    text = visible(value)
    return f"'{text}" if name != "value" and text.startswith(_FORMULA) else text


def _head(record: Record, cell: Cell) -> dict[str, str]:
    facets = cell.facets
    return {
        "record": record.id,
        "version": str(record.version),
        "cell": cell.id,
        "state": "not measured" if cell.gap else "measured",
        "subject": facets.subject or "",
        "system": facets.system or "",
        "baseline": facets.baseline or "",
        "metric": facets.metric or "",
        "benchmark": facets.benchmark or "",
        "condition": "; ".join(facets.condition),
    }


def _of(record: Record, claim: Claim) -> dict[str, str]:
    facets, source = claim.facets, record.source(claim.quotes[0].source)
    return {
        "claim": claim.id,
        "value": "" if facets.value is None else f"{facets.value:.10g}",
        "unit": facets.unit or "",
        "direction": facets.direction.value if facets.direction else "",
        "claim_system": facets.system or "",
        "claim_condition": "; ".join(facets.condition),
        "sentence": " ".join(claim.text.split()),
        "source": claim.quotes[0].source,
        "source_kind": source.kind.value if source else "",
        "grounding": claim.grounding.value,
        "agreement": claim.agreement.value,
        "reproduction": claim.reproduction.value,
    }
