"""What others' signatures change: is a run independent or a repeat, and at which level does a record stand now?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from sovereign.records import (
    DETAILS,
    Attested,
    ClaimOutcome,
    Comparison,
    Document,
    Event,
    Evidence,
    Faithful,
    Outcome,
    PackSpec,
    Reproduction,
    Reviewed,
    ReviewVerdict,
)

from .counts import answer_claims
from .outcomes import outcomes
from .standing import claim_level, verification_level

#: Facts of a machine by which we tell hardware apart.
HARDWARE = ("architecture", "processor", "processors")

_ROUNDED = 1e-3
EXECUTED, INDEPENDENT, REVIEWED = 5, 6, 7


def hardware_reason(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """Why two attested machines count as one, or None where theirs is stated to be other hardware."""
    silent = [fact for fact in HARDWARE if not theirs.get(fact) or theirs[fact] in ("unknown", "0")]
    if silent:
        return f"it does not state its hardware ({', '.join(silent)})"
    if all(ours.get(fact) == theirs[fact] for fact in HARDWARE):
        return f"it ran on the same hardware: {theirs['processor']}, {theirs['processors']} processors"
    return None


def attested_outcomes(pack: PackSpec, results: Mapping[str, Any], run: Reproduction) -> tuple[ClaimOutcome, ...]:
    """What another's results of a pack come to, for the claims of the record that our own run of it speaks of.

    A claim that states our own measurement is spoken of only by a comparison with an expectation, or by an equal value.
    """
    ours = {outcome.pack_claim: outcome for outcome in run.outcomes}
    expecting = {claim.id for claim in pack.claims if claim.comparison is not Comparison.MEASURED}
    found = []
    for outcome in outcomes(pack, results):
        own = ours.get(outcome.pack_claim)
        same = own is not None and (outcome.pack_claim in expecting or _equal(own.measured, outcome.measured))
        update = {
            "record_claims": own.record_claims if own is not None else (),
            "measured_claim": own.measured_claim if own is not None and same else None,
        }
        found.append(outcome.model_copy(update=update))
    return tuple(found)


def _equal(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= _ROUNDED * abs(one)


def details_of(event: Event) -> Document | None:
    """The details of an event in their own form; None for a type without one, or details that do not fit it."""
    kind = DETAILS.get(event.type)
    if kind is None:
        return None
    try:
        return kind.model_validate(event.details)
    except ValidationError:
        return None


def current_level(evidence: Evidence, version: int, events: Sequence[Event]) -> tuple[int, str]:
    """The verification level of a version with what others added to it since, and why.

    A claim that a run of ours stands behind (level 5) reaches 6 where a second party's run on other hardware supports
    it and none refutes it, and 7 where an external reviewer has endorsed the version and none objects. A claim that a
    formal proof settles reaches 7 where a person has signed that its statement means the claim. The record has the
    lowest level of its answer's claims; a review of claims that nothing ran for lifts nothing.
    """
    stored = verification_level(evidence)
    found = [details for event in events if event.version == version and (details := details_of(event)) is not None]
    claims = answer_claims(evidence)
    if not claims or not found:
        return stored, "as the record says"
    runs = [one for one in found if isinstance(one, Attested) and one.independent]
    supported, refuted = _settled(runs, Outcome.SUPPORTED), _settled(runs, Outcome.REFUTED)
    faithful = {claim for one in found if isinstance(one, Faithful) for claim in one.claims}
    reviews = [one for one in found if isinstance(one, Reviewed) and one.external]
    endorsed = bool(reviews) and all(one.verdict is ReviewVerdict.ENDORSED for one in reviews)

    def level(claim_id: str, own: int) -> int:
        if own < EXECUTED or claim_id in refuted:
            return own
        if claim_id in faithful or endorsed:
            return REVIEWED
        return INDEPENDENT if claim_id in supported else own

    now = min(level(claim.id, claim_level(claim, evidence)) for claim in claims)
    if now == stored:
        contrary = sorted(refuted & {claim.id for claim in claims})
        return stored, f"another party's run refutes {contrary[0]}" if contrary else "as the record says"
    named = [one.party for one in runs] + [one.party for one in reviews]
    parties = sorted({party.name or party.fingerprint for party in named})
    by = f"by {', '.join(parties)}" if parties else "by a formal proof"
    return now, f"{by}; the record itself says {stored}"


def _settled(runs: Iterable[Attested], outcome: Outcome) -> set[str]:
    found: set[str] = set()
    for run in runs:
        for one in run.outcomes:
            if one.outcome is outcome:
                found |= set(one.record_claims) | ({one.measured_claim} if one.measured_claim else set())
    return found
