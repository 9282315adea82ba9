"""Writing the pages of many records in several processes: each takes every n-th record, none waits for another.

A worker is a fresh interpreter, not a fork, so that threads and open files of the caller do not matter. It ends when
its caller is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sovereign import records
from sovereign.records import SovereignError, StorageError

#: So many records are worth the start of another interpreter.
_WORTH = 40
_MOST = 8


@dataclass(frozen=True)
class Due:
    """A record whose pages are to be written.

    Args:
        events: how many of its events the pages tell.
        earlier: the earlier versions that have a page.
        made_from: what the pages are made from.
    """

    record: str
    events: int
    earlier: tuple[int, ...]
    made_from: str


@dataclass(frozen=True)
class Task:
    """What one process writes."""

    archive: str
    out: str
    base_url: str | None
    due: Sequence[Due]


def processes(number: int) -> int:
    """How many processes so many records are worth on this machine."""
    return max(1, min(number // _WORTH, len(os.sched_getaffinity(0)), _MOST))


@contextlib.contextmanager
def helped(tasks: Sequence[Task]) -> Iterator[None]:
    """Run each task in a process of its own while the caller does its own share; wait for all of them at the end.

    Raises:
        SovereignError: what a worker met, as if it had happened here.
    """
    command = [sys.executable, "-c", f"from {__name__} import main; raise SystemExit(main())"]
    places = os.pathsep.join([str(Path(records.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    started = []
    try:
        for task in tasks:
            worker = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": places},
                process_group=0,
            )
            started.append(worker)
            assert worker.stdin is not None
            worker.stdin.write(json.dumps(asdict(task)) + "\n")
            worker.stdin.flush()
        yield
        for worker in started:
            said, _ = worker.communicate()
            _raise_what(said, worker.returncode)
    finally:
        for worker in started:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


def _raise_what(said: str, code: int) -> None:
    if code == 0:
        return
    told = json.loads(said) if said.strip() else {}
    kind = getattr(records, str(told.get("kind")), StorageError)
    message = told.get("message", f"a process that wrote pages ended with {code}")
    raise kind(message, told.get("remedy", "publish again; what was written stays"))


def main() -> int:
    """The worker: a task on standard input, an error as JSON on standard output."""
    from sovereign.archive import Archive

    from .site import write_due

    task: dict[str, Any] = json.loads(sys.stdin.readline())
    archive, caller = Archive(task["archive"]), os.getppid()
    try:
        for one in task["due"]:
            if os.getppid() != caller:
                break
            write_due(archive, Due(**one), task["out"], task["base_url"])
    except SovereignError as error:
        print(json.dumps({"kind": type(error).__name__, "message": error.message, "remedy": error.remedy}))
        return 1
    return 0
