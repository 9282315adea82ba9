"""The comparison of results with a pack's claims."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest
from pydantic import ValidationError

from sovereign.judge.outcomes import outcomes, pack_digest, settled_claims
from sovereign.records import (
    Claim,
    ClaimOutcome,
    DiffersIn,
    Facets,
    Grounding,
    Outcome,
    PackClaim,
    PackSpec,
    Quote,
)


def judged(results: dict[str, Any], **claim: Any) -> ClaimOutcome:
    stated = {"id": "one", "statement": "x is y", "result_field": "/values/x", "comparison": "within_absolute", **claim}
    pack = PackSpec(
        name="toy",
        title="Toy",
        version=1,
        description="",
        facets=Facets(),
        differs_in=(DiffersIn.SCALE,),
        source="measurement:toy",
        claims=(PackClaim.model_validate(stated),),
    )
    (outcome,) = outcomes(pack, results)
    return outcome


@pytest.mark.parametrize(
    ("comparison", "tolerance", "x", "expected", "outcome"),
    [
        ("equal", 0.0, 4, 4.0, Outcome.SUPPORTED),
        ("equal", 5.0, 4.5, 4.0, Outcome.REFUTED),
        ("within_absolute", 0.25, 4.25, 4.0, Outcome.SUPPORTED),
        ("within_absolute", 0.25, 3.75, 4.0, Outcome.SUPPORTED),
        ("within_absolute", 0.25, 4.26, 4.0, Outcome.REFUTED),
        ("within_relative", 0.01, 101, 100.0, Outcome.SUPPORTED),
        ("within_relative", 0.01, 102, 100.0, Outcome.REFUTED),
        ("within_relative", 0.01, -100.5, -100.0, Outcome.SUPPORTED),
        ("within_relative", 0.01, 100.5, -100.0, Outcome.REFUTED),
        ("within_relative", 0.01, 0.0, 0.0, Outcome.SUPPORTED),
    ],
)
def test_compares_with_the_stated_tolerance(
    comparison: str, tolerance: float, x: float, expected: float, outcome: Outcome
) -> None:
    got = judged({"values": {"x": x}}, comparison=comparison, tolerance=tolerance, expected=expected)
    assert got.outcome is outcome
    assert (got.measured, got.expected, got.tolerance) == (x, expected, tolerance)
    assert got.reason


def test_an_expectation_may_be_another_field() -> None:
    claim = {"comparison": "within_relative", "tolerance": 0.01, "expected_field": "/values/formula"}
    assert judged({"values": {"x": 10.05, "formula": 10}}, **claim).outcome is Outcome.SUPPORTED
    assert judged({"values": {"x": 10.2, "formula": 10}}, **claim).outcome is Outcome.REFUTED
    lost = judged({"values": {"x": 10.2}}, **claim)
    assert lost.outcome is Outcome.NOT_RESOLVED
    assert "/values/formula" in lost.reason


def test_a_result_wider_than_its_tolerance_resolves_nothing() -> None:
    claim = {"tolerance": 0.1, "expected": 4.0, "uncertainty_field": "/values/error"}
    assert judged({"values": {"x": 4.0, "error": 0.05}}, **claim).outcome is Outcome.SUPPORTED
    assert judged({"values": {"x": 5.0, "error": 0.05}}, **claim).outcome is Outcome.REFUTED
    wide = judged({"values": {"x": 4.0, "error": 0.051}}, **claim)
    assert (wide.outcome, wide.uncertainty) == (Outcome.NOT_RESOLVED, 0.051)
    assert judged({"values": {"x": 4.0, "error": -1}}, **claim).outcome is Outcome.NOT_RESOLVED
    assert judged({"values": {"x": 4.0}}, **claim).outcome is Outcome.NOT_RESOLVED


@pytest.mark.parametrize("x", ["4", True, None, [4], math.nan, math.inf, 10**400])
def test_what_is_no_finite_number_is_not_resolved(x: object) -> None:
    for claim in ({"comparison": "measured"}, {"tolerance": 1e9, "expected": 4.0}):
        got = judged({"values": {"x": x}}, **claim)
        assert (got.outcome, got.measured) == (Outcome.NOT_RESOLVED, None)
        assert "/values/x" in got.reason


def test_a_missing_field_is_not_resolved() -> None:
    got = judged({"values": {}}, tolerance=1, expected=4.0)
    assert got.outcome is Outcome.NOT_RESOLVED
    assert "/values/x" in got.reason


def test_measured_without_expectation_says_so_and_settles_nothing() -> None:
    got = judged({"values": {"x": 4.5}}, comparison="measured")
    assert (got.outcome, got.expected, got.reason) == (Outcome.SUPPORTED, None, "measured, no expectation")
    settles = [{"source": "note:a", "sentence_contains": "any words"}]
    with pytest.raises(ValidationError, match="settles nothing"):
        judged({"values": {"x": 4.5}}, comparison="measured", settles=settles)


@pytest.mark.parametrize("claim", [{}, {"expected": 1.0, "expected_field": "/values/y"}])
def test_a_compared_claim_needs_one_expectation(claim: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of expected"):
        judged({"values": {"x": 1}}, **claim)


def test_pack_digest_is_what_sha256sum_prints_and_sees_every_change() -> None:
    files = {"run.py": b"pass\n", "pack.toml": b'name = "toy"\n'}
    lines = "".join(f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in ("pack.toml", "run.py"))
    digest = pack_digest(files)
    assert digest == hashlib.sha256(lines.encode()).hexdigest()
    assert digest == pack_digest(dict(reversed(files.items())))
    changed = ({**files, "run.py": b"pass \n"}, {**files, "a": b""}, {"pack.toml": b"", "run2.py": b"pass\n"})
    assert digest not in {pack_digest(other) for other in changed}


def _claim(number: int, text: str, source: str, value: float | None) -> Claim:
    quote = Quote(source=source, text=text, start=0, end=len(text), sha256="0" * 64)
    return Claim(
        id=f"c-{number:010x}", text=text, grounding=Grounding.REPORTED, facets=Facets(value=value), quotes=(quote,)
    )


def test_an_outcome_settles_the_value_that_its_pack_expected() -> None:
    sentence = "a cut of 10.0% at one, 6.2% at sixteen"
    settles = [{"source": "note:a", "sentence_contains": "6.2% at sixteen"}]
    stated = {
        "id": "one",
        "statement": "x",
        "result_field": "/x",
        "comparison": "within_absolute",
        "tolerance": 0.3,
        "expected": 6.2,
        "settles": settles,
    }
    pack = PackSpec(
        name="toy",
        title="Toy",
        version=1,
        description="",
        facets=Facets(),
        differs_in=(DiffersIn.SCALE,),
        source="measurement:toy",
        claims=(PackClaim.model_validate(stated),),
    )
    (outcome,) = outcomes(pack, {"x": 6.1})
    claims = (
        _claim(1, sentence, "note:a", 10.0),
        _claim(2, sentence, "note:a", 6.2),
        _claim(3, sentence, "note:b", 6.2),
        _claim(4, "6.3% at sixteen", "note:a", 6.2),
        _claim(5, sentence, "note:a", None),
    )
    assert settled_claims(pack, outcome, claims) == (claims[1].id, claims[4].id)
    assert settled_claims(pack, outcome.model_copy(update={"pack_claim": "other"}), claims) == ()


@pytest.mark.parametrize("comparison", ["within_absolute", "ratio"])
def test_a_script_may_say_why_it_measured_nothing(comparison: str) -> None:
    bounds = {"at_least": 0.9} if comparison == "ratio" else {"tolerance": 1.0}
    claim = {"comparison": comparison, "expected_field": "/values/y", **bounds}
    told = judged({"values": {"x": {"not_measured": "others took\n0.6 cores"}, "y": 1.0}}, **claim)
    assert told.outcome is Outcome.NOT_RESOLVED
    assert told.reason == "/values/x was not measured: others took 0.6 cores"
    long = judged({"values": {"x": {"not_measured": "x" * 10_000}, "y": 1.0}}, **claim)
    assert len(long.reason) < 400
    for other in ({"not_measured": 3}, {"not_measured": "a", "and": 1}, {}):
        assert "not measured" not in judged({"values": {"x": other, "y": 1.0}}, **claim).reason
