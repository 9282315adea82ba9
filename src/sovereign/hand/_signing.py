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
        archive.must_be_as_written(record.id)
        state = archive.state(record.id)
        if state.standing == RETRACTED:
            raise BadInput(f"{record.id} is retracted: nothing more is marked on it", "ask its question anew")
        if after is not None and state.events != after:
            raise BadInput("somebody else has changed it while you looked at it", "look at it again")
        fields = {
            "kind": kind,
            "question": None if everywhere else record.question.text,
            "record": record.id,
            "version": record.version,
            "at": _now(),
            "note": note,
            **draft(in_force(ledger.entries, record.question.text)),
        }
        given = ledger.add(fields, signed_over, key)
        _tell(workspace, given)
    return given


def _tell(workspace: Workspace, given: HandGiven) -> None:
    """The event of an entry on its record, once; its pages are made again."""
    from sovereign.publish import publish_record

    archive = workspace.archive()
    try:
        events = archive.events(given.entry.record)
        if any(isinstance(one := details_of(event), Marked) and one.sha256 == given.sha256 for event in events):
            return
        if archive.state(given.entry.record).standing == RETRACTED:
            return
    except NotFound:
        return  # its record was removed: the ledger still has the entry
    told = Marked(sha256=given.sha256, entry=given.entry)
    archive.append_event(
        given.entry.record, EventType.MARKED, key=workspace.key(), now=_now(), note=given.entry.note,
        details=told.to_json(),
    )  # fmt: skip
    publish_record(archive, given.entry.record, workspace.site_path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
