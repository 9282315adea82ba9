"""What a run's results say of a pack's claims: the one comparison, pure, that the gate and `check` both make.

A claim comes to one of three outcomes:

- `supported`: the result lies within the tolerance that the pack fixed before the run;
- `refuted`: it lies outside;
- `not_resolved`: the run cannot tell, because the value or its expectation is missing or no finite number, or because
  twice the result's standard error is wider than the tolerance.

`measured` is the comparison of a claim without an expectation. It is `supported` when the run gives a finite value,
which says no more than "this was measured"; such a claim may settle nothing (`PackClaim` refuses it).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from sovereign.records import Claim, ClaimOutcome, Comparison, Outcome, PackClaim, PackSpec

from .quotes import resolve_pointer

STANDARD_ERRORS = 2.0
"""How many standard errors must fit into the tolerance before a result resolves its claim."""


def outcomes(pack: PackSpec, results: Mapping[str, Any]) -> tuple[ClaimOutcome, ...]:
    """The outcome of every claim of a pack, in the pack's order, with both operands.

    Args:
        pack: the pack's claims, with tolerances in the unit of the result (or a fraction of what is expected).
        results: the parsed `results.json`; pointers are RFC 6901 into it.
    """
    return tuple(_outcome(claim, results) for claim in pack.claims)


def settled_claims(pack: PackSpec, outcome: ClaimOutcome, claims: Iterable[Claim]) -> tuple[str, ...]:
    """The ids of a record's claims that an outcome settles, in the order of the pack's `settles` and of the claims.

    A claim is settled if it is quoted from the source that the pack names, in words that the pack names. A sentence may
    hold several values: of those claims only the one whose value is what the pack expected (within the tolerance), or
    one that states a law without a value.
    """
    stated = next((claim for claim in pack.claims if claim.id == outcome.pack_claim), None)
    if stated is None:
        return ()
    held = tuple(claims)
    found = (
        claim.id
        for settled in stated.settles
        for claim in held
        if claim.quotes[0].source == settled.source
        and settled.sentence_contains in claim.text
        and _is_the_expected(claim.facets.value, stated, outcome.expected)
    )
    return tuple(dict.fromkeys(found))


def _is_the_expected(value: float | None, claim: PackClaim, expected: float | None) -> bool:
    if value is None:
        return True
    return expected is not None and abs(value - expected) <= max(_margin(claim, expected), 1e-9 * abs(expected))


def pack_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over a pack's files: per file, in the order of names, its SHA-256, two spaces, name, line feed.

    This is what `sha256sum` prints for them, so that anyone can compute it by hand.
    """
    listing = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return hashlib.sha256(listing.encode("utf-8")).hexdigest()


def _outcome(claim: PackClaim, results: Mapping[str, Any]) -> ClaimOutcome:
    measured, missing = _number(results, claim.result_field)
    expected, no_expectation = _expected(claim, results)
    error, no_error = _number(results, claim.uncertainty_field) if claim.uncertainty_field else (None, "")
    outcome, reason = Outcome.NOT_RESOLVED, missing or no_expectation or no_error
    if measured is not None and not reason:
        if claim.comparison is Comparison.MEASURED:
            outcome, reason = Outcome.SUPPORTED, "measured, no expectation"
        elif expected is not None:
            outcome, reason = _compared(claim, measured, expected, error)
    return ClaimOutcome(
        pack_claim=claim.id,
        outcome=outcome,
        measured=measured,
        expected=expected,
        tolerance=claim.tolerance,
        uncertainty=error,
        reason=reason,
    )


def _compared(claim: PackClaim, measured: float, expected: float, error: float | None) -> tuple[Outcome, str]:
    margin = _margin(claim, expected)
    if error is not None:
        if error < 0:
            return Outcome.NOT_RESOLVED, f"the standard error {_said(error)} is negative"
        if STANDARD_ERRORS * error > margin:
            wide = f"twice the standard error {_said(error)} is more than the tolerance {_said(margin)}"
            return Outcome.NOT_RESOLVED, f"{wide}: more repetitions are needed"
    difference = abs(measured - expected)
    apart = f"measured {_said(measured)}, expected {_said(expected)}, apart by {_said(difference)}"
    if difference <= margin:
        return Outcome.SUPPORTED, f"{apart}: within {_said(margin)}"
    return Outcome.REFUTED, f"{apart}: more than {_said(margin)}"


def _margin(claim: PackClaim, expected: float) -> float:
    """The tolerance in the unit of the result."""
    if claim.comparison is Comparison.WITHIN_ABSOLUTE:
        return claim.tolerance
    return claim.tolerance * abs(expected) if claim.comparison is Comparison.WITHIN_RELATIVE else 0.0


def _expected(claim: PackClaim, results: Mapping[str, Any]) -> tuple[float | None, str]:
    if claim.comparison is Comparison.MEASURED:
        return None, ""
    if claim.expected_field is not None:
        return _number(results, claim.expected_field)
    if claim.expected is None or not math.isfinite(claim.expected):
        return None, "the pack states no finite expectation"
    return claim.expected, ""


def _number(results: Mapping[str, Any], pointer: str) -> tuple[float | None, str]:
    """The finite number at a pointer, or None and what is the matter."""
    try:
        value = resolve_pointer(results, pointer)
    except LookupError:
        return None, f"the results have nothing at {pointer}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, f"{pointer} is no number"
    try:
        number = float(value)
    except OverflowError:
        return None, f"{pointer} is too large a number"
    return (number, "") if math.isfinite(number) else (None, f"{pointer} is not finite")


def _said(value: float) -> str:
    return f"{value:.6g}"
