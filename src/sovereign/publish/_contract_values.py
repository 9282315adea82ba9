"""The values of the contracts, from a record, its state and its events."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sovereign.judge import LEVELS, TIER_BASIS, claim_level, firm_claims
from sovereign.records import (
    DimensionLevel,
    Event,
    EventType,
    GateStatus,
    Grounding,
    QualityTier,
    Record,
    State,
)
from sovereign.records.event import CORRECTION_TYPES

from . import _words as words
from . import contracts as con
from ._place import Place

UPDATED = "2026-11-23"
_VERSION = "1.0"
GATE_MEANING = {
    GateStatus.VERIFIED: "every claim that the answer rests on was reproduced, by packs that ask what its cell asks",
    GateStatus.FALSIFIED: "a claim that the answer rests on was refuted by such a pack",
    GateStatus.UNVERIFIED: "no attached artifact settles the claims that the answer rests on",
}
PROVENANCE_LADDER = (
    ("none", "Nothing public", "nothing of the record's sources can be inspected"),
    ("metadata", "Metadata record", "the sources are named"),
    ("artifact", "Public artifact record", "the record itself can be fetched"),
    ("aggregate", "Claim aggregate record", "claims are counted, without a record of each"),
    ("claim", "Per-claim record", "each claim is public with its source and the place of its words"),
    ("text", "Per-claim record with texts", "each claim is public, and the text behind it is held by digest"),
)


def contract_values(
    record: Record,
    state: State,
    events: Sequence[Event],
    place: Place,
    paged: Sequence[int],
    has_text: Callable[[str], bool],
) -> dict[str, con.Contract]:
    """All contracts of a version by name.

    Args:
        place: where the version's page lies.
        paged: the versions that have a page, this one among them.
        has_text: whether the text of that digest can be inspected with the record.
    """
    at = place.at
    made = {
        "correction-record-v1": _corrections(record, state, events, place, paged),
        "source-provenance-v1": _provenance(record, state, has_text),
        "gate-verdict-v1": _gate(record, events),
        "verification-levels-v1": _levels(record, at),
        "quality-tiers-v1": _tiers(record),
        "quality-dimensions-v1": _dimensions(record),
    }
    return {"paper-manifest-v1.1": _manifest(record, state, at), **made}


def correction_events(record_id: str, events: Sequence[Event]) -> tuple[con.CorrectionEvent, ...]:
    """The corrections and retractions of a record, oldest first."""
    return tuple(
        con.CorrectionEvent(
            event_id=f"{record_id}/events/{event.number}",
            corrected_at=event.at,
            correction_type=_type(event),
            public_note=event.note or "no note was given",
            affected_fields=tuple(str(name) for name in event.details.get("affected_fields", ())),
        )
        for event in events
        if event.type in (EventType.CORRECTED, EventType.RETRACTED)
    )


def _type(event: Event) -> str:
    stated = str(event.details.get("correction_type", "")).upper()
    if stated in CORRECTION_TYPES:
        return stated
    return "CLAIM" if event.type is EventType.RETRACTED else "QUALITY_ASSESSMENT"


def _head(record: Record, name: str, version: str = _VERSION) -> dict[str, Any]:
    return {"schema": name, "contract_version": version, "work": record.id, "version": record.version}


def _corrections(
    record: Record, state: State, events: Sequence[Event], place: Place, paged: Sequence[int]
) -> con.CorrectionRecord:
    found = correction_events(record.id, events)
    standing = "SUPERSEDED" if state.standing == "retracted" or state.version != record.version else "CORRECTED"
    return con.CorrectionRecord(
        **_head(record, "correction-record-v1"),
        manifest=con.ManifestPointer.model_validate(
            {
                "schema": "paper-manifest-v1.1",
                "contract_version": "1.1",
                "contract_updated": UPDATED,
                "current_manifest_url": place.address(place.newest, "manifest.json"),
                "correction_record_url": place.at("corrections.json"),
            }
        ),
        correction_state=standing if found or state.version != record.version else "CURRENT",
        correction_count=len(found),
        last_corrected_at=found[-1].corrected_at if found else None,
        correction_events=found,
        known_superseded_manifest_urls=tuple(
            place.address(version, "manifest.json") for version in paged if version != place.newest
        ),
        policy=con.CorrectionPolicy(
            corrections_are_additive=True, no_silent_public_rewrites=True, private_operational_logs_public=True,
            basis="each correction is a signed event in a hash chain; versions are immutable; the audit rows of the "
            "run are part of the record",
        ),
        interpretation="A retraction is told here as well. A reproduction that made a new version is no correction.",
        limitations=("offline nobody can tell whether a later event exists",),
    )  # fmt: skip


def _provenance(record: Record, state: State, has_text: Callable[[str], bool]) -> con.SourceProvenance:
    quoted = [quote.source for claim in record.claims for quote in claim.quotes]
    texts = all(has_text(source.sha256) for source in record.sources)
    level = (5 if texts else 4) if record.claims else 2 if record.sources else 1
    return con.SourceProvenance(
        **_head(record, "source-provenance-v1"),
        provenance_level=level,
        provenance_label=PROVENANCE_LADDER[level][1],
        ladder=tuple(
            con.Rung(level=at, key=key, label=label, meaning=meaning)
            for at, (key, label, meaning) in enumerate(PROVENANCE_LADDER)
        ),
        basis=f"{words.plural(len(record.claims), 'claim')} with source and span; texts of all sources "
        f"{'are' if texts else 'are not'} held with the record",
        artifact_inspectability="record, claims, quotes, searches and judgement are public; full texts of works are "
        "shown around the quotes only",
        external_record="not registered",
        claim_lineage=f"{words.plural(len(record.claims), 'claim')}, each with the source and the place of its words",
        source_list_boundary="every source that was kept is listed; those that were dropped are named in the record "
        "with the rule that dropped them",
        sources=tuple(
            con.SourceEntry(
                id=source.id, title=source.title, kind=source.kind.value,
                text_level=source.text_level.value if source.text_level else None, sha256=source.sha256,
                address=source.address, claims=quoted.count(source.id),
            )
            for source in record.sources
        ),
        limitations=(f"the record is {state.standing}", "it says what can be inspected, not whether that is true"),
    )  # fmt: skip


def _gate(record: Record, events: Sequence[Event]) -> con.GateVerdictContract:
    verdict = record.gate_verdict
    ran = [event.at for event in events if event.type is EventType.REPRODUCED and event.version <= record.version]
    return con.GateVerdictContract(
        **_head(record, "gate-verdict-v1"),
        status=verdict.status.value,
        label=verdict.status.value.capitalize(),
        definition=GATE_MEANING[verdict.status],
        reason=verdict.reason,
        evaluated_at=ran[-1] if ran else None,
        gate="Gate 2: reproduction in a sandbox within tolerances fixed beforehand, or a type-checked proof",
        enforcement="computed from attached artifacts alone; score, level and counts have no part in it",
        artifacts=tuple(run.results_sha256 for run in record.reproductions),
    )


def _levels(record: Record, at: Callable[[str], str]) -> con.VerificationLevels:
    level = record.verification_level
    reached = {claim.id: claim_level(claim, record) for claim in record.claims}
    claims = tuple(f"{at('index.html')}#{claim.id}" for claim in record.claims)
    return con.VerificationLevels(
        **_head(record, "verification-levels-v1"),
        paper_level=level,
        paper_level_key=_key(LEVELS[level]),
        paper_level_label=LEVELS[level],
        basis=words.LEVELS[level][1],
        generated_from="the lowest level among the claims that the answer cites",
        claim_summary=con.ClaimSummary(
            source_grounded_claims=sum(claim.grounding is Grounding.QUOTED for claim in record.claims),
            aggregate_claim_records=0,
            claim_record_source="the record's own claims",
            per_claim_public_records=claims,
            per_claim_public_record_count=len(claims),
            cross_source_corroborated_claims=record.counts.corroborated,
            artifact_inspected_claims=sum(value == 4 for value in reached.values()),
            sandbox_executed_claims=sum(value == 5 for value in reached.values()),
            independently_reproduced_claims=sum(value == 6 for value in reached.values()),
            externally_reviewed_or_formally_verified_claims=sum(value == 7 for value in reached.values()),
        ),
        artifact_types=_artifact_types(record),
        levels=tuple(
            con.Rung(level=number, key=_key(label), label=label, meaning=meaning)
            for number, (label, meaning) in enumerate(words.LEVELS)
        ),
        unsupported_upper_levels=tuple(
            number for number in range(level + 1, len(LEVELS)) if number not in reached.values()
        ),
        enforcement="`sovereign check` computes it again from the stored record",
        limitations=("a level says how a claim stands in sources and runs, not that it is true",),
    )


def _tiers(record: Record) -> con.QualityTiers:
    rules = record.provenance.policy
    rows = (
        (QualityTier.FLAGSHIP_CANDIDATE, rules.flagship_score, rules.flagship_claims),
        (QualityTier.DOI_GRADE, rules.doi_score, rules.doi_claims),
        (QualityTier.PUBLIC_RECORD, rules.public_score, rules.public_claims),
        (QualityTier.WATCHLIST, rules.public_score, 0),
        (QualityTier.QUARANTINE_CANDIDATE, 0.0, 0),
    )
    return con.QualityTiers(
        **_head(record, "quality-tiers-v1"),
        tier=record.quality_tier.value,
        basis=TIER_BASIS[record.quality_tier],
        generated_from="tribunal score, first-hand claims in cells, reproducibility; the thresholds are the policy's",
        inputs=con.TierInputs(
            review_score=record.tribunal.score,
            verified_claim_count=len(firm_claims(record)),
            artifact_types=_artifact_types(record),
            reproducibility_level=record.quality_dimensions["reproducibility_status"].level.value,
        ),
        thresholds=tuple(
            con.Threshold(tier=tier.value, review_score=score, claims=claims, rule=TIER_BASIS[tier])
            for tier, score, claims in rows
        ),
        enforcement="the first tier whose thresholds are all reached; a flagship also needs reproducibility "
        f"{DimensionLevel.HIGH.value}",
        limitations=("`verified_claim_count` keeps an older contract's name: it counts first-hand claims in cells",),
    )


def _dimensions(record: Record) -> con.QualityDimensions:
    return con.QualityDimensions(
        **_head(record, "quality-dimensions-v1"),
        dimensions={
            name: con.QualityDimension(
                score=found.score, level=found.level.value, basis=found.basis, definition=found.definition
            )
            for name, found in record.quality_dimensions.items()
        },
        generated_from="shares counted from the record, times ten",
        limitations=("a dimension without a rule stays UNASSESSED",),
    )


def _manifest(record: Record, state: State, at: Callable[[str], str]) -> con.PaperManifest:
    return con.PaperManifest(
        **_head(record, "paper-manifest-v1.1", "1.1"),
        title=record.question.text,
        question=record.question.text,
        answer_status=record.answer.status.value,
        created_at=record.times.created_at,
        body_digest=record.body_digest,
        library_digest=record.library_digest,
        standing=state.standing,
        publisher="the owner of the key that signed its events",
        authors=(f"Sovereign {record.provenance.code_version}, a program",),
        artifacts=(
            con.Artifact(type="page", label="The record as a page", url=at("index.html")),
            con.Artifact(type="record", label="The page as JSON, with the whole record", url=at("index.json")),
        ),
        contracts={name: at(file) for name, (_, file) in con.CONTRACTS.items()},
        quality={
            "tribunal": record.tribunal.score,
            "verdict": record.tribunal.verdict.value,
            "policy": record.decision.policy.value,
            "tier": record.quality_tier.value,
            "level": record.verification_level,
            "gate": record.gate_verdict.status.value,
        },
        limitations=record.limitations,
    )


def _artifact_types(record: Record) -> tuple[str, ...]:
    return ("pack", "results", "attestation") if record.reproductions else ()


def _key(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
