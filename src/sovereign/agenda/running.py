"""Working off the agenda: one question after another until it is empty or the sitting's budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sovereign.outdated import outdated
from sovereign.records import Busy, Document, Interrupted, SovereignError, StorageError
from sovereign.workflow import ask, judge_again

from .store import Agenda, Item, ItemState

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


class Sitting(Document):
    """What one sitting did: items with their records, items that failed with why, and why it ended.

    `again` are saved questions that were asked again: item, record, the version that was made, the new sources.
    """

    done: tuple[tuple[int, str], ...]
    failed: tuple[tuple[int, str], ...]
    ended: str
    again: tuple[tuple[int, str, int, tuple[str, ...]], ...] = ()


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
    fails is told and tried again in later sittings, three times at most. Then saved questions: one whose search would
    keep a source of today's library that its record has not read is asked again, as that record's next version.

    Args:
        most: questions at most.
        seconds: begin no further question after this time. One that has begun is finished.

    Raises:
        Interrupted: Ctrl-C; what was done is kept, the item under way is gone on with next time.
        StorageError: the disk is full; the same.
    """
    budget = _Budget(most, seconds, clock)
    done: list[tuple[int, str]] = []
    failed: list[tuple[int, str]] = []
    again: list[tuple[int, str, int, tuple[str, ...]]] = []

    def tried(item: Item, act: Callable[[Item], bool]) -> None:
        """Do something about an item; what fails is told, but what stops the whole sitting stops it."""
        try:
            budget.spent += act(item)
        except (Busy, Interrupted, StorageError):
            raise
        except SovereignError as error:
            budget.spent += 1
            failed.append((item.number, error.message))
            if item.state is ItemState.WAITING:
                agenda.failed(item.number, error.message)

    def first(item: Item) -> bool:
        progress(f"item {item.number}, priority {item.priority}: {item.question}")
        record = ask(workspace, item.question, progress=progress)
        agenda.done(item.number, record.id)
        done.append((item.number, record.id))
        return True

    def once_more(item: Item) -> bool:
        news = _news(workspace, str(item.record))
        if not news:
            agenda.looked(item.number, library)
            return False
        progress(f"item {item.number}, {len(news)} new sources: {item.question}")
        record = judge_again(workspace, str(item.record), purpose="again", progress=progress)
        agenda.looked(item.number, record.library_digest)
        again.append((item.number, record.id, record.version, news))
        return True

    while (item := agenda.next(without=[number for number, _ in failed])) is not None and budget.allows():
        tried(item, first)
    with workspace.library() as held:
        library = held.digest()
    for item in agenda.to_look_at(library):
        if budget.ended or not budget.allows():
            break
        if item.number not in {number for number, _ in failed}:
            tried(item, once_more)
    ended = budget.ended or "nothing is left that can be asked now"
    return Sitting(done=tuple(done), failed=tuple(failed), ended=ended, again=tuple(again))


class _Budget:
    """Questions and seconds of a sitting."""

    def __init__(self, most: int | None, seconds: float | None, clock: Callable[[], float]) -> None:
        self.spent, self.ended = 0, ""
        self._most, self._seconds, self._clock, self._began = most, seconds, clock, clock()

    def allows(self) -> bool:
        """Whether a further question may begin; if not, `ended` says why."""
        if self._most is not None and self.spent >= self._most:
            self.ended = f"{self._most} questions were asked"
        elif self._seconds is not None and self._clock() - self._began >= self._seconds:
            self.ended = f"{self._seconds:g} seconds are spent"
        return not self.ended


def _news(workspace: Workspace, record_id: str) -> tuple[str, ...]:
    """Sources that today's search would keep for a record's question and that the record has not read."""
    state = workspace.archive().state(record_id)
    if state.standing == "retracted":
        return ()
    (found,) = outdated(workspace, (state.record,))
    return tuple(name for cause in found.causes if cause.kind == "library grew" for name in cause.about)
