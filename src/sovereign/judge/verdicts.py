"""Gate 2: verdicts per claim in a cell, from attached artifacts alone, never from a score or a count."""

from __future__ import annotations

from sovereign.records import (
    Cell,
    CellVerdict,
    Claim,
    ClaimOutcome,
    Evidence,
    Facets,
    GateStatus,
    GateVerdict,
    Outcome,
    Reproduction,
    ReproductionStatus,
)

from .terms import name_key


def gate_verdict(evidence: Evidence) -> GateVerdict:
    """The verdict of every cell's claims and of the record.

    A record is VERIFIED only if its answer rests on at least one claim and every claim that fills a cell is
    reproduced by a pack whose facets and conditions equal the cell's; FALSIFIED if such a pack refutes one of them.
    """
    verdicts = tuple(verdict for cell in evidence.cells for verdict in _cell_verdicts(cell, evidence))
    rests_on = [verdict for verdict in verdicts if verdict.claim is not None]
    reproduced = len({v.cell for v in verdicts if v.status is GateStatus.VERIFIED})
    tally = f"{reproduced} of {len(evidence.cells)} cells reproduced"
    falsified = [v for v in rests_on if v.status is GateStatus.FALSIFIED]
    if falsified:
        return GateVerdict(
            status=GateStatus.FALSIFIED, reason=f"{tally}; an attached run refutes {falsified[0].claim}", cells=verdicts
        )
    if rests_on and all(v.status is GateStatus.VERIFIED for v in rests_on):
        return GateVerdict(status=GateStatus.VERIFIED, reason=tally, cells=verdicts)
    if not rests_on:
        reason = f"{tally}; no claim fills a cell, so there is nothing that a run could confirm"
    else:
        reason = f"{tally}; not every claim that fills a cell has a run of its own"
    return GateVerdict(status=GateStatus.UNVERIFIED, reason=reason, cells=verdicts)


def reproduction_status(claim: Claim, reproductions: tuple[Reproduction, ...]) -> ReproductionStatus:
    """What the attached runs say of a claim: one that refutes it outweighs any that support it."""
    outcomes = {outcome.outcome for _, outcome in settling(claim, reproductions)}
    for outcome, status in (
        (Outcome.REFUTED, ReproductionStatus.FALSIFIED),
        (Outcome.SUPPORTED, ReproductionStatus.REPRODUCED),
        (Outcome.NOT_RESOLVED, ReproductionStatus.NOT_RESOLVED),
    ):
        if outcome in outcomes:
            return status
    return ReproductionStatus.NONE


def tests_of(claim: Claim, reproductions: tuple[Reproduction, ...]) -> list[tuple[Reproduction, ClaimOutcome]]:
    """The outcomes of attached runs that put a claim to the test: those that settle it, and a measurement's own."""
    own = [
        (run, outcome)
        for run in reproductions
        for outcome in run.outcomes
        if outcome.measured_claim == claim.id and outcome.put_to_test
    ]
    return [*settling(claim, reproductions), *own]


def same_facets(asked: Facets, got: Facets) -> bool:
    """Whether what a pack measured is what a cell asks for: the same facets and the same conditions, no more, no less.

    The subject counts where the cell names one. Several baselines of a cell (joined by `; `) are any one of them.
    """
    if asked.subject and name_key(asked.subject) != name_key(got.subject or ""):
        return False
    pairs = [(asked.system, got.system), (asked.metric, got.metric), (asked.benchmark, got.benchmark)]
    if any(name_key(want or "") != name_key(have or "") for want, have in pairs):
        return False
    baselines = {name_key(name) for name in (asked.baseline or "").split("; ")}
    if name_key(got.baseline or "") not in baselines:
        return False
    return {name_key(one) for one in asked.condition} == {name_key(one) for one in got.condition}


def settling(claim: Claim, reproductions: tuple[Reproduction, ...]) -> list[tuple[Reproduction, ClaimOutcome]]:
    """The outcomes of attached runs that settle a claim."""
    return [(run, outcome) for run in reproductions for outcome in run.outcomes if claim.id in outcome.record_claims]


def _cell_verdicts(cell: Cell, evidence: Evidence) -> list[CellVerdict]:
    if cell.gap:
        reason = "a gap: nothing to reproduce"
        return [CellVerdict(cell=cell.id, claim=None, status=GateStatus.UNVERIFIED, reason=reason)]
    return [_claim_verdict(cell, claim_id, evidence) for claim_id in cell.claims]


def _claim_verdict(cell: Cell, claim_id: str, evidence: Evidence) -> CellVerdict:
    claim = evidence.claim(claim_id)
    status, reason = GateStatus.UNVERIFIED, "no run of this claim is attached"
    if claim is not None:
        attached = tests_of(claim, evidence.reproductions)
        runs = [(run, outcome) for run, outcome in attached if same_facets(cell.facets, outcome.facets)]
        if attached and not runs:
            reason = "a run is attached, but it settles other facets or conditions than the cell's"
        elif any(outcome.outcome is Outcome.REFUTED for _, outcome in runs):
            status, reason = GateStatus.FALSIFIED, f"refuted by a run of {runs[0][0].pack}"
        elif any(outcome.outcome is Outcome.SUPPORTED for _, outcome in runs):
            status, reason = GateStatus.VERIFIED, f"supported by a run of {runs[0][0].pack}"
        elif runs:
            reason = f"a run of {runs[0][0].pack} did not resolve it"
    return CellVerdict(cell=cell.id, claim=claim_id, status=status, reason=reason)
