"""`config show` names every setting, its value and its origin, and no secret; completion scripts complete."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sovereign.records import PolicyRules
from sovereign.workspace import Workspace

CALL = [sys.executable, "-m", "sovereign"]


def shown(workspace: Workspace, *more: str, **environment: str) -> list[dict[str, str]]:
    call = [*CALL, "config", "show", "--workspace", str(workspace.path), "--json", *more]
    done = subprocess.run(call, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    rows: list[dict[str, str]] = json.loads(done.stdout)
    return rows


def test_every_rule_of_the_policy_is_shown_with_its_origin(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", starter=False)
    workspace.policy_path.write_text("revise_below = 7.25\n", encoding="utf-8")
    rows = {(row["part"], row["setting"]): row for row in shown(workspace)}
    for name in PolicyRules.model_fields:
        assert ("policy", name) in rows
    assert rows["policy", "revise_below"] == {
        "part": "policy", "setting": "revise_below", "value": "7.25", "from": "policy.toml",
    }  # fmt: skip
    assert rows["policy", "decline_below"]["from"] == "default"
    assert rows["services", "services.arxiv.interval_s"]["value"] == "3.0"


def test_changed_shows_only_what_is_no_default_and_keys_stay_hidden(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", starter=False)
    workspace.policy_path.write_text("revise_below = 7.25\n", encoding="utf-8")
    rows = shown(
        workspace, "--changed", SOVEREIGN_OPENALEX_KEY="hunter2", SOVEREIGN_ARXIV_URL="http://127.0.0.1:9/"
    )
    assert "hunter2" not in json.dumps(rows)
    told = {(row["part"], row["setting"]): row["from"] for row in rows}
    assert told["policy", "revise_below"] == "policy.toml"
    assert told["environment", "SOVEREIGN_OPENALEX_KEY"] == "environment"
    assert ("policy", "decline_below") not in told


def test_a_broken_policy_is_an_error_with_its_line(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w", starter=False)
    workspace.policy_path.write_text("revise_below = = 1\n", encoding="utf-8")
    call = [*CALL, "config", "show", "--workspace", str(workspace.path)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 2 and "policy.toml" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_the_shell_accepts(shell: str, tmp_path: Path) -> None:
    done = subprocess.run([*CALL, "completion", shell], capture_output=True, text=True, check=True)
    assert "_SOVEREIGN_COMPLETE" in done.stdout
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(done.stdout, encoding="utf-8")
    assert subprocess.run([program, "-n", str(script)]).returncode == 0


def test_verbs_are_completed() -> None:
    asked = {"_SOVEREIGN_COMPLETE": "bash_complete", "COMP_WORDS": "sovereign rep", "COMP_CWORD": "1"}
    environment = {**os.environ, **asked}
    program = Path(sys.executable).parent / "sovereign"
    if not program.exists():
        pytest.skip("the command `sovereign` is not installed beside this Python")
    done = subprocess.run([program], capture_output=True, text=True, env=environment)
    assert {"plain,report", "plain,reproduce"} <= set(done.stdout.split())
