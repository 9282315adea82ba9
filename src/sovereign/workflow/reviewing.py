"""The owner's decision on a record: a signed event on top of it, and its pages made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sovereign.records import EventType, State, record_id_of

from .finishing import now, publish

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


def review(
    workspace: Workspace,
    record_id: str,
    verdict: EventType,
    note: str = "",
    by: str = "",
    details: dict[str, object] | None = None,
    after: int | None = None,
) -> State:
    """Sign the owner's decision (approved, rejected, corrected, retracted) on a record and make its pages again.

    `after` is how many events the owner has seen: with it, a decision on what has changed since is refused.
    """
    archive = workspace.archive()
    state = archive.state(record_id_of(record_id))
    told = {**(details or {}), **({"reviewer": by} if by else {})}
    archive.append_event(
        state.record, verdict, key=workspace.key(), now=now(), note=note, details=told, version=state.version,
        after=after,
    )  # fmt: skip
    publish(workspace, state.record)
    return archive.state(state.record)
