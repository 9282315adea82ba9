"""A process that reproduces in children and kills them: at a time, or at a named place. JSON lines on stdin and stdout.

It loads Sovereign and proves the sandbox once, and forks for every job. Nothing in Sovereign knows of it: the places to
die in are wrapped here, in the child, after the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from sovereign import measuring, workflow
from sovereign.archive import Archive
from sovereign.gate import Bubblewrap
from sovereign.inquiry.journal import JournalRun
from sovereign.library import Library
from sovereign.workflow import finishing
from sovereign.workspace import Workspace

SANDBOX = Bubblewrap()


def dying(function: Callable[..., Any], when: str, on_call: int = 1) -> Callable[..., Any]:
    """The function, with death just before or just after its n-th call."""
    calls = [0]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if when == "before" and calls[0] == on_call:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if when == "after" and calls[0] == on_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def arm(place: str, when: str, on_call: int) -> None:
    """Make this process die at a place between the start of a run and the end of the record."""
    holders: dict[str, tuple[Any, str]] = {
        "results": (measuring, "run_pack"),
        "attestation": (measuring, "attested"),
        "stored run": (JournalRun, "_store"),
        "together": (measuring, "attest_together"),
        "library": (Library, "add_measurement"),
        "record": (Archive, "write_version"),
        "pages": (finishing, "publish"),
        "finish": (JournalRun, "finish"),
    }
    holder, name = holders[place]
    setattr(holder, name, dying(getattr(holder, name), when, on_call))


def work(job: dict[str, Any]) -> None:
    measuring.default_sandbox = lambda: SANDBOX
    workspace = Workspace.open(job["workspace"])
    if job["verb"] == "reproduce":
        workflow.reproduce(workspace, job["record"], [job["pack"]], repeat=job["repeat"])
    elif job["verb"] == "resume":
        workflow.resume(workspace)


def run(job: dict[str, Any]) -> dict[str, Any]:
    log = os.open(job["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if job.get("place"):
                arm(job["place"], job["when"], job.get("on_call", 1))
            work(job)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(log)
    if job.get("seconds") is not None:
        time.sleep(job["seconds"])
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}


if __name__ == "__main__":
    report = SANDBOX.probe()
    print(json.dumps({"ok": report.ok, "reason": report.reason}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
