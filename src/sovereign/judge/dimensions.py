"""Eight quality dimensions, each computed by a stated rule or UNASSESSED; none is a constant."""

from __future__ import annotations

from collections.abc import Callable

from sovereign.records import (
    CheckState,
    Dimension,
    DimensionLevel,
    Evidence,
    Grounding,
    ReproductionStatus,
    Review,
    Role,
)

from .counts import answer_claims, cell_claims

Texts = Callable[[str], str | None]

DEFINITIONS: dict[str, str] = {
    "evidence_strength": "share of the cells asked for that hold a claim in a work's own words or a measurement",
    "citation_grounding": "share of the answer's claims that stand in a work's own words or a measurement",
    "numerical_consistency": "share of the VALIDATOR's number and quote checks that hold",
    "benchmark_validity": "share of the cells that name a benchmark and are filled on that very benchmark",
    "novelty": "whether the question is new to the literature: no rule for it yet",
    "uncertainty_disclosure": "share of gaps, missing systems and reading limits that the record states",
    "reproducibility_status": "share of the claims in cells that a run of ours reproduced",
    "safety_impact": "effect on people if the answer is wrong: no rule for it yet",
}


def dimensions(evidence: Evidence, reviews: tuple[Review, ...]) -> dict[str, Dimension]:
    """All eight, by name. Scores are shares times ten, two decimals; LOW under 4, MEDIUM under 7.5, else HIGH."""
    cells, in_cells, cited = evidence.cells, cell_claims(evidence), answer_claims(evidence)
    strong = {claim.id for claim in in_cells if claim.grounding is not Grounding.REPORTED}
    with_benchmark = [cell for cell in cells if cell.facets.benchmark]
    numeric = [
        check
        for review in reviews
        if review.role is Role.VALIDATOR
        for check in review.checks
        if check.state in (CheckState.PASSED, CheckState.FAILED)
    ]
    disclosure = [
        check
        for review in reviews
        if review.role is Role.SYNTHESIZER
        for check in review.checks
        if check.name in ("gaps stated", "missing systems stated", "limitations stated", "status justified")
    ]
    parts = {
        "evidence_strength": (sum(bool(strong & set(cell.claims)) for cell in cells), len(cells), "cells"),
        "citation_grounding": (sum(c.grounding is not Grounding.REPORTED for c in cited), len(cited), "claims cited"),
        "numerical_consistency": (sum(c.state is CheckState.PASSED for c in numeric), len(numeric), "checks"),
        "benchmark_validity": (sum(not c.gap for c in with_benchmark), len(with_benchmark), "cells with a benchmark"),
        "uncertainty_disclosure": (sum(c.state is CheckState.PASSED for c in disclosure), len(disclosure), "checks"),
        "reproducibility_status": (
            sum(c.reproduction is ReproductionStatus.REPRODUCED for c in in_cells),
            len(in_cells),
            "claims in cells",
        ),
    }
    return {name: _dimension(name, parts.get(name)) for name in DEFINITIONS}


def _dimension(name: str, part: tuple[int, int, str] | None) -> Dimension:
    definition = DEFINITIONS[name]
    if part is None:
        return Dimension(score=None, level=DimensionLevel.UNASSESSED, basis="no rule", definition=definition)
    held, of, what = part
    if of == 0:
        return Dimension(score=None, level=DimensionLevel.UNASSESSED, basis=f"no {what}", definition=definition)
    score = round(10 * held / of, 2)
    level = DimensionLevel.LOW if score < 4 else DimensionLevel.MEDIUM if score < 7.5 else DimensionLevel.HIGH
    return Dimension(score=score, level=level, basis=f"{held} of {of} {what}", definition=definition)
