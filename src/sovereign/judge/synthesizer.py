"""SYNTHESIZER: does the answer follow from the cells, and does it say what it must?"""

from __future__ import annotations

from sovereign.records import (
    Agreement,
    AnswerStatus,
    Check,
    CheckState,
    Evidence,
    Grounding,
    SourceKind,
    TextLevel,
)

from .checks import fault_check, share_check
from .terms import mentions, name_key

NOT_MEASURED = "not measured"


def synthesizer_checks(evidence: Evidence) -> tuple[Check, ...]:
    """Status, facets, gaps, missing systems, uncited sentences, limitations."""
    return (
        _status_justified(evidence),
        _facets_covered(evidence),
        _gaps_stated(evidence),
        _missing_stated(evidence),
        _notes_named(evidence),
        _limitations_stated(evidence),
        _cells_filled(evidence),
    )


def status_of(evidence_cells: tuple[object, ...], filled: int, contested: bool, sources: int) -> AnswerStatus:
    """The one rule for the answer's status, from cells and sources."""
    if sources == 0 or not evidence_cells:
        return AnswerStatus.NO_EVIDENCE
    if filled == 0:
        return AnswerStatus.NOT_MEASURED
    if contested:
        return AnswerStatus.CONTESTED
    return AnswerStatus.ANSWERED if filled == len(evidence_cells) else AnswerStatus.PARTLY_ANSWERED


def _status_justified(evidence: Evidence) -> Check:
    held = {claim for cell in evidence.cells for claim in cell.claims}
    contested = any(c.agreement is Agreement.CONTESTED for c in evidence.claims if c.id in held)
    filled = sum(not cell.gap for cell in evidence.cells)
    due = status_of(evidence.cells, filled, contested, len(evidence.sources))
    said = evidence.answer.status
    faults = [] if said is due else [("answer", f"says {said.value}, the cells say {due.value}")]
    return fault_check("status justified", faults, 1, 8, f"{said.value} follows from the cells")


def _facets_covered(evidence: Evidence) -> Check:
    """Every system, metric and benchmark of the question is in some cell."""
    facets = evidence.question.facets
    asked = [("system", f) for f in facets.system] + [("metric", f) for f in facets.metric]
    asked += [("benchmark", f) for f in facets.benchmark]
    have = {
        (kind, name_key(getattr(cell.facets, kind) or ""))
        for cell in evidence.cells
        for kind in ("system", "metric", "benchmark")
    }
    missed = [f"{kind} {name}" for kind, name in asked if (kind, name_key(name)) not in have]
    return share_check(
        "facets covered", missed, len(asked), 4, "every facet has a cell", "{n} of {of} facets have no cell"
    )


def _gaps_stated(evidence: Evidence) -> Check:
    """Every gap is in a sentence that says so and names what the gap is about."""
    gaps = [cell for cell in evidence.cells if cell.gap]
    said = {
        cell
        for sentence in evidence.answer.sentences
        if NOT_MEASURED in sentence.text.casefold()
        for cell in sentence.cells
        if _names(sentence.text, cell, evidence)
    }
    silent = [cell.id for cell in gaps if cell.id not in said]
    return share_check("gaps stated", silent, len(gaps), 8, "every gap is stated", "{n} of {of} gaps are not stated")


def _names(text: str, cell_id: str, evidence: Evidence) -> bool:
    cell = next((cell for cell in evidence.cells if cell.id == cell_id), None)
    if cell is None:
        return False
    wanted = (cell.facets.system, cell.facets.metric, cell.facets.benchmark)
    return all(mentions(text, name) or name_key(name) in name_key(text) for name in wanted if name)


def _missing_stated(evidence: Evidence) -> Check:
    text = " ".join(sentence.text for sentence in evidence.answer.sentences)
    silent = [system.name for system in evidence.missing_systems if name_key(system.name) not in name_key(text)]
    return share_check(
        "missing systems stated",
        silent,
        len(evidence.missing_systems),
        5,
        "every missing system is named in the answer",
        "{n} of {of} missing systems are not named in the answer",
    )


def _notes_named(evidence: Evidence) -> Check:
    """A sentence that rests on a note says that it is a note."""
    reported = {claim.id for claim in evidence.claims if claim.grounding is Grounding.REPORTED}
    resting = [s for s in evidence.answer.sentences if reported & set(s.claims)]
    silent = [s.text[:60] for s in resting if not mentions(s.text, "note")]
    return share_check(
        "notes named",
        silent,
        len(resting),
        5,
        "every note is called a note",
        "{n} of {of} do not say that it is a note",
    )


def _limitations_stated(evidence: Evidence) -> Check:
    """What must be among the limitations, given what was read."""
    text = " ".join(evidence.limitations).casefold()
    due = []
    works = [source for source in evidence.sources if source.kind is SourceKind.WORK]
    if any(work.text_level is not TextLevel.FULL_TEXT for work in works):
        due.append("abstract")
    if any(source.kind is SourceKind.NOTE for source in evidence.sources):
        due.append("note")
    if evidence.provenance.stance_model is None and evidence.claims:
        due.append("stance")
    missing = [word for word in due if word not in text]
    return share_check(
        "limitations stated", missing, len(due), 3, "the limitations say how it was read", "{n} of {of} are not stated"
    )


def _cells_filled(evidence: Evidence) -> Check:
    """An honest gap is no fault, but an answer with gaps is worth less than one without."""
    gaps = [cell.id for cell in evidence.cells if cell.gap]
    if evidence.cells and not evidence.claims:
        return Check(
            name="cells filled", state=CheckState.FAILED, points=8, reason="no claim stands in or beside a cell"
        )
    if not evidence.cells:
        return Check(name="cells filled", state=CheckState.FAILED, points=8, reason="there are no cells")
    return share_check(
        "cells filled", gaps, len(evidence.cells), 2, "every cell holds a claim", "{n} of {of} cells are gaps"
    )
