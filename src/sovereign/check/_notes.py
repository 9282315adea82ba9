"""What a reader of a record must know beside its faults: corrected, retracted, an outdated source, the owner's hand."""

from __future__ import annotations

from collections.abc import Iterator

from sovereign.judge import hand_since, source_notices
from sovereign.records import EventType, Evidence

from ._case import Case

_MOST = 200
_SAID = {EventType.CORRECTED: "corrected", EventType.RETRACTED: "retracted"}


def notes(case: Case) -> Iterator[str]:
    """Corrections and retractions, then what holds of the newest version and of the one that was published last."""
    for event in case.events:
        if event.type in _SAID:
            yield f"v{event.version}: {_SAID[event.type]} by its owner at {event.at}: {_short(event.note)}"
    public = [event.version for event in case.events if event.type in (EventType.APPROVED, EventType.CORRECTED)]
    for number in sorted({max(case.versions, default=0), *public[-1:]}):
        version = case.versions.get(number)
        if version is not None and version.record is not None:
            evidence = version.record.evidence()
            yield from (f"v{number}: {told}" for told in (*_sources(case, evidence), *_hand(case, evidence)))


def _sources(case: Case, evidence: Evidence) -> Iterator[str]:
    for notice in source_notices(evidence, case.events):
        said = notice.details
        when = f" ({said.date})" if said.date else ""
        rests = "the answer rests on it" if notice.in_answer else "the answer does not rest on it"
        yield (
            f"the source {said.source} is {said.cause.value}{when}: {_short(said.what)}; {rests}, "
            f"{len(notice.claims)} claims quote it; read at {said.read_at}"
        )


def _hand(case: Case, evidence: Evidence) -> Iterator[str]:
    did = sum(applied.applied for applied in evidence.hand)
    if did:
        yield f"{did} entries of the owner's hand had a part in it"
    for mark in hand_since(evidence, case.events):
        entry = mark.details.entry
        about = entry.claim.id if entry.claim is not None else entry.source or "an earlier entry"
        yield f"since then the owner marked {about} as {entry.kind.value}: {_short(entry.note)}"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _MOST else plain[: _MOST - 1] + "…"
