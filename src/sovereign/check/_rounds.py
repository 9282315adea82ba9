"""The rounds that a record says it was made in, against its searches, its judgement and its policy."""

from __future__ import annotations

from collections import Counter

from sovereign.judge import why_stop
from sovereign.records import Record, StopReason
from sovereign.records.layout import RECORD_FILE

from ._case import Case

_LIBRARY = "library"


def rounds(case: Case) -> None:
    """Rounds follow from searches and judgement, and the policy gives why they ended; no round came after an end."""
    for version in case.versions.values():
        record = version.record
        if record is None or record.revision is None or not version.same_rules:
            continue
        for at, what in _faults(record):
            case.fault(version.where(RECORD_FILE, f"revision.{at}"), what)


def _faults(record: Record) -> list[tuple[str, str]]:
    assert record.revision is not None
    held, rules = record.revision.rounds, record.provenance.policy
    found: list[tuple[str, str]] = []
    if [one.number for one in held] != list(range(len(held))):
        return [("rounds", "are not numbered from 0 without a gap")]
    asked = Counter(search.round for search in record.searches if search.connector == _LIBRARY)
    for one in held:
        if asked[one.number] != one.queries:
            what = f"says {one.queries}; {asked[one.number]} searches are of it"
            found.append((f"rounds[{one.number}].queries", what))
    if max(asked, default=0) > held[-1].number:
        found.append(("rounds", f"end at {held[-1].number}; a search is of round {max(asked)}"))
    last, filled = held[-1], sum(not cell.gap for cell in record.cells)
    due = {
        "sources": (last.sources, len(record.sources)),
        "filled": (last.filled, filled),
        "score": (last.score, record.tribunal.score),
        "verdict": (last.verdict, record.tribunal.verdict),
    }
    found += [
        (f"rounds[{last.number}].{name}", f"says {said}; the record has {is_}")
        for name, (said, is_) in due.items()
        if said != is_
    ]
    for number in range(1, len(held)):
        ended = why_stop(held[:number], rules)
        if ended is not None:
            found.append((f"rounds[{number}]", f"came after an end: {ended.value}"))
    ended = why_stop(held, rules)
    if record.revision.stopped is not (ended or StopReason.NOTHING_LEFT):
        said = record.revision.stopped.value
        found.append(("stopped", f"says {said}; the rounds give {(ended or StopReason.NOTHING_LEFT).value}"))
    return found
