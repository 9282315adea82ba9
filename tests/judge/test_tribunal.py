"""Every check of the tribunal: it passes on a record without fault, and fails, by name, on one made to fail it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.records import MEASURED_CLAIM, NOTE_CLAIM, WORK_CLAIM, SmallRecord, small_record

from sovereign.judge import assess
from sovereign.records import (
    Agreement,
    Answer,
    AnswerStatus,
    Cell,
    Check,
    CheckState,
    Claim,
    DiffersIn,
    Evidence,
    Facets,
    Grounding,
    MissingSystem,
    Nearest,
    QuestionFacets,
    ReproductionStatus,
    Role,
    Sentence,
    TextLevel,
    Verdict,
)
from sovereign.seal import Key

KEY = Key.generate()
SMALL = small_record(KEY)


def changed(evidence: Evidence, **fields: Any) -> Evidence:
    return Evidence.model_validate({**{n: getattr(evidence, n) for n in Evidence.model_fields}, **fields})


def with_claim(evidence: Evidence, claim_id: str, **fields: Any) -> Evidence:
    def change(claim: Claim) -> Claim:
        return claim.model_copy(update=fields) if claim.id == claim_id else claim

    return changed(evidence, claims=tuple(change(claim) for claim in evidence.claims))


def with_facets(evidence: Evidence, claim_id: str, **fields: Any) -> Evidence:
    claim = evidence.claim(claim_id)
    assert claim is not None
    return with_claim(evidence, claim_id, facets=claim.facets.model_copy(update=fields))


def with_quote(evidence: Evidence, claim_id: str, **fields: Any) -> Evidence:
    claim = evidence.claim(claim_id)
    assert claim is not None
    return with_claim(evidence, claim_id, quotes=(claim.quotes[0].model_copy(update=fields),))


def with_source(evidence: Evidence, number: int, **fields: Any) -> Evidence:
    sources = list(evidence.sources)
    sources[number] = sources[number].model_copy(update=fields)
    return changed(evidence, sources=tuple(sources))


def with_sentence(evidence: Evidence, number: int, **fields: Any) -> Evidence:
    sentences = list(evidence.answer.sentences)
    sentences[number] = sentences[number].model_copy(update=fields)
    return changed(evidence, answer=evidence.answer.model_copy(update={"sentences": tuple(sentences)}))


def with_cell(evidence: Evidence, number: int, **fields: Any) -> Evidence:
    cells = list(evidence.cells)
    cells[number] = Cell.model_validate({**{n: getattr(cells[number], n) for n in Cell.model_fields}, **fields})
    return changed(evidence, cells=tuple(cells))


def clean() -> Evidence:
    """A record in which every check passes: one work read in full, one cell filled, agreed on by another work."""
    evidence = SMALL.evidence
    facets = QuestionFacets(
        subject=("mixture-of-experts routing",), system=("TinyRouter",), metric=("accuracy",), benchmark=("ToyBench",)
    )
    evidence = changed(
        evidence,
        question=evidence.question.model_copy(update={"facets": facets}),
        answer=Answer(status=AnswerStatus.ANSWERED, sentences=evidence.answer.sentences[:1]),
        cells=evidence.cells[:1],
        missing_systems=(),
    )
    evidence = with_source(evidence, 0, text_level=TextLevel.FULL_TEXT)
    return with_claim(evidence, WORK_CLAIM, agreement=Agreement.CORROBORATED, agrees_with=(NOTE_CLAIM,))


def checks(evidence: Evidence, small: SmallRecord = SMALL) -> dict[str, Check]:
    reviews = assess(evidence, small.texts).tribunal.reviews
    found = {check.name: check for review in reviews for check in review.checks}
    assert len(found) == sum(len(review.checks) for review in reviews), "two checks of one name"
    return found


def test_nothing_fails_on_a_record_without_fault() -> None:
    failed = [check for check in checks(clean()).values() if check.state is CheckState.FAILED]
    assert failed == []
    tribunal = assess(clean(), SMALL.texts).tribunal
    assert tribunal.score == 10
    assert tribunal.verdict is Verdict.ACCEPT


def _gap(evidence: Evidence, **fields: Any) -> Evidence:
    """The clean record with a second cell that is a stated gap beside which the note's claim stands."""
    gap = {
        "id": "cell-2",
        "facets": Facets(system="TinyRouter", metric="decode latency", benchmark="ToyBench"),
        "gap": True,
        "nearest": (Nearest(claim=NOTE_CLAIM, differs_in=(DiffersIn.METRIC,)),),
        **fields,
    }
    sentence = Sentence(text="Not measured: decode latency of TinyRouter on ToyBench.", cells=("cell-2",))
    answer = Answer(status=AnswerStatus.PARTLY_ANSWERED, sentences=(*evidence.answer.sentences, sentence))
    return changed(evidence, cells=(*evidence.cells, Cell.model_validate(gap)), answer=answer)


SKEPTIC: dict[str, Callable[[Evidence], Evidence]] = {
    "no evidence": lambda e: changed(e, claims=(), cells=(), answer=Answer(status="no_evidence", sentences=())),
    "off-subject source": lambda e: changed(
        e, provenance=e.provenance.model_copy(update={"subject_terms": (("state space model",),)}),
        sources=tuple(source.model_copy(update={"systems": ()}) for source in e.sources),
    ),
    "missing named system": lambda e: changed(e, missing_systems=(MissingSystem(name="TinyRouter", reason="none"),)),
    "abstract only": lambda e: with_source(e, 0, text_level=TextLevel.ABSTRACT),
    "note only": lambda e: with_sentence(e, 0, claims=(WORK_CLAIM, NOTE_CLAIM)),
    "single source": lambda e: with_claim(e, WORK_CLAIM, agrees_with=()),
    "scope mismatch": lambda e: _gap(
        e,
        nearest=(Nearest(claim=NOTE_CLAIM, differs_in=(DiffersIn.SYSTEM, DiffersIn.METRIC, DiffersIn.BENCHMARK)),),
    ),
    "number without span": lambda e: with_facets(e, WORK_CLAIM, value=3.3),
    "gap without nearest evidence": lambda e: _gap(e, nearest=()),
}  # fmt: skip

VALIDATOR: dict[str, Callable[[Evidence], Evidence]] = {
    "quotes re-located": lambda e: with_quote(e, WORK_CLAIM, start=1, end=1 + len(e.claims[0].quotes[0].text)),
    "numbers re-parsed": lambda e: with_facets(e, WORK_CLAIM, unit="x"),
    "words quoted": lambda e: with_claim(e, WORK_CLAIM, text="TinyRouter improves accuracy by 3.2% everywhere."),
    "grounding": lambda e: with_claim(e, NOTE_CLAIM, grounding=Grounding.QUOTED),
    "references": lambda e: with_sentence(e, 0, claims=("c-ffffffffff",)),
    "answer numbers": lambda e: with_sentence(e, 0, text="TinyRouter improves accuracy by 3.7% on ToyBench."),
    "reproduction marks": lambda e: with_claim(e, WORK_CLAIM, reproduction=ReproductionStatus.REPRODUCED),
}

SYNTHESIZER: dict[str, Callable[[Evidence], Evidence]] = {
    "status justified": lambda e: changed(e, answer=e.answer.model_copy(update={"status": AnswerStatus.NOT_MEASURED})),
    "facets covered": lambda e: changed(
        e,
        question=e.question.model_copy(
            update={"facets": e.question.facets.model_copy(update={"benchmark": ("ToyBench", "OtherBench")})}
        ),
    ),
    "gaps stated": lambda e: with_sentence(_gap(e), 1, text="Not measured: something of TinyRouter."),
    "missing systems stated": lambda e: changed(e, missing_systems=(MissingSystem(name="GhostRouter", reason="none"),)),
    "notes named": lambda e: with_sentence(
        e, 0, claims=(NOTE_CLAIM,), text="A step touches 7.1 experts in expectation."
    ),
    "limitations stated": lambda e: changed(e, limitations=("One source is a note.",)),
    "cells filled": _gap,
}


def _cases() -> list[Any]:
    parts = ((Role.SKEPTIC, SKEPTIC), (Role.VALIDATOR, VALIDATOR), (Role.SYNTHESIZER, SYNTHESIZER))
    return [pytest.param(role, name, make, id=name) for role, cases in parts for name, make in cases.items()]


@pytest.mark.parametrize(("role", "name", "make"), _cases())
def test_each_check_fails_where_it_must(role: Role, name: str, make: Callable[[Evidence], Evidence]) -> None:
    evidence = make(clean())
    found = checks(evidence)[name]
    assert found.state is CheckState.FAILED
    assert found.points > 0
    assert found.reason
    review = next(r for r in assess(evidence, SMALL.texts).tribunal.reviews if r.role is role)
    assert found in review.checks
    assert review.score == round(max(0.0, 10 - sum(check.points for check in review.checks)), 2)


def test_every_check_has_a_case_that_fails_it() -> None:
    assert set(checks(clean())) == {*SKEPTIC, *VALIDATOR, *SYNTHESIZER}


@pytest.mark.parametrize("name", VALIDATOR)
def test_a_fault_declines_whatever_the_score(name: str) -> None:
    tribunal = assess(VALIDATOR[name](clean()), SMALL.texts).tribunal
    assert tribunal.verdict is Verdict.DECLINE
    assert tribunal.score == round(sum(review.score for review in tribunal.reviews) / 3, 2)


REFERENCES: list[Callable[[Evidence], Evidence]] = [
    lambda e: with_claim(e, WORK_CLAIM, agrees_with=("c-ffffffffff",)),
    lambda e: with_cell(e, 0, claims=(WORK_CLAIM, "c-ffffffffff")),
    lambda e: _gap(e, nearest=(Nearest(claim="c-ffffffffff", differs_in=(DiffersIn.METRIC,)),)),
    lambda e: changed(e, claims=(*e.claims, e.claims[0])),
    lambda e: changed(e, sources=(*e.sources, e.sources[0])),
    lambda e: changed(e, cells=(*e.cells, e.cells[0])),
    lambda e: changed(e, sources=e.sources[:2]),
    lambda e: with_sentence(e, 0, cells=("cell-9",)),
]


@pytest.mark.parametrize("make", REFERENCES)
def test_an_id_that_does_not_exist_or_stands_twice(make: Callable[[Evidence], Evidence]) -> None:
    assert checks(make(clean()))["references"].state is CheckState.FAILED


def test_a_missing_text_is_said_and_not_guessed() -> None:
    found = {c.name: c for r in assess(clean(), lambda _: None).tribunal.reviews for c in r.checks}
    assert found["quotes re-located"].state is CheckState.NOT_RECOMPUTED
    assert found["off-subject source"].state is CheckState.NOT_RECOMPUTED


def test_a_measured_value_must_stand_in_the_measured_results() -> None:
    assert checks(with_facets(clean(), MEASURED_CLAIM, value=9.0))["numbers re-parsed"].state is CheckState.FAILED


def test_digits_of_a_name_count_only_where_the_name_stands() -> None:
    evidence = clean()
    facets = evidence.question.facets.model_copy(update={"benchmark": ("ToyBench", "VQAv9")})
    question = evidence.question.model_copy(update={"facets": facets, "text": "TinyRouter on ToyBench and VQAv9?"})
    evidence = changed(evidence, question=question)
    named = with_sentence(evidence, 0, text="TinyRouter improves accuracy by 3.2% on ToyBench, and VQA-v9 is open.")
    assert checks(named)["answer numbers"].state is CheckState.PASSED
    invented = with_sentence(evidence, 0, text="TinyRouter improves accuracy by 9% on VQAv9.")
    assert checks(invented)["answer numbers"].state is CheckState.FAILED


def test_words_between_quotation_marks_are_a_claims_words() -> None:
    evidence = clean()
    good = with_sentence(evidence, 0, text="The text says: “TinyRouter improves accuracy by 3.2% over top-2 routing”.")
    assert checks(good)["words quoted"].state is CheckState.PASSED
    bad = with_sentence(evidence, 0, text="The text says: “TinyRouter improves everything by 3.2%”.")
    assert checks(bad)["words quoted"].state is CheckState.FAILED


def test_the_points_of_a_share_grow_with_it() -> None:
    evidence = SMALL.evidence
    half = checks(evidence)["missing named system"]
    both = changed(
        evidence,
        missing_systems=tuple(MissingSystem(name=name, reason="none") for name in ("TinyRouter", "GhostRouter")),
    )
    assert checks(both)["missing named system"].points == 2 * half.points == 3


def test_a_claim_that_another_source_contests_has_no_second_source() -> None:
    contested = with_claim(clean(), WORK_CLAIM, agreement=Agreement.CONTESTED)
    assert checks(contested)["single source"].state is CheckState.FAILED


def test_a_model_that_is_run_on_counts_among_the_named_when_it_is_missing() -> None:
    missing = (MissingSystem(name="Mixtral-8x7B", reason="none"),)
    check = checks(changed(clean(), missing_systems=missing))["missing named system"]
    assert check.reason == "1 of 2 named systems have no source of their own" and check.points == 1.5
