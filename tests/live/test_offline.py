"""Without --live, and with --offline, no connection is made: a child process reports every socket that is opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.arxiv.server import LocalArxiv
from tests.live.conftest import QUESTION

from sovereign.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
#: Runs one verb under an audit hook, which no code of the process can take away again.
WATCHED = """
import json, sys
seen = []
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.gethostname",):
        seen.append([event, repr(arguments)[:200]])
sys.addaudithook(watch)
from sovereign.cli import main
code = None
try:
    main(sys.argv[2:])
except SystemExit as ended:
    code = ended.code
with open(sys.argv[1], "w") as report:
    json.dump({"code": code, "sockets": seen, "httpx": "httpx" in sys.modules}, report)
"""


def watched(workspace: Workspace, *arguments: str, **variables: str) -> dict[str, Any]:
    report = workspace.path.parent / "report.json"
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED, str(report), *arguments, "--workspace", str(workspace.path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert report.exists(), ended.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    report.unlink()
    return {**found, "stderr": ended.stderr}


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", QUESTION), ("ask", QUESTION, "--offline"), ("ask", QUESTION, "--live", "--offline"),
        ("ask", QUESTION, "--service", "arxiv", "--offline"),
    ],
    ids=["plain", "offline", "live-offline", "service-offline"],
)  # fmt: skip
def test_no_socket_is_opened_in_a_whole_ask(workspace: Workspace, arguments: tuple[str, ...]) -> None:
    seen = watched(workspace, *arguments)
    assert (seen["code"], seen["sockets"], seen["httpx"]) == (0, [], False), seen["stderr"]
    (name,) = workspace.archive().list()
    told = " ".join(workspace.archive().load(name).limitations)
    assert ("No service answered" in told) == ("--live" in arguments or "--service" in arguments)


def test_the_variable_stands_over_live(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    server = arxiv()
    seen = watched(workspace, "ask", QUESTION, "--live", SOVEREIGN_OFFLINE="1")
    assert seen["code"] == 0 and seen["sockets"] == [] and server.requests == []


def test_the_watch_sees_a_live_search(workspace: Workspace, arxiv: Callable[..., LocalArxiv]) -> None:
    arxiv()
    seen = watched(workspace, "ask", QUESTION, "--service", "arxiv")
    assert seen["code"] == 0 and any(event == "socket.connect" for event, _ in seen["sockets"])
    again = watched(workspace, "ask", QUESTION, "--service", "arxiv", "--offline", "--fresh")
    assert (again["code"], again["sockets"]) == (0, [])
    told = [
        " ".join(workspace.archive().load(name).limitations) for name in workspace.archive().list()
    ]
    assert all("queries were answered by arxiv" in one for one in told)  # the second from what the first kept
