"""Verification level and quality tier: where a record stands, each by one stated rule."""

from __future__ import annotations

from sovereign.records import (
    Agreement,
    Claim,
    DimensionLevel,
    Evidence,
    Grounding,
    PolicyRules,
    QualityTier,
    ReproductionStatus,
    SourceKind,
)

from .counts import answer_claims, firm_claims

LEVELS: tuple[str, ...] = (
    "Unassessed",
    "Literature synthesis",
    "Source-grounded",
    "Cross-source corroborated",
    "Artifact inspected",
    "Sandbox executed",
    "Independently reproduced",
    "Externally reviewed or formally verified",
)

TIER_BASIS: dict[QualityTier, str] = {
    QualityTier.FLAGSHIP_CANDIDATE: "score, first-hand claims and reproducibility all reach the flagship thresholds",
    QualityTier.DOI_GRADE: "score and first-hand claims in cells reach the DOI thresholds",
    QualityTier.PUBLIC_RECORD: "score and first-hand claims in cells reach the public thresholds",
    QualityTier.WATCHLIST: "the score would do, but too few claims in a work's own words, or measured, fill a cell",
    QualityTier.QUARANTINE_CANDIDATE: "the score is under the public threshold",
}


def claim_level(claim: Claim, evidence: Evidence) -> int:
    """The level of one claim.

    5 if our own run stands behind it, 3 if another work says the same, 2 if it stands in a work's own words, else 1.
    Levels 4, 6 and 7 need artifacts or signatures that this version has no way to attach.
    """
    if claim.grounding is Grounding.MEASURED or claim.reproduction is ReproductionStatus.REPRODUCED:
        return 5
    if claim.grounding is not Grounding.QUOTED:
        return 1
    in_a_work = any(
        source is not None and source.kind is SourceKind.WORK
        for source in (evidence.source(quote.source) for quote in claim.quotes)
    )
    if not in_a_work:
        return 1
    return 3 if claim.agreement is Agreement.CORROBORATED else 2


def verification_level(evidence: Evidence) -> int:
    """The lowest level among the claims that the answer cites; without claims 1 if sources were read, else 0."""
    claims = answer_claims(evidence)
    if claims:
        return min(claim_level(claim, evidence) for claim in claims)
    return 1 if evidence.sources else 0


def quality_tier(evidence: Evidence, score: float, reproducibility: DimensionLevel, rules: PolicyRules) -> QualityTier:
    """The tier from score, first-hand claims that fill cells, and reproducibility; the thresholds are the policy's."""
    claims = len(firm_claims(evidence))
    if score >= rules.flagship_score and claims >= rules.flagship_claims and reproducibility is DimensionLevel.HIGH:
        return QualityTier.FLAGSHIP_CANDIDATE
    if score >= rules.doi_score and claims >= rules.doi_claims:
        return QualityTier.DOI_GRADE
    if score >= rules.public_score and claims >= rules.public_claims:
        return QualityTier.PUBLIC_RECORD
    if score >= rules.public_score:
        return QualityTier.WATCHLIST
    return QualityTier.QUARANTINE_CANDIDATE
