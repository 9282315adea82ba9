"""The worked example of docs/packs.md, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sovereign.gate import Bubblewrap

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return str(found)


def test_the_worked_example_runs(tmp_path: Path) -> None:
    report = Bubblewrap().probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")
    command = tmp_path / "bin" / "sovereign"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sovereign "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("SOVEREIGN_WORKSPACE", None)
    folder = tmp_path / "sorted-is-faster"
    folder.mkdir()
    (folder / "pack.toml").write_text(block("toml"))
    (folder / "run.py").write_text(block("python"))
    script = "sovereign init --empty\n" + block("sh")
    ended = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.strip().splitlines()[-1]
    due = r"supported +factor: 3 runs together: ratio between [0-9.]+ and [0-9.]+ .*of 90 samples"
    assert re.search(due, last), last
    assert "sorted-is-faster, run 3 of 3 | 30 of 30 turns" in ended.stderr
