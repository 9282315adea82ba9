"""A process that runs `ask` in children and kills them: at a time, or inside a stage. Talks JSON lines on stdin/stdout.

It loads Sovereign once and forks, so that forty kills take seconds. Nothing in Sovereign knows of it: the places to die
in are wrapped here, in the child, after the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sovereign import workflow
from sovereign.archive import Archive
from sovereign.inquiry.journal import JournalRun
from sovereign.records import NotFound
from sovereign.workflow import finishing
from sovereign.workspace import Workspace


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    """The function, with death just before it or just after it."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            die()
        result = function(*args, **kwargs)
        die()
        return result

    return wrapped


def arm(place: str, when: str) -> None:
    """Make this process die at a place: a stage by its name, or one of the steps after the stages."""
    if place == "write_version":
        Archive.write_version = dying(Archive.write_version, when)  # type: ignore[method-assign]
    elif place == "publish":
        finishing.publish = dying(finishing.publish, when)
    elif place == "finish":
        JournalRun.finish = dying(JournalRun.finish, when)  # type: ignore[method-assign]
    else:
        plain = JournalRun.stage

        def stage(self: JournalRun, name: str, code: str, inputs: Any, fn: Any, output_type: Any) -> Any:
            # "before" and "after" lie inside the stage: its function is entered, its output not yet stored.
            return plain(self, name, code, inputs, dying(fn, when) if name == place else fn, output_type)

        JournalRun.stage = stage  # type: ignore[method-assign]


def work(job: dict[str, Any]) -> None:
    if job["verb"] == "init":
        Workspace.create(job["workspace"])
        return
    workspace = Workspace.open(job["workspace"])
    if job["verb"] == "ask":
        workflow.ask(workspace, job["question"], fresh=True)
    elif job["verb"] == "resume":
        workflow.resume(workspace)
    elif job["verb"] == "judge_again":
        workflow.judge_again(workspace, job["record"])
    elif job["verb"] == "read":
        read_until(workspace, Path(job["until"]))


def read_until(workspace: Workspace, stop: Path) -> None:
    """What reading verbs do, over and over, while others write and die."""
    rounds = 0
    while not stop.exists() or rounds == 0:
        archive = workspace.archive()
        for name in archive.list():
            archive.load(name), archive.state(name), archive.events(name)
        with workspace.library() as library:
            library.search("expert routing latency", k=5)
        try:
            with workspace.journal(create=False) as journal:
                journal.list()
        except NotFound:
            pass
        rounds += 1
        time.sleep(0.005)


def child(job: dict[str, Any], log: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if job.get("place"):
            arm(job["place"], job["when"])
        work(job)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def run(job: dict[str, Any]) -> dict[str, Any]:
    log = os.open(job["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    reader = 0
    try:
        if job.get("read"):
            reader = child({**job, "verb": "read", "place": None}, log)
        started = time.monotonic()
        pid = child(job, log)
        if job.get("seconds") is not None:
            time.sleep(job["seconds"])
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        took = time.monotonic() - started
        reply = {"code": os.waitstatus_to_exitcode(status), "seconds": took}
        if reader:
            Path(job["until"]).touch()
            reply["reader"] = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
        return reply
    finally:
        os.close(log)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
