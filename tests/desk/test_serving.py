"""The desk as a process: on loopback alone, closed by Ctrl-C, and killed during a decision without a half of one."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar

import pytest

from sovereign.check import check_path
from sovereign.desk import serve
from sovereign.records import BadInput, Busy
from sovereign.workspace import Workspace

KILLS = 12


@contextmanager
def running(workspace: Workspace) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [sys.executable, "-m", "sovereign", "serve", "--port", "0", "--json", "--workspace", str(workspace.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.rstrip() == "}":
                break
        try:
            yield process, json.loads("".join(lines))
        finally:
            process.kill()


class Browser:
    """Cookies and forms, without a browser."""

    def __init__(self, at: dict[str, str]) -> None:
        self._origin = at["address"]
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._opener.open(at["entrance"], timeout=30).read()

    def get(self, path: str) -> str:
        return str(self._opener.open(self._origin + path, timeout=30).read().decode())

    def decide(self, folder: str, action: str) -> None:
        html = self.get(f"/records/{folder}/")
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))
        body = urllib.parse.urlencode({**hidden, "action": action, "note": "read"}).encode()
        self._opener.open(f"{self._origin}/records/{folder}/decide", data=body, timeout=30).read()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_it_stands_on_no_other_address_than_loopback(workspace: Workspace, host: str) -> None:
    with pytest.raises(BadInput):
        serve(workspace, host=host, port=0, ready=lambda _: pytest.fail("it was opened"))


def test_a_port_that_is_taken_is_said(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(Busy, match="taken"):
            serve(workspace, host="127.0.0.1", port=taken.getsockname()[1], ready=lambda _: pytest.fail("opened"))


def test_a_decision_over_a_real_socket_and_ctrl_c_closes_it(workspace: Workspace) -> None:
    archive = workspace.archive()
    folder = archive.load(archive.list()[0]).folder
    with running(workspace) as (process, at):
        browser = Browser(at)
        assert "awaits your decision" in browser.get("/")
        browser.decide(folder, "approve")
        assert archive.state(folder).standing == "published"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)


def test_a_kill_during_a_decision_leaves_it_made_or_not_made(workspace: Workspace) -> None:
    archive = workspace.archive()
    folder = archive.load(archive.list()[0]).folder
    chance = random.Random(7)
    reached: set[str] = set()
    for _ in range(KILLS):
        state = archive.state(folder)
        action = {"draft": "reject", "rejected": "approve"}.get(state.standing, "correct")
        with running(workspace) as (process, at):
            browser = Browser(at)

            def decide(browser: Browser = browser, action: str = action) -> None:
                try:
                    browser.decide(folder, action)
                except OSError:
                    return

            thread = threading.Thread(target=decide)
            thread.start()
            time.sleep(chance.uniform(0.0, 0.25))
            os.kill(process.pid, signal.SIGKILL)
            thread.join()
        after = archive.state(folder)
        assert after.events - state.events in (0, 1)
        assert not check_path(workspace.records_path / folder).faults
        reached.add("made" if after.events > state.events else "not made")
    with running(workspace) as (_, at):
        assert folder in Browser(at).get("/")
