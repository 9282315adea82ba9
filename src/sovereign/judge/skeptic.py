"""SKEPTIC: what makes the evidence weak or beside the question."""

from __future__ import annotations

from collections.abc import Callable

from sovereign.records import (
    Agreement,
    Check,
    CheckState,
    DiffersIn,
    Evidence,
    Grounding,
    SourceKind,
    TextLevel,
)

from .checks import share_check
from .counts import answer_claims, cell_claims
from .numbers import quantities
from .terms import speaks_of

Texts = Callable[[str], str | None]

_SCOPE = {DiffersIn.METRIC, DiffersIn.BENCHMARK, DiffersIn.SYSTEM}


def skeptic_checks(evidence: Evidence, texts: Texts) -> tuple[Check, ...]:
    """What is weak: no or off-subject evidence, missing systems, abstracts, notes, single sources, scope, gaps."""
    return (
        _no_evidence(evidence),
        _off_subject(evidence, texts),
        _missing_system(evidence),
        _abstract_only(evidence),
        _note_only(evidence),
        _single_source(evidence),
        _scope_mismatch(evidence),
        _number_without_span(evidence),
        _gaps_without_evidence(evidence),
    )


def _no_evidence(evidence: Evidence) -> Check:
    name = "no evidence"
    if not evidence.sources:
        return Check(name=name, state=CheckState.FAILED, points=10, reason="no source speaks of the question")
    if not evidence.claims:
        return Check(name=name, state=CheckState.FAILED, points=6, reason="no claim was drawn from the sources")
    return Check(name=name, state=CheckState.PASSED, points=0, reason="claims were drawn from sources")


def _off_subject(evidence: Evidence, texts: Texts) -> Check:
    name, groups = "off-subject source", evidence.provenance.subject_terms
    if not groups:
        return Check(name=name, state=CheckState.NOT_APPLICABLE, points=0, reason="the question has no subject terms")
    read = [(source, texts(source.sha256)) for source in evidence.sources if source.kind is not SourceKind.MEASUREMENT]
    if any(text is None for _, text in read):
        return Check(name=name, state=CheckState.NOT_RECOMPUTED, points=0, reason="a source's text is not here")
    owned = {system.casefold() for system in evidence.question.facets.system}
    off = [
        source.id
        for source, text in read
        if not speaks_of(text or "", groups) and not owned & {system.casefold() for system in source.systems}
    ]
    return share_check(
        name, off, len(read), 6, "every source speaks of the subject", "{n} of {of} sources do not speak of the subject"
    )


def _missing_system(evidence: Evidence) -> Check:
    missing = [system.name for system in evidence.missing_systems]
    return share_check(
        "missing named system",
        missing,
        len({*evidence.question.facets.system, *missing}),  # a model that a system is run on is named too
        3,
        "every system that the question names has a source of its own",
        "{n} of {of} named systems have no source of their own",
    )


def _abstract_only(evidence: Evidence) -> Check:
    works = [source for source in evidence.sources if source.kind is SourceKind.WORK]
    return share_check(
        "abstract only",
        [source.id for source in works if source.text_level is not TextLevel.FULL_TEXT],
        len(works),
        1,
        "every work was read in full",
        "{n} of {of} works were read as abstracts or less",
    )


def _note_only(evidence: Evidence) -> Check:
    cited = answer_claims(evidence)
    return share_check(
        "note only",
        [claim.id for claim in cited if claim.grounding is Grounding.REPORTED],
        len(cited),
        2,
        "no claim of the answer rests on a note alone",
        "{n} of {of} claims of the answer rest on a note, not on the work's own words",
    )


def _single_source(evidence: Evidence) -> Check:
    held = cell_claims(evidence)
    return share_check(
        "single source",
        [c.id for c in held if c.agreement is not Agreement.CORROBORATED or not c.agrees_with],
        len(held),
        2,
        "every claim in a cell is found in another source too",
        "{n} of {of} claims in cells have no second source that says the same",
    )


def _scope_mismatch(evidence: Evidence) -> Check:
    shown = [nearest for cell in evidence.cells for nearest in cell.nearest]
    wide = dict.fromkeys(nearest.claim for nearest in shown if set(nearest.differs_in) >= _SCOPE)
    return share_check(
        "scope mismatch",
        list(wide),
        len(dict.fromkeys(nearest.claim for nearest in shown)),
        1,
        "every nearest claim shares system, metric or benchmark with its gap",
        "{n} of {of} nearest claims share neither system, metric nor benchmark with their gap",
    )


def _number_without_span(evidence: Evidence) -> Check:
    bare = [
        claim.id
        for claim in evidence.claims
        if claim.facets.value is not None
        and not any(
            abs(quantity.value) == abs(claim.facets.value)
            for quote in claim.quotes
            for quantity in quantities(quote.text)
        )
        and not any(quote.pointer is not None for quote in claim.quotes)
    ]
    valued = sum(claim.facets.value is not None for claim in evidence.claims)
    return share_check(
        "number without span",
        bare,
        valued,
        4,
        "every number stands in its quote",
        "{n} of {of} numbers do not stand in their quotes",
    )


def _gaps_without_evidence(evidence: Evidence) -> Check:
    gaps = [cell for cell in evidence.cells if cell.gap]
    return share_check(
        "gap without nearest evidence",
        [cell.id for cell in gaps if not cell.nearest],
        len(gaps),
        3,
        "every gap shows the nearest evidence",
        "{n} of {of} gaps show no nearest evidence",
    )
