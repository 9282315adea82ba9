"""What the tests of the gate share: a toy pack, a script run inside the sandbox and outside, processes by a marker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sovereign.gate import Bubblewrap, Ending, Finished, Job, Limits

PACK_TOML = """\
name = "toy"
title = "Toy"
version = 1
description = "A toy."
differs_in = ["scale"]
source = "measurement:toy"
seed = 7
{more}
[facets]
subject = "toys"

[limits]
seconds = 10
memory_mb = 128
output_mb = 1
processes = 4

[[claims]]
id = "x"
statement = "x is four"
result_field = "/values/x"
comparison = "within_absolute"
expected = 4.0
tolerance = 0.5
"""

GOOD = """\
import json, os
values = {"x": 4.25}
with open("results.json", "w") as file:
    json.dump({"schema": "sovereign-results-v1", "pack": "toy", "seed": int(os.environ["SOVEREIGN_SEED"]),
               "values": values}, file)
"""


class Attack:
    """One script, run inside the sandbox and, as its control, outside. It writes what it reached to results.json."""

    def __init__(self, sandbox: Bubblewrap, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder

    def inside(self, script: str, limits: Limits, **aim: Any) -> tuple[Finished, Any]:
        files = {"attack.py": script.encode(), "aim.json": json.dumps(aim).encode()}
        finished = self._sandbox.run(Job(files, "attack.py", limits))
        found = self._sandbox.collect(finished) if finished.ending is not Ending.LOST and finished.ok else {}
        return finished, json.loads(found["results.json"]) if found else None

    def outside(self, script: str, **aim: Any) -> Any:
        place = self._folder / "outside"
        place.mkdir(exist_ok=True)
        (place / "attack.py").write_text(script)
        (place / "aim.json").write_text(json.dumps(aim))
        environment = {**os.environ, "SOVEREIGN_TEST_SECRET": "canary"}
        command = [sys.executable, "-S", "attack.py"]
        subprocess.run(command, cwd=place, env=environment, check=True, timeout=60, capture_output=True)
        return json.loads((place / "results.json").read_text())


def running(marker: str) -> list[int]:
    """The processes of this host whose command line holds a marker."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return [pid for pid in found if pid != os.getpid()]
