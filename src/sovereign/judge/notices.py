"""What holds of a version from what was said after it was made: outdated sources, marks of the owner's hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sovereign.records import Event, Evidence, HandKind, Marked, SourceCause, SourceOutdated

from .attested import details_of
from .counts import answer_claims

#: Causes that are of one text of a source; the others are of the source, whatever text of it was read.
OF_ONE_TEXT = frozenset({SourceCause.CHANGED, SourceCause.GONE})


class SourceNotice(NamedTuple):
    """A source of the version that is not what it was: the event that says so, and the claims that quote it."""

    event: Event
    details: SourceOutdated
    claims: tuple[str, ...]
    in_answer: bool


class HandNotice(NamedTuple):
    """A mark that the owner made and that the version was made without."""

    event: Event
    details: Marked


def source_notices(evidence: Evidence, events: Sequence[Event]) -> tuple[SourceNotice, ...]:
    """What events say of a version's sources and no later event took back, in the order of the events.

    An event at any version speaks of each version that read the source; one on a text that changed or is gone, of those
    that read that text. A cause that is told again is told once, as it was told last.
    """
    read = {source.id: source.sha256 for source in evidence.sources}
    answered = {claim.id for claim in answer_claims(evidence)}
    held: dict[tuple[str, SourceCause], SourceNotice] = {}
    for event in events:
        details = details_of(event)
        if not isinstance(details, SourceOutdated) or details.source not in read:
            continue
        if details.cause is SourceCause.RESTORED:
            for cause in details.takes_back:
                held.pop((details.source, cause), None)
        elif details.cause not in OF_ONE_TEXT or details.sha256 == read[details.source]:
            claims = quoting(evidence, details.source)
            held.pop((details.source, details.cause), None)
            notice = SourceNotice(event, details, claims, in_answer=bool(answered & set(claims)))
            held[details.source, details.cause] = notice
    return tuple(held.values())


def quoting(evidence: Evidence, source: str) -> tuple[str, ...]:
    """The claims that quote a source."""
    return tuple(claim.id for claim in evidence.claims if any(quote.source == source for quote in claim.quotes))


def hand_since(evidence: Evidence, events: Sequence[Event]) -> tuple[HandNotice, ...]:
    """What the owner's hand has marked on a record and the version does not carry, those taken back left out.

    That a mark was taken back which the version does carry is such a notice too: another run would come out otherwise.
    """
    carried = {applied.sha256 for applied in evidence.hand}
    marks = []
    for event in events:
        details = details_of(event)
        if isinstance(details, Marked):
            marks.append(HandNotice(event, details))
    taken_back = {mark.details.entry.withdraws for mark in marks}
    found = []
    for mark in marks:
        entry = mark.details.entry
        if entry.kind is HandKind.WITHDRAWN:
            due = entry.withdraws in carried
        else:
            due = mark.details.sha256 not in carried | taken_back
        if due:
            found.append(mark)
    return tuple(found)
