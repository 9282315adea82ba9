"""What a run's results say of a pack's claims: the one comparison, pure, that the gate and `check` both make.

A claim comes to one of three outcomes:

- `supported`: the result lies within what the pack fixed before the run;
- `refuted`: it lies outside;
- `not_resolved`: the run cannot tell: a value or its expectation is missing or no finite number, or its uncertainty
  reaches over the bound.

Comparisons of a number: `equal`, `within_absolute`, `within_relative`; with a standard error twice that must fit into
the tolerance. `less_than` and `greater_than` ask for more than the margin, and by an interval: two standard errors, or
a bootstrap over samples. `ratio` (of the means of paired samples) and `equivalence` (a difference of means) go by their
bootstrap interval alone: wholly inside is supported, wholly outside is refuted, anything else is not resolved. An
equivalence takes a 90% interval, which is two one-sided tests at 5% (Schuirmann 1987).

`measured` is the comparison of a claim without an expectation. It is `supported` when the run gives a finite value,
which says no more than "this was measured"; such a claim may settle nothing (`PackClaim` refuses it).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sovereign.records import (
    INTERVALS,
    SAMPLED,
    Claim,
    ClaimOutcome,
    Comparison,
    Grounding,
    Outcome,
    PackClaim,
    PackSpec,
    Settled,
)

from .intervals import FEWEST, MOST, bootstrap, difference_of_means, mean, ratio_of_means
from .quotes import resolve_pointer

STANDARD_ERRORS = 2.0
"""How many standard errors must fit into the tolerance before a result resolves its claim."""
CONFIDENCE, CONFIDENCE_OF_EQUIVALENCE = 0.95, 0.90
ROUNDED = 1e-3
_MOST_SAID = 300
"""How far, relatively, the number that a pack shows for its samples may lie from what they give."""

Compared = tuple[Outcome, str]
Interval = tuple[float, float]


def outcomes(pack: PackSpec, results: Mapping[str, Any]) -> tuple[ClaimOutcome, ...]:
    """The outcome of every claim of a pack, in the pack's order, with both operands.

    Args:
        pack: the pack's claims, with tolerances in the unit of the result (or a fraction of what is expected).
        results: the parsed `results.json`; pointers are RFC 6901 into it.
    """
    return tuple(
        _outcome(claim, results).model_copy(update={"facets": pack.facets_of(claim)}) for claim in pack.claims
    )


def settled_claims(pack: PackSpec, outcome: ClaimOutcome, claims: Iterable[Claim]) -> tuple[str, ...]:
    """The ids of a record's claims that an outcome settles, in the order of the pack's `settles` and of the claims.

    A claim is settled if it is quoted from the source that the pack names, in words that the pack names. A sentence may
    hold several values: of those claims only the one whose value is what the pack expected (within the tolerance), or
    one that states a law without a value.
    """
    stated = _stated(pack, outcome)
    if stated is None:
        return ()
    held = tuple(claims)
    found = (
        claim.id
        for settled in stated.settles
        for claim in held
        if _names(settled, claim) and _is_the_expected(claim.facets.value, stated, outcome.expected)
    )
    return tuple(dict.fromkeys(found))


def settles(stated: PackClaim, claim: Claim) -> bool:
    """Whether a pack's claim settles a record's claim, as far as that is known before the run."""
    expected = stated.expected
    known = expected is None or _is_the_expected(claim.facets.value, stated, expected)
    return known and any(_names(settled, claim) for settled in stated.settles)


def _names(settled: Settled, claim: Claim) -> bool:
    return claim.quotes[0].source == settled.source and settled.sentence_contains in claim.text


def measured_claim(pack: PackSpec, outcome: ClaimOutcome, claims: Iterable[Claim]) -> str | None:
    """The id of the record's claim that states this result of the pack itself, or None."""
    stated = _stated(pack, outcome)
    if stated is None or outcome.measured is None:
        return None
    for claim in claims:
        value = claim.facets.value
        if claim.grounding is not Grounding.MEASURED or claim.quotes[0].source != pack.source or value is None:
            continue
        about = outcome.facets.model_copy(update={"value": value})
        if claim.text == stated.statement and claim.facets == about and _rounds_to(value, outcome.measured):
            return claim.id
    return None


def _stated(pack: PackSpec, outcome: ClaimOutcome) -> PackClaim | None:
    return next((claim for claim in pack.claims if claim.id == outcome.pack_claim), None)


def _rounds_to(shown: float, value: float) -> bool:
    return abs(shown - value) <= ROUNDED * abs(value) + 1e-12


def _is_the_expected(value: float | None, claim: PackClaim, expected: float | None) -> bool:
    if value is None:
        return True
    return expected is not None and abs(value - expected) <= max(_margin(claim, expected), 1e-9 * abs(expected))


def isolation_meets(grade: str, least: str) -> bool:
    """Whether a sandbox's grade (`provider/full`, or `provider/` and its shortfalls joined by `+`) is good enough.

    `least` is `full`, `isolated` (whatever passed its own test), or the shortfalls that are allowed.
    """
    provider, _, missing = grade.partition("/")
    if least == "isolated":
        return bool(provider)
    return bool(provider) and (missing == "full" or set(missing.split("+")) <= set(least.split("+")))


def pack_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over a pack's files: per file, in the order of names, its SHA-256, two spaces, name, line feed.

    This is what `sha256sum` prints for them, so that anyone can compute it by hand.
    """
    listing = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return hashlib.sha256(listing.encode("utf-8")).hexdigest()


def _outcome(claim: PackClaim, results: Mapping[str, Any]) -> ClaimOutcome:
    measured, missing = _operand(results, claim.result_field, claim)
    expected, no_expectation = _expected(claim, results)
    error, no_error = _number(results, claim.uncertainty_field) if claim.uncertainty_field else (None, "")
    shown = _shown(claim, measured, expected)
    interval: Interval | None = None
    outcome, reason = Outcome.NOT_RESOLVED, missing or no_expectation or no_error or _misstated(claim, results, shown)
    if measured is not None and not reason:
        if claim.comparison is Comparison.MEASURED:
            outcome, reason = Outcome.SUPPORTED, "measured, no expectation"
        elif expected is not None and claim.comparison in INTERVALS:
            (outcome, reason), interval = _by_interval(claim, measured, expected, error)
        elif isinstance(measured, float) and isinstance(expected, float):
            outcome, reason = _compared(claim, measured, expected, error)
    return ClaimOutcome(
        pack_claim=claim.id,
        outcome=outcome,
        measured=shown,
        expected=None if claim.comparison is Comparison.RATIO else _center(expected),
        tolerance=claim.tolerance,
        uncertainty=error,
        interval=interval,
        samples=len(measured) if isinstance(measured, tuple) else None,
        reason=reason,
        put_to_test=claim.comparison is not Comparison.MEASURED,
    )


def _misstated(claim: PackClaim, results: Mapping[str, Any], value: float | None) -> str:
    """What is wrong with the number that the results show for samples; empty where nothing is."""
    if claim.value_field is None or value is None:
        return ""
    shown, fault = _number(results, claim.value_field)
    if shown is None or _rounds_to(shown, value):
        return fault
    return f"{claim.value_field} says {_said(shown)}, the samples give {_said(value)}"


def _compared(claim: PackClaim, measured: float, expected: float, error: float | None) -> Compared:
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


def _by_interval(
    claim: PackClaim, measured: Operand, expected: Operand, error: float | None
) -> tuple[Compared, Interval | None]:
    """The outcome of a comparison that looks at an interval: of a ratio, or of measured less expected."""
    is_ratio = claim.comparison is Comparison.RATIO
    if not isinstance(measured, tuple) and not isinstance(expected, tuple):
        if error is not None and error < 0:
            return (Outcome.NOT_RESOLVED, f"the standard error {_said(error)} is negative"), None
        half = STANDARD_ERRORS * (error or 0.0)
        low, high = measured - expected - half, measured - expected + half
        how = "" if error is None else " (two standard errors)"
    else:
        count = len(measured) if isinstance(measured, tuple) else len(expected) if isinstance(expected, tuple) else 0
        left, right = _in_every(measured, count), _in_every(expected, count)
        if len(left) != len(right):
            return (Outcome.NOT_RESOLVED, f"{len(left)} samples against {len(right)}: they are not paired"), None
        if not FEWEST <= len(left) <= MOST:
            return (Outcome.NOT_RESOLVED, f"{len(left)} samples: an interval takes {FEWEST} to {MOST}"), None
        by_default = CONFIDENCE_OF_EQUIVALENCE if claim.comparison is Comparison.EQUIVALENCE else CONFIDENCE
        confidence = claim.confidence or by_default
        statistic = ratio_of_means if is_ratio else difference_of_means
        found = bootstrap(left, right, statistic, confidence=confidence, name=claim.id)
        if found is None:
            return (Outcome.NOT_RESOLVED, "the mean that a ratio divides by is not positive in every resample"), None
        low, high = found
        how = f" ({100 * confidence:g}% bootstrap interval of {len(left)} samples)"
    what = "ratio" if is_ratio else "measured less expected"
    told = f"{what} between {_said(low)} and {_said(high)}{how}"
    return _inside(claim, low, high, told), (low, high)


def _inside(claim: PackClaim, low: float, high: float, told: str) -> Compared:
    margin = claim.tolerance
    if claim.comparison is Comparison.GREATER_THAN:
        asked, held, broken = f"over {_said(margin)}", low > margin, high <= margin
    elif claim.comparison is Comparison.LESS_THAN:
        asked, held, broken = f"under {_said(0.0 - margin)}", high < -margin, low >= -margin
    else:
        least: float | None = -margin
        most: float | None = margin
        if claim.comparison is Comparison.RATIO:
            least, most = claim.at_least, claim.at_most
        bounds = [("at least", least), ("at most", most)]
        asked = " and ".join(f"{word} {_said(bound)}" for word, bound in bounds if bound is not None)
        held = (least is None or low >= least) and (most is None or high <= most)
        broken = (least is not None and high < least) or (most is not None and low > most)
    if held:
        return Outcome.SUPPORTED, f"{told}: {asked}"
    if broken:
        return Outcome.REFUTED, f"{told}: not {asked}"
    return Outcome.NOT_RESOLVED, f"{told}, which reaches over the bound ({asked}): more repetitions are needed"


def _in_every(operand: Operand, count: int) -> tuple[float, ...]:
    """Samples as they are; a number stands for itself in every repetition."""
    return operand if isinstance(operand, tuple) else (operand,) * count


def _shown(claim: PackClaim, measured: Operand | None, expected: Operand | None) -> float | None:
    """The one number that stands for a result: itself, the mean of its samples, or the ratio of two means."""
    if claim.comparison is Comparison.RATIO and isinstance(measured, tuple) and isinstance(expected, tuple):
        ratio = ratio_of_means(measured, expected)
        return ratio if math.isfinite(ratio) else None
    return None if claim.comparison is Comparison.RATIO else _center(measured)


def _center(operand: Operand | None) -> float | None:
    if not isinstance(operand, tuple):
        return operand
    value = mean(operand)
    return value if math.isfinite(value) else None


def _margin(claim: PackClaim, expected: float) -> float:
    """The tolerance in the unit of the result."""
    if claim.comparison is Comparison.WITHIN_RELATIVE:
        return claim.tolerance * abs(expected)
    return 0.0 if claim.comparison in (Comparison.EQUAL, Comparison.RATIO) else claim.tolerance


Operand = float | tuple[float, ...]


def _expected(claim: PackClaim, results: Mapping[str, Any]) -> tuple[Operand | None, str]:
    if claim.comparison is Comparison.MEASURED:
        return None, ""
    if claim.expected_field is not None:
        return _operand(results, claim.expected_field, claim)
    if claim.expected is None or not math.isfinite(claim.expected):
        return None, "the pack states no finite expectation"
    return claim.expected, ""


def _operand(results: Mapping[str, Any], pointer: str, claim: PackClaim) -> tuple[Operand | None, str]:
    """A number or, where the comparison looks at an interval, a list of samples; else None and what is the matter."""
    try:
        value = resolve_pointer(results, pointer)
    except LookupError:
        value = None
    if not isinstance(value, list) or claim.comparison not in INTERVALS:
        if claim.comparison in SAMPLED and value is not None and not _why_not(value):
            return None, f"{pointer} is no list of samples, which a comparison of this kind needs"
        return _number(results, pointer)
    if not value:
        return None, f"{pointer} is an empty list"
    return _samples(value, pointer)


def _samples(values: Sequence[Any], pointer: str) -> tuple[Operand | None, str]:
    found = []
    for index in range(len(values)):
        number, fault = _number({"": values}, f"//{index}")
        if number is None:
            return None, fault.replace(f"//{index}", f"{pointer}/{index}")
        found.append(number)
    return tuple(found), ""


def _number(results: Mapping[str, Any], pointer: str) -> tuple[float | None, str]:
    """The finite number at a pointer, or None and what is the matter."""
    try:
        value = resolve_pointer(results, pointer)
    except LookupError:
        return None, f"the results have nothing at {pointer}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        why = _why_not(value)
        return None, f"{pointer} was not measured: {why}" if why else f"{pointer} is no number"
    try:
        number = float(value)
    except OverflowError:
        return None, f"{pointer} is too large a number"
    return (number, "") if math.isfinite(number) else (None, f"{pointer} is not finite")


def _why_not(value: Any) -> str:
    """What a script says of a value that it could not measure: `{"not_measured": "why"}`; else nothing."""
    if isinstance(value, Mapping) and list(value) == ["not_measured"] and isinstance(value["not_measured"], str):
        return " ".join(value["not_measured"].split())[:_MOST_SAID]
    return ""


def _said(value: float) -> str:
    return f"{value:.6g}"
