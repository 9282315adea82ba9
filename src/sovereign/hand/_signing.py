"""An entry signed into the ledger, then told on its record as an event: both, whoever is cut off between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sovereign.judge import in_force
from sovereign.judge.attested import details_of
from sovereign.judge.history import RETRACTED
from sovereign.records import BadInput, EventType, HandGiven, HandKind, Marked, NotFound, Record

from ._given import harmless

if TYPE_CHECKING:
    from sovereign.workspace import Workspace

Draft = Callable[[tuple[HandGiven, ...]], dict[str, Any]]


def put(
    workspace: Workspace,
    record: Record,
    kind: HandKind,
    note: str,
    draft: Draft,
    signed_over: Mapping[str, str],
    *,
    everywhere: bool = False,
    after: int | None = None,
) -> HandGiven:
    """Sign an entry into the ledger and tell it on the record. `draft` sees the entries that hold for the question."""
    if not note.strip():
        raise BadInput("an entry of the owner's hand says why", "give the reason")
    harmless(note, "the note")
    archive, key = workspace.archive(), workspace.key()
    with workspace.hand().writing() as ledger:
        if ledger.entries:
            _tell(workspace, ledger.entries[-1])
        if archive.state(record.id).standing == RETRACTED:
            raise BadInput(f"{record.id} is retracted: nothing more is marked on it", "ask its question anew")
        fields = {
            "kind": kind,
            "question": None if everywhere else record.question.text,
            "record": record.id,
            "version": record.version,
            "at": _now(),
            "note": note,
            **draft(in_force(ledger.entries, record.question.text)),
        }
        given, write = ledger.sign(fields, signed_over, key)
        _event(workspace, given, after=after, first=write)
    return given


def _tell(workspace: Workspace, given: HandGiven) -> None:
    """The event of an entry whose writer was cut off before it; nothing where it is there, or can be no more."""
    archive = workspace.archive()
    try:
        events = archive.events(given.entry.record)
        told = any(isinstance(one := details_of(event), Marked) and one.sha256 == given.sha256 for event in events)
        if not told and archive.state(given.entry.record).standing != RETRACTED:
            _event(workspace, given)
    except NotFound:
        return  # its record was removed: the ledger still has the entry


def _event(
    workspace: Workspace, given: HandGiven, *, after: int | None = None, first: Callable[[], None] | None = None
) -> None:
    """The entry as an event on its record; the record's pages are made again."""
    from sovereign.publish import publish_record

    archive, told = workspace.archive(), Marked(sha256=given.sha256, entry=given.entry)
    archive.append_event(
        given.entry.record, EventType.MARKED, key=workspace.key(), now=_now(), note=given.entry.note,
        details=told.to_json(), after=after, first=first,
    )  # fmt: skip
    publish_record(archive, given.entry.record, workspace.site_path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
