"""The escape `terminal-input`: a script that types into the terminal of whoever started it, for their shell.

It needs a terminal to type into, so each run is started by a program of its own on a new one, put into raw mode.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest
from tests.support.tally import TALLY

from sovereign.gate import Bubblewrap

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import json, os, select, sys, tty
from sovereign.gate import Job, Limits
from sovereign.gate._command import Mode
from tests.support.weakened import Weakened
off, drop, told = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
script = b'''
import fcntl, os
try:
    terminal = os.open("/dev/tty", os.O_RDWR)
    fcntl.ioctl(terminal, 0x5412, b"X")
    print("typed")
except OSError as error:
    print(error)
'''
tty.setraw(0)
finished = Weakened(off).attack(Job({"x.py": script}, "x.py", Limits(seconds=10), ()), Mode(drop), {})
typed = b""
while select.select([0], [], [], 0.3)[0]:
    typed += os.read(0, 1)
with open(told, "w") as file:
    json.dump({"typed": typed.decode(), "log": finished.log}, file)
"""


def typed(off: list[str], drop: int | None, told: Path) -> str:
    """What came to the terminal of a program that ran the script with some layers away."""
    program = [sys.executable, "-c", PROGRAM, json.dumps(off), json.dumps(drop), str(told)]
    pid, terminal = pty.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, sys.path)])
            os.execve(program[0], program, {**os.environ, "PYTHONPATH": path})
        os._exit(127)
    shown = b""
    deadline = time.monotonic() + 60  # so that a failing test ends
    with contextlib.suppress(OSError):  # the terminal is gone when the program is
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 1.0)[0]:
                shown += os.read(terminal, 1024)
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, shown.decode(errors="replace")
    return str(json.loads(told.read_text())["typed"])


def test_typing_into_the_terminal(sandbox: Bubblewrap, tmp_path: Path) -> None:
    sandbox.probe()
    assert sandbox._mode is not None
    drop = sandbox._mode.drop_uid
    assert typed([], drop, tmp_path / "told") == ""
    assert typed(["own session"], drop, tmp_path / "told") == "", "the filter alone does not stop it"
    assert typed(["system-call filter"], drop, tmp_path / "told") == "", "a session of its own does not stop it"
    bare = typed(["own session", "system-call filter"], drop, tmp_path / "told")
    TALLY["terminal-input"] = "proven" if bare == "X" else "unproven: this kernel lets nobody type into a terminal"
    if bare != "X":
        allowed = Path("/proc/sys/dev/tty/legacy_tiocsti")
        assert allowed.exists(), "the attack does not work"
        assert allowed.read_text().strip() == "0", "the attack does not work"
        pytest.skip("contained; its control reaches nothing here: this kernel lets nobody type into a terminal")
