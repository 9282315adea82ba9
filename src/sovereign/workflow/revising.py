"""Send a record back with a remark: its next version, for which the remark's terms are searched for too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sovereign.inquiry.remark import MOST_REMARKS, clean_remark
from sovereign.records import BadInput, Record, State

from .finishing import Progress, go_on, must_be_ours, silent

if TYPE_CHECKING:
    from sovereign.workspace import Workspace

#: The purpose of a run that takes a remark in.
REVISE = "revise"
_CLOSED = "retracted"


def begin_revision(workspace: Workspace, record_id: str, remark: str, *, after: int | None = None) -> str:
    """Put a run into the journal that revises a record by a remark, and give its id; `resume` carries it out.

    The run is there before any work is done, so a kill leaves one that can be gone on with, and of two owners at once
    one is told. Remarks of earlier versions stay in force.

    Args:
        after: how many events the owner has seen; an error if others have come since.

    Raises:
        NotFound: there is no such record.
        BadInput: the remark cannot be used, the record was made by another method or is retracted, or has changed.
        Busy: a run for its next version is under way or waits to be gone on with.
    """
    remark = clean_remark(remark)

    def details(earlier: tuple[str, ...]) -> dict[str, Any]:
        return {"remark": remark, "remarks": list(dict.fromkeys((*earlier, remark)))[-MOST_REMARKS:]}

    return _begin(workspace, record_id, REVISE, details, after)


def begin_again(workspace: Workspace, record_id: str, *, after: int | None = None) -> str:
    """Put a run into the journal that asks a record's question again, and give its id; as `begin_revision` does."""

    def details(earlier: tuple[str, ...]) -> dict[str, Any]:
        return {"remarks": list(earlier)} if earlier else {}

    return _begin(workspace, record_id, "again", details, after)


def _begin(
    workspace: Workspace,
    record_id: str,
    purpose: str,
    details: Callable[[tuple[str, ...]], dict[str, Any]],
    after: int | None,
) -> str:
    """A run for the next version of a record, in the journal and not begun. `details` sees the remarks in force."""
    archive = workspace.archive()
    state = archive.state(record_id)
    record = archive.load(state.record)
    must_be_ours(record)
    _may_be_revised(state, after)
    workspace.policy(), workspace.key()  # what is wrong with them must show before a run exists
    given = details(record.revision.remarks if record.revision else ())
    with workspace.journal() as journal:
        question, version = record.question.text, state.version + 1
        with journal.start(
            question, purpose=purpose, record=state.record, version=version, details=given, alone=True
        ) as run:
            return run.id


def revise(
    workspace: Workspace, record_id: str, remark: str, *, after: int | None = None, progress: Progress = silent
) -> Record:
    """Revise a record by a remark, as `begin_revision`, and carry it out. Raises Interrupted too."""
    run_id = begin_revision(workspace, record_id, remark, after=after)
    with workspace.journal() as journal:
        return go_on(workspace, journal, journal.show(run_id), progress)


def _may_be_revised(state: State, after: int | None) -> None:
    if after is not None and after != state.events:
        raise BadInput("the record has changed while you looked at it", "look at it again")
    if state.standing == _CLOSED:
        raise BadInput(f"{state.record} is retracted: nothing is revised", "ask its question anew")
