"""Policy, level, tier, dimensions, status and gate: each rule takes effect, and the judgement is a pure function."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.records import MEASURED_CLAIM, NOTE_CLAIM, WORK_CLAIM, small_record

from sovereign.judge import assess, claim_level, status_of, verification_level
from sovereign.records import (
    Agreement,
    AnswerStatus,
    Cell,
    DimensionLevel,
    Evidence,
    Facets,
    GateStatus,
    Grounding,
    Judgement,
    MissingSystem,
    Policy,
    PolicyRules,
    QualityTier,
    ReproductionStatus,
    Verdict,
)
from sovereign.seal import Key

SMALL = small_record(Key.generate())


def judged(evidence: Evidence | None = None, **rules: Any) -> Judgement:
    base = evidence or SMALL.evidence
    policy = PolicyRules.model_validate(rules)
    provenance = base.provenance.model_copy(update={"policy": policy})
    return assess(base.model_copy(update={"provenance": provenance}), SMALL.texts)


def changed(**fields: Any) -> Evidence:
    return Evidence.model_validate({**{n: getattr(SMALL.evidence, n) for n in Evidence.model_fields}, **fields})


def with_claim(claim_id: str, **fields: Any) -> Evidence:
    return changed(claims=tuple(c.model_copy(update=fields) if c.id == claim_id else c for c in SMALL.evidence.claims))


SCORE = assess(SMALL.evidence, SMALL.texts).tribunal.score


def test_verdicts_follow_the_thresholds() -> None:
    assert judged(revise_below=SCORE).tribunal.verdict is Verdict.ACCEPT
    assert judged(revise_below=SCORE + 0.1).tribunal.verdict is Verdict.REVISE
    assert judged(revise_below=10, decline_below=SCORE).tribunal.verdict is Verdict.REVISE
    assert judged(revise_below=10, decline_below=SCORE + 0.1).tribunal.verdict is Verdict.DECLINE


def test_by_default_the_owner_decides() -> None:
    decision = judged().decision
    assert decision.policy is Policy.ESCALATE_TO_OWNER
    assert "the policy sends every record to its owner" in decision.reasons


@pytest.mark.parametrize(
    ("rules", "policy"),
    [
        ({"publish_without_owner": True, "publish_claims": 1}, Policy.PUBLISH),
        ({"publish_without_owner": True, "publish_claims": 2}, Policy.ESCALATE_TO_OWNER),
        ({"publish_without_owner": True, "publish_claims": 1, "publish_score": SCORE + 0.1}, Policy.ESCALATE_TO_OWNER),
        ({"publish_without_owner": True, "publish_claims": 1, "revise_below": 10}, Policy.ESCALATE_TO_OWNER),
        ({"quarantine_below": SCORE + 0.1}, Policy.QUARANTINE),
        ({"quarantine_below": SCORE}, Policy.ESCALATE_TO_OWNER),
    ],
)
def test_each_rule_of_the_policy_takes_effect(rules: dict[str, Any], policy: Policy) -> None:
    assert judged(**rules).decision.policy is policy


def test_no_named_system_found_is_quarantined_unless_the_policy_says_otherwise() -> None:
    missing = tuple(MissingSystem(name=name, reason="none") for name in ("TinyRouter", "GhostRouter"))
    assert judged(changed(missing_systems=missing)).decision.policy is Policy.QUARANTINE
    assert judged(changed(missing_systems=missing[:1])).decision.policy is Policy.ESCALATE_TO_OWNER
    kept = judged(changed(missing_systems=missing), quarantine_missing_all_systems=False)
    assert kept.decision.policy is Policy.ESCALATE_TO_OWNER


def test_a_fault_rejects_unless_the_policy_says_otherwise() -> None:
    faulty = with_claim(WORK_CLAIM, text="TinyRouter improves everything.")
    rejected = judged(faulty).decision
    assert rejected.policy is Policy.REJECT
    assert "words quoted" in rejected.reasons[0]
    assert judged(faulty, reject_on_validator_fault=False).decision.policy is Policy.ESCALATE_TO_OWNER


def test_tiers_follow_the_thresholds_and_count_no_note() -> None:
    assert judged().quality_tier is QualityTier.DOI_GRADE
    assert judged(doi_score=SCORE + 0.1).quality_tier is QualityTier.PUBLIC_RECORD
    assert judged(doi_claims=2).quality_tier is QualityTier.PUBLIC_RECORD
    assert judged(doi_claims=2, public_claims=2).quality_tier is QualityTier.WATCHLIST
    assert judged(public_score=SCORE + 0.1, doi_score=10).quality_tier is QualityTier.QUARANTINE_CANDIDATE
    flagship = {"flagship_score": 0, "flagship_claims": 1}
    assert judged(**flagship).quality_tier is QualityTier.DOI_GRADE, "reproducibility is not HIGH"
    run = with_claim(WORK_CLAIM, reproduction=ReproductionStatus.REPRODUCED)
    assert judged(run, **flagship).quality_tier is QualityTier.FLAGSHIP_CANDIDATE
    note = Cell(id="cell-1", facets=Facets(), claims=(NOTE_CLAIM,), gap=False)
    assert judged(changed(cells=(note, SMALL.evidence.cells[1]))).quality_tier is not QualityTier.DOI_GRADE


@pytest.mark.parametrize(
    ("claim_id", "fields", "level"),
    [
        (WORK_CLAIM, {}, 2),
        (WORK_CLAIM, {"agreement": Agreement.CORROBORATED}, 3),
        (WORK_CLAIM, {"agreement": Agreement.CONTESTED}, 2),
        (WORK_CLAIM, {"reproduction": ReproductionStatus.REPRODUCED}, 5),
        (WORK_CLAIM, {"reproduction": ReproductionStatus.FALSIFIED}, 2),
        (NOTE_CLAIM, {"reproduction": ReproductionStatus.NONE}, 1),
        (NOTE_CLAIM, {"reproduction": ReproductionStatus.NONE, "agreement": Agreement.CORROBORATED}, 1),
        (NOTE_CLAIM, {"reproduction": ReproductionStatus.NONE, "grounding": Grounding.QUOTED}, 1),
        (MEASURED_CLAIM, {}, 5),
    ],
)
def test_levels_of_claims(claim_id: str, fields: dict[str, Any], level: int) -> None:
    evidence = with_claim(claim_id, **fields)
    claim = evidence.claim(claim_id)
    assert claim is not None
    assert claim_level(claim, evidence) == level


def test_a_record_stands_as_low_as_its_lowest_claim() -> None:
    assert verification_level(SMALL.evidence) == 2
    assert verification_level(with_claim(NOTE_CLAIM, reproduction=ReproductionStatus.NONE)) == 1
    silent = SMALL.evidence.answer.model_copy(update={"sentences": ()})
    assert verification_level(changed(answer=silent)) == 1
    assert verification_level(changed(answer=silent, sources=())) == 0


def test_dimensions_are_shares_and_two_have_no_rule() -> None:
    found = judged().quality_dimensions
    assert len(found) == 8
    assert found["evidence_strength"].score == 5.0
    assert found["citation_grounding"].basis == "1 of 2 claims cited"
    assert found["numerical_consistency"].level is DimensionLevel.HIGH
    assert found["benchmark_validity"].score == 5.0
    assert {name for name, d in found.items() if d.level is DimensionLevel.UNASSESSED} == {"novelty", "safety_impact"}
    reported = judged(with_claim(WORK_CLAIM, grounding=Grounding.REPORTED)).quality_dimensions
    assert reported["evidence_strength"].score == 0
    assert reported["citation_grounding"].score == 0
    assert reported["numerical_consistency"].score < 10
    silent = judged(changed(limitations=())).quality_dimensions
    assert silent["uncertainty_disclosure"].basis == "3 of 4 checks"
    run = judged(with_claim(WORK_CLAIM, reproduction=ReproductionStatus.REPRODUCED)).quality_dimensions
    assert run["reproducibility_status"].score == 10
    empty = judged(changed(cells=(), claims=(), answer=SMALL.evidence.answer.model_copy(update={"sentences": ()})))
    assert empty.quality_dimensions["evidence_strength"].level is DimensionLevel.UNASSESSED


@pytest.mark.parametrize(
    ("cells", "filled", "contested", "sources", "status"),
    [
        (0, 0, False, 3, AnswerStatus.NO_EVIDENCE),
        (2, 0, False, 0, AnswerStatus.NO_EVIDENCE),
        (2, 0, False, 3, AnswerStatus.NOT_MEASURED),
        (2, 1, False, 3, AnswerStatus.PARTLY_ANSWERED),
        (2, 2, False, 3, AnswerStatus.ANSWERED),
        (2, 2, True, 3, AnswerStatus.CONTESTED),
        (2, 1, True, 3, AnswerStatus.CONTESTED),
    ],
)
def test_the_status_follows_from_cells(
    cells: int, filled: int, contested: bool, sources: int, status: AnswerStatus
) -> None:
    assert status_of(tuple(object() for _ in range(cells)), filled, contested, sources) is status


def test_counts_are_of_what_stands_there() -> None:
    counts = judged().counts
    evidence = SMALL.evidence
    assert (counts.sources, counts.works, counts.notes, counts.measurements) == (3, 1, 1, 1)
    assert (counts.claims, counts.quoted, counts.reported, counts.measured) == (3, 1, 1, 1)
    assert (counts.claims_in_cells, counts.claims_in_answer) == (1, 2)
    assert (counts.cells, counts.gaps, counts.cells_reproduced) == (2, 1, 0)
    assert (counts.reproduced, counts.falsified, counts.contested, counts.corroborated) == (1, 0, 0, 0)
    assert (counts.searches, counts.dropped, counts.missing_systems) == (2, 1, len(evidence.missing_systems))


def test_a_gate_verdict_needs_a_run_of_the_very_claim_under_the_cells_facets() -> None:
    note_facets = SMALL.evidence.claims[1].facets
    asked = {"subject": note_facets.subject, "metric": note_facets.metric}
    filled = Cell(id="cell-1", facets=Facets(**asked), claims=(NOTE_CLAIM,), gap=False)
    assert judged(changed(cells=(filled,))).gate_verdict.status is GateStatus.VERIFIED
    for other in ({"system": "TinyRouter"}, {"benchmark": "ToyBench"}, {"condition": ("batch size 4",)}):
        cell = Cell(id="cell-1", facets=Facets(**asked, **other), claims=(NOTE_CLAIM,), gap=False)
        assert judged(changed(cells=(cell,))).gate_verdict.status is GateStatus.UNVERIFIED
    both = Cell(id="cell-1", facets=Facets(**asked), claims=(NOTE_CLAIM, WORK_CLAIM), gap=False)
    assert judged(changed(cells=(both,))).gate_verdict.status is GateStatus.UNVERIFIED


def test_the_judgement_is_pure_and_knows_no_order_of_keys() -> None:
    first = assess(SMALL.evidence, SMALL.texts)
    assert assess(SMALL.evidence, SMALL.texts) == first

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(list(value))}
        return [turned(one) for one in value] if isinstance(value, list) else value

    again = Evidence.model_validate(turned(json.loads(SMALL.evidence.model_dump_json())))
    assert assess(again, SMALL.texts).model_dump_json() == first.model_dump_json()


def test_a_judgement_that_was_deleted_is_computed_again_from_the_rest() -> None:
    record = {**SMALL.evidence.to_json(), **SMALL.judgement.to_json()}
    rest = {name: value for name, value in record.items() if name not in Judgement.model_fields}
    assert assess(Evidence.model_validate(rest), SMALL.texts) == SMALL.judgement
