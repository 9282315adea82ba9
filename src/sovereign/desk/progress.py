"""A run as it goes on: a page that grows by a line for each stage that is completed, until the run ends.

The page is sent piece by piece over one request. So it needs no program in the page, loses no focus, and a reader of
screens hears what is added.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool

from sovereign.inquiry import STAGE_MODULES
from sovereign.inquiry.runs import RunInfo, RunState

#: Where the template leaves room: for stages, and for how it ended.
MARK = "<!-- live -->"
#: Look this often; wait so long for a process to take a run up; then say that it goes on, and how to look again.
_EVERY_S, _TAKEN_UP_S, _LONGEST_S = 0.4, 30.0, 900.0

Render = Callable[..., str]


def is_under_way(info: RunInfo, begun: bool) -> bool:
    """Whether there is something to wait for: it runs, or was begun a moment ago."""
    return info.state is RunState.RUNNING or (begun and info.state is not RunState.DONE)


def what_next(info: RunInfo) -> str:
    """The stage that follows those that are complete, for runs that go the way of a question; else nothing."""
    if info.purpose not in ("ask", "again", "revise", "reproduce") or info.details.get("profile"):
        return ""
    order = list(STAGE_MODULES)
    done = [row.stage for row in info.stages if row.stage in order]
    if not done:
        return order[0]
    at = order.index(done[-1]) + 1
    return order[at] if at < len(order) else "another round, or the record"


async def grow(show: Callable[[], RunInfo], page: Render, part: Render, begun: bool) -> AsyncIterator[str]:
    """The page of a run in pieces, until it ends, or for a quarter of an hour.

    Args:
        show: the run as it is now.
        page: the page with two marks, given the run.
        part: a piece of it, by its template's name.
        begun: a process was started for it a moment ago and may not have taken it up yet.
    """
    first = info = await run_in_threadpool(show)
    head, middle, tail = page(info=info, under_way=is_under_way(info, begun)).split(MARK)
    yield head
    for row in info.stages:
        yield part("_stage.html.j2", row=row)
    started = time.monotonic()
    while True:
        waited = time.monotonic() - started
        waits = begun and waited < _TAKEN_UP_S and info.events == first.events
        if not (info.state is RunState.RUNNING or (waits and info.state is not RunState.DONE)) or waited > _LONGEST_S:
            break
        await asyncio.sleep(_EVERY_S)
        before, info = info, await run_in_threadpool(show)
        begun = begun and info.state is not RunState.RUNNING and before.state is not RunState.RUNNING
        for row in info.stages[len(before.stages) :]:
            yield part("_stage.html.j2", row=row)
    yield middle
    yield part("_ended.html.j2", info=info)
    yield tail
