"""The entries of the owner's hand as a list: what each is about, whether it holds, what a record made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sovereign.judge import plain
from sovereign.records import Document, HandGiven, HandKind

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


class HandLine(Document):
    """An entry as a list shows it: whether it holds, and what the record that was asked for made of it."""

    sha256: str
    number: int
    kind: HandKind
    at: str
    about: str
    question: str | None
    record: str
    note: str
    withdrawn_by: int | None
    outcome: str


def listed(workspace: Workspace, record_id: str | None = None) -> tuple[HandLine, ...]:
    """All entries in their order; with a record those for its question, and what its newest version made of each."""
    entries = workspace.hand().entries()
    taken_back = {one.entry.withdraws: one.entry.number for one in entries if one.entry.withdraws}
    record = None if record_id is None else workspace.archive().load(record_id)
    came = {} if record is None else {one.sha256: one.outcome for one in record.hand}
    found = []
    for given in entries:
        entry = given.entry
        if record is not None and entry.question not in (None, record.question.text):
            continue
        outcome = came.get(given.sha256, "" if record is None else "made since")
        found.append(
            HandLine(
                sha256=given.sha256, number=entry.number, kind=entry.kind, at=entry.at, about=about(given),
                question=entry.question, record=entry.record, note=entry.note,
                withdrawn_by=taken_back.get(given.sha256), outcome=outcome,
            )
        )  # fmt: skip
    return tuple(found)


def about(given: HandGiven) -> str:
    """What an entry is about, in a line."""
    entry = given.entry
    if entry.claim is not None:
        told = ", ".join(f"{name} {_written(getattr(entry.facets, name))}" for name in entry.changed)
        return f"{entry.claim.id} of {entry.source}{': ' + told if told else ''}: {entry.claim.text}"
    if entry.quote is not None:
        return f"{entry.source}: {plain(entry.quote.text)}"
    return entry.source or f"entry {(entry.withdraws or '')[:12]}"


def _written(value: object) -> str:
    return "; ".join(value) if isinstance(value, tuple) else str(value or "not stated")
