"""A process that acts at the desk in children and kills them at a named place. Talks JSON lines on stdin and stdout.

It loads Sovereign once and forks for every action. Nothing in Sovereign knows of it: the places to die in are wrapped
here, in the child, after the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from sovereign.archive import Archive
from sovereign.desk import actions, desk
from sovereign.desk.guard import Guard
from sovereign.inquiry.journal import Journal
from sovereign.workflow import reviewing
from sovereign.workspace import Workspace


def dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    """The function, with death just before it or just after it."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


#: Where an action can be cut off, in the order in which it comes there.
PLACES: dict[str, tuple[Any, str]] = {
    "event": (Archive, "append_event"),
    "pages": (reviewing, "publish"),
    "run": (Journal, "_insert"),
    "process": (actions, "start"),
}


def work(job: dict[str, Any]) -> int:
    holder, name = PLACES[job["place"]]
    setattr(holder, name, dying(getattr(holder, name), job["when"]))
    guard = Guard("127.0.0.1", 8765)
    with TestClient(desk(Workspace.open(job["workspace"]), guard), base_url=guard.origin) as client:
        client.get(guard.entrance)
        form = {**job["form"], "key": guard.form_key}
        return int(client.post(job["path"], data=form, follow_redirects=False).status_code)


def run(job: dict[str, Any]) -> dict[str, Any]:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            work(job)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status)}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
