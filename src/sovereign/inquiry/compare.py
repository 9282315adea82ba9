"""Compare: look across sources and across our own runs. Same number, other number, other scope; never stance by words.

Without a stance model nothing here says that a passage supports or refutes another: agreement is read only where two
independent sources give a number for the same facets, and everything else stays `not_assessed`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import defaultdict
from typing import Any

from sovereign.judge import name_key, reproduction_status
from sovereign.judge.outcomes import measured_claim, outcomes, pack_digest, settled_claims
from sovereign.judge.repeats import pack_changes
from sovereign.records import (
    Agreement,
    Claim,
    ClaimOutcome,
    EarlierRun,
    PackSpec,
    Reproduction,
    Source,
    SourceKind,
)

from .documents import Compared, Extracted, LibraryPort, Reading

#: Two readings of one number: equal to the rounding of the coarser one.
_SAME = 0.005


def compare(reading: Reading, extracted: Extracted, library: LibraryPort) -> Compared:
    """Agreement between independent sources, and what attached runs settle."""
    sources = {item.source.id: item.source for item in reading.sources}
    claims = _with_agreement(extracted, sources, _shared_names(extracted, sources))
    reproductions = tuple(
        _reproduction(source, claims, library) for source in sources.values() if source.kind is SourceKind.MEASUREMENT
    )
    marked = tuple(
        claim.model_copy(update={"reproduction": reproduction_status(claim, reproductions)}) for claim in claims
    )
    return Compared(claims=marked, reproductions=reproductions)


def _shared_names(extracted: Extracted, sources: dict[str, Source]) -> frozenset[str]:
    """Names that systems of different works go by: a figure of one never speaks for the other."""
    first_hand = set(extracted.first_hand)
    works: dict[str, set[str]] = defaultdict(set)
    for claim in extracted.claims:
        if claim.id in first_hand and claim.facets.system:
            source = sources[claim.quotes[0].source]
            works[name_key(claim.facets.system)].add(source.about or source.id)
    return frozenset(name for name, roots in works.items() if len(roots) > 1)


def _with_agreement(
    extracted: Extracted, sources: dict[str, Source], shared_names: frozenset[str]
) -> tuple[Claim, ...]:
    claims, first_hand = extracted.claims, set(extracted.first_hand)
    groups: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
    for claim in claims:
        facets = claim.facets
        if facets.value is None or not facets.system or not facets.metric or claim.stated_negative:
            continue
        if name_key(facets.system) in shared_names:
            continue
        if len(claim.quotes) > 1 and claim.id not in first_hand:
            continue  # a table's row on another's system is often that work's figure copied, and no second witness
        key = (
            name_key(facets.system),
            name_key(facets.baseline or ""),
            facets.metric,
            facets.unit,
            name_key(facets.benchmark or ""),
            facets.direction,
            tuple(sorted(name_key(condition) for condition in facets.condition)),
        )
        groups[key].append(claim)
    found: dict[str, tuple[Agreement, tuple[str, ...]]] = {}
    for group in groups.values():
        for claim in group:
            others = [other for other in group if _independent(claim, other, sources)]
            same = tuple(other.id for other in others if _same_number(claim, other))
            if same:
                found[claim.id] = (Agreement.CORROBORATED, same)
            elif others and claim.facets.benchmark and claim.facets.condition:
                found[claim.id] = (Agreement.CONTESTED, tuple(other.id for other in others))
    return tuple(
        claim.model_copy(update={"agreement": found[claim.id][0], "agrees_with": found[claim.id][1]})
        if claim.id in found
        else claim
        for claim in claims
    )


def _same_number(one: Claim, other: Claim) -> bool:
    a, b = abs(one.facets.value or 0.0), abs(other.facets.value or 0.0)
    return abs(a - b) <= _SAME * max(a, b, 1e-12)


def _independent(one: Claim, other: Claim, sources: dict[str, Source]) -> bool:
    """Two works, or a note and a work that it is not on. A note and its own work are one witness."""
    a, b = sources[one.quotes[0].source], sources[other.quotes[0].source]
    roots = {a.about or a.id, b.about or b.id}
    works = SourceKind.WORK in (a.kind, b.kind)
    return len(roots) == 2 and works and SourceKind.MEASUREMENT not in (a.kind, b.kind)


def _reproduction(source: Source, claims: tuple[Claim, ...], library: LibraryPort) -> Reproduction:
    """The run behind a measurement, with the record's claims that each of its outcomes settles."""
    meta = library.get(source.id).meta
    spec = PackSpec.model_validate(meta["pack"])
    stored = tuple(ClaimOutcome.model_validate(outcome) for outcome in meta["outcomes"])
    found = (
        outcome.model_copy(
            update={
                "record_claims": settled_claims(spec, outcome, claims),
                "measured_claim": measured_claim(spec, outcome, claims),
            }
        )
        for outcome in stored
    )
    return Reproduction(
        pack=meta["pack"]["name"],
        pack_digest=meta["pack_digest"],
        results_sha256=source.sha256,
        source=source.id,
        isolation=meta["isolation"],
        runs=max(1, len(meta.get("runs", ()))),
        outcomes=tuple(found),
        earlier=tuple(_earlier(one, meta["files"]) for one in meta.get("earlier", ())),
    )


def naming_only(kept: set[str], reproductions: tuple[Reproduction, ...]) -> tuple[Reproduction, ...]:
    """Runs whose outcomes name no claim of their own that the record does not keep."""

    def without(outcome: ClaimOutcome) -> ClaimOutcome:
        named = outcome.measured_claim
        return outcome if named is None or named in kept else outcome.model_copy(update={"measured_claim": None})

    return tuple(run.model_copy(update={"outcomes": tuple(map(without, run.outcomes))}) for run in reproductions)


def _earlier(one: dict[str, Any], now: dict[str, str]) -> EarlierRun:
    """A run of a pack that was changed since: what changed, and what its claims came to by its own tolerances."""
    before = {name: text.encode("utf-8") for name, text in one["files"].items()}
    spec = PackSpec.model_validate(tomllib.loads(one["files"]["pack.toml"]))
    compared = outcomes(spec, json.loads(one["results"]))
    return EarlierRun(
        pack_digest=pack_digest(before),
        results_sha256=hashlib.sha256(one["results"].encode("utf-8")).hexdigest(),
        version=spec.version,
        changed=pack_changes(before, {name: text.encode("utf-8") for name, text in now.items()}),
        outcomes={outcome.pack_claim: outcome.outcome for outcome in compared},
    )
