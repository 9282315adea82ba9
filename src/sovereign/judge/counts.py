"""Every counter of a record, computed from its claims, cells and sources."""

from __future__ import annotations

from sovereign.records import (
    Agreement,
    Claim,
    Counts,
    Evidence,
    GateStatus,
    GateVerdict,
    Grounding,
    ReproductionStatus,
    SourceKind,
)


def answer_claims(evidence: Evidence) -> list[Claim]:
    """The claims that the answer's sentences rest on, in the order of the record."""
    cited = {claim for sentence in evidence.answer.sentences for claim in sentence.claims}
    return [claim for claim in evidence.claims if claim.id in cited]


def cell_claims(evidence: Evidence) -> list[Claim]:
    """The claims that fill cells, in the order of the record; a nearest claim never fills one."""
    held = {claim for cell in evidence.cells for claim in cell.claims}
    return [claim for claim in evidence.claims if claim.id in held]


def firm_claims(evidence: Evidence) -> list[Claim]:
    """The claims in cells that stand in a work's own words or are measured; a note alone carries no tier."""
    return [claim for claim in cell_claims(evidence) if claim.grounding is not Grounding.REPORTED]


def count(evidence: Evidence, gate: GateVerdict) -> Counts:
    """All counters. `gate` gives the cells whose claims were reproduced."""
    claims, sources, cells = evidence.claims, evidence.sources, evidence.cells

    def of_kind(kind: SourceKind) -> int:
        return sum(source.kind is kind for source in sources)

    def grounded(grounding: Grounding) -> int:
        return sum(claim.grounding is grounding for claim in claims)

    return Counts(
        sources=len(sources),
        works=of_kind(SourceKind.WORK),
        notes=of_kind(SourceKind.NOTE),
        measurements=of_kind(SourceKind.MEASUREMENT),
        claims=len(claims),
        claims_in_cells=len(cell_claims(evidence)),
        claims_in_answer=len(answer_claims(evidence)),
        quoted=grounded(Grounding.QUOTED),
        reported=grounded(Grounding.REPORTED),
        measured=grounded(Grounding.MEASURED),
        corroborated=sum(claim.agreement is Agreement.CORROBORATED for claim in claims),
        contested=sum(claim.agreement is Agreement.CONTESTED for claim in claims),
        reproduced=sum(claim.reproduction is ReproductionStatus.REPRODUCED for claim in claims),
        falsified=sum(claim.reproduction is ReproductionStatus.FALSIFIED for claim in claims),
        cells=len(cells),
        gaps=sum(cell.gap for cell in cells),
        cells_reproduced=len({v.cell for v in gate.cells if v.status is GateStatus.VERIFIED}),
        searches=len(evidence.searches),
        dropped=len(evidence.dropped),
        missing_systems=len(evidence.missing_systems),
    )
