"""What became known of a version after it was made, and what its owner's hand did in it, as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sovereign.judge import SourceNotice, hand_since, source_notices
from sovereign.records import Event, HandEntry, HandKind, Record, SourceCause

CAUSE = {
    SourceCause.RETRACTED: "Retracted source",
    SourceCause.CONCERN: "Source with an expression of concern",
    SourceCause.CORRECTED: "Corrected source",
    SourceCause.CHANGED: "Changed source",
    SourceCause.GONE: "Source that is gone",
    SourceCause.RESTORED: "Restored source",
}
HAND = {
    HandKind.WRONG: "marked a claim as wrong",
    HandKind.ADDED: "added a claim",
    HandKind.FACETS: "mended what was read in a claim",
    HandKind.PINNED: "pinned a source",
    HandKind.BANNED: "banned a source",
    HandKind.WITHDRAWN: "took an entry back",
}


@dataclass(frozen=True)
class HandView:
    """An entry of the owner's hand in words: what it did, on what, why, and what came of it in this version."""

    did: str
    about: str
    note: str
    at: str
    outcome: str
    claims: tuple[str, ...]


def notices(record: Record, events: Sequence[Event]) -> tuple[SourceNotice, ...]:
    """What holds now of the version's sources, those that the answer rests on first."""
    return tuple(sorted(source_notices(record, events), key=lambda notice: not notice.in_answer))


def notice_json(notice: SourceNotice) -> dict[str, Any]:
    """A notice as it stands in the JSON twin."""
    details = notice.details.to_json()
    return {
        **{name: details[name] for name in ("source", "cause", "what", "read_at", "doi", "date")},
        "event": notice.event.number,
        "signed_at": notice.event.at,
        "claims": list(notice.claims),
        "in_answer": notice.in_answer,
    }


def applied(record: Record) -> list[HandView]:
    """The entries of the owner's hand that were in force when the version was made."""
    return [
        _view(given.entry, given.outcome, tuple(given.claims), done="" if given.applied else "; it did nothing")
        for given in record.hand
    ]


def since(record: Record, events: Sequence[Event]) -> list[HandView]:
    """What the owner's hand has marked since: the version was made without it."""
    return [_view(mark.details.entry, "taken in by the next version", ()) for mark in hand_since(record, events)]


def _view(entry: HandEntry, outcome: str, claims: tuple[str, ...], done: str = "") -> HandView:
    words = entry.claim.text if entry.claim else entry.quote.text if entry.quote else ""
    about = f"{entry.source or ''}{': ' if entry.source and words else ''}{words}"
    return HandView(HAND[entry.kind] + done, about, entry.note, entry.at, outcome, claims)
