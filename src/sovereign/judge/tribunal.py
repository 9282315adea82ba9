"""The tribunal: SKEPTIC, VALIDATOR and SYNTHESIZER, each a list of named checks with points; pure rules, no model."""

from __future__ import annotations

from collections.abc import Callable

from sovereign.records import Check, CheckState, Evidence, PolicyRules, Review, Role, Tribunal, Verdict

from .skeptic import skeptic_checks
from .synthesizer import synthesizer_checks
from .validator import validator_checks

Texts = Callable[[str], str | None]


def hold_tribunal(evidence: Evidence, texts: Texts, rules: PolicyRules) -> Tribunal:
    """Three reviews and their mean.

    Each reviewer starts at ten and takes away the points of its failed checks (not below zero). A failed check of
    the VALIDATOR declines the record, whatever the score. The revision round is the last round of its searches.
    """
    reviews = (
        _review(Role.SKEPTIC, skeptic_checks(evidence, texts)),
        _review(Role.VALIDATOR, validator_checks(evidence, texts)),
        _review(Role.SYNTHESIZER, synthesizer_checks(evidence)),
    )
    score = round(sum(review.score for review in reviews) / len(reviews), 2)
    faulty = any(check.state is CheckState.FAILED for check in reviews[1].checks)
    if faulty or score < rules.decline_below:
        verdict = Verdict.DECLINE
    elif score < rules.revise_below:
        verdict = Verdict.REVISE
    else:
        verdict = Verdict.ACCEPT
    revision_round = max((search.round for search in evidence.searches), default=0)
    return Tribunal(score=score, verdict=verdict, revision_round=revision_round, reviews=reviews)


def _review(role: Role, checks: tuple[Check, ...]) -> Review:
    taken = sum(check.points for check in checks)
    return Review(role=role, score=round(max(0.0, 10.0 - taken), 2), checks=checks)
