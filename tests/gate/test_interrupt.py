"""However the program that started it ends, the sandbox ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from tests.support.gate import running

from sovereign.gate import Bubblewrap

PROGRAM = """\
import sys
from sovereign.gate import Bubblewrap, Job, Limits
script = b"import os, time\\nos.fork()\\nwhile True: time.sleep(1)\\n"
try:
    Bubblewrap().run(Job({"x.py": script}, "x.py", Limits(seconds=120), (), {"MARKER": sys.argv[1]}))
except KeyboardInterrupt:
    sys.exit(130)
"""


def wait_for(condition: object, seconds: float = 30.0) -> bool:
    """Poll until a condition holds; the deadline is there so that a failing test ends."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_parent_ends_the_sandbox(sent: signal.Signals, sandbox: Bubblewrap) -> None:
    marker = f"interrupt-{uuid.uuid4().hex}"
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, marker], env=environment)
    try:
        # bwrap outside, process 1 inside: the two beside the parent that carry the marker in their arguments
        assert wait_for(lambda: len(set(running(marker)) - {parent.pid}) >= 2)
        time.sleep(0.5)
        parent.send_signal(sent)
        status = parent.wait(30)
        assert status == (130 if sent is signal.SIGINT else -sent)
        assert wait_for(lambda: running(marker) == [])
    finally:
        parent.kill()
        parent.wait()
        for pid in running(marker):
            os.kill(pid, 9)
