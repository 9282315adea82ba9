"""Working off the agenda: one question after another until it is empty or the sitting's budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sovereign.records import Busy, Document, Interrupted, SovereignError, StorageError
from sovereign.workflow import ask

from .store import Agenda

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


class Sitting(Document):
    """What one sitting did: items with their records, items that failed with why, and why it ended."""

    done: tuple[tuple[int, str], ...]
    failed: tuple[tuple[int, str], ...]
    ended: str


def work_off(
    workspace: Workspace,
    agenda: Agenda,
    *,
    most: int | None = None,
    seconds: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Sitting:
    """Ask the items that are ready, the most important first; each ends in a draft for its owner.

    A question that was cut off is gone on with, since its run is; an item is done only when its record is written. What
    fails is told and tried again in later sittings, three times at most.

    Args:
        most: questions at most.
        seconds: begin no further question after this time. One that has begun is finished.

    Raises:
        Interrupted: Ctrl-C; what was done is kept, the item under way is gone on with next time.
        StorageError: the disk is full; the same.
    """
    began = clock()
    done: list[tuple[int, str]] = []
    failed: list[tuple[int, str]] = []
    ended = "nothing is left that can be asked now"
    while (item := agenda.next(without=[number for number, _ in failed])) is not None:
        if most is not None and len(done) + len(failed) >= most:
            ended = f"{most} questions were asked"
            break
        if seconds is not None and clock() - began >= seconds:
            ended = f"{seconds:g} seconds are spent"
            break
        progress(f"item {item.number}, priority {item.priority}: {item.question}")
        try:
            record = ask(workspace, item.question, progress=progress)
        except (Busy, Interrupted, StorageError):
            raise
        except SovereignError as error:
            failed.append((item.number, error.message))
            agenda.failed(item.number, error.message)
            continue
        agenda.done(item.number, record.id)
        done.append((item.number, record.id))
    return Sitting(done=tuple(done), failed=tuple(failed), ended=ended)
