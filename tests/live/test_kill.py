"""SIGKILL and Ctrl-C in the middle of a fetch: the run goes on, and no request that was answered is made again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.arxiv.server import LocalArxiv
from tests.live.conftest import QUESTION, SETTINGS

from sovereign import workflow
from sovereign.check import check_path
from sovereign.inquiry.runs import RunInfo, RunState
from sovereign.living import Live
from sovereign.records import Interrupted
from sovereign.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
#: Without the cache, so that what is not repeated is not repeated because of the journal.
UNCACHED = "cache_days = 0\n" + SETTINGS


def ask(workspace: Workspace) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sovereign", "ask", "--service", "arxiv", QUESTION, "--workspace"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        [*command, str(workspace.path)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run_of(workspace: Workspace) -> RunInfo:
    with workspace.journal() as journal:
        (info,) = journal.list()
    return info


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def fetched(info: RunInfo) -> list[str]:
    return [row.stage for row in info.stages if row.stage.startswith("fetch ")]


@pytest.mark.parametrize("answered", [1, 3, 5])
def test_killed_in_a_fetch_no_answered_request_is_repeated(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], answered: int
) -> None:
    (workspace.path / "services.toml").write_text(UNCACHED.replace("interval_s = 0.05", "interval_s = 0.4"))
    server = arxiv()
    process = ask(workspace)
    until(lambda: len(server.requests) >= answered + 1)
    process.kill()
    process.communicate()
    info = run_of(workspace)
    kept = fetched(info)
    assert info.state is RunState.INTERRUPTED and answered - 1 <= len(kept) <= answered + 1
    before = [request["path"] for request in server.requests]
    record = workflow.resume(workspace)
    after = [request["path"] for request in server.requests[len(before) :]]
    done = run_of(workspace)
    assert done.id == info.id and done.state is RunState.DONE
    assert done.stages[: len(info.stages)] == info.stages
    assert len(set(after)) == len(after) and not set(after) & set(before[: len(kept)])
    assert len(fetched(done)) == len(kept) + len(after) >= 4
    (name,) = workspace.archive().list()
    assert name == record.id and "31%" in record.answer.sentences[0].text  # type: ignore[union-attr]
    assert check_path(workspace.records_path / record.folder, trust=[workspace.key().fingerprint]).exit_code == 0  # type: ignore[union-attr]


def test_killed_after_the_fetch_nothing_is_asked_again(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.path / "services.toml").write_text(UNCACHED)
    server = arxiv()
    from sovereign.library import Library

    def dying(self: Library, sources: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Library, "put", dying)
        with pytest.raises(Interrupted):
            workflow.ask(workspace, QUESTION, live=Live(("arxiv",)))
    asked = len(server.requests)
    assert asked >= 4 and run_of(workspace).stages[-1].stage == "gather"
    record = workflow.ask(workspace, QUESTION, live=Live(("arxiv",)))  # asks the same: the run is gone on with
    assert len(server.requests) == asked and run_of(workspace).state is RunState.DONE
    assert "31%" in record.answer.sentences[0].text


def test_ctrl_c_while_it_waits_ends_at_once_and_loses_nothing(
    workspace: Workspace, arxiv: Callable[..., LocalArxiv]
) -> None:
    (workspace.path / "services.toml").write_text(UNCACHED.replace("interval_s = 0.05", "interval_s = 600"))
    server = arxiv()
    process = ask(workspace)
    until(lambda: len(server.requests) == 1 and "bytes" in server.requests[0])
    until(lambda: len(fetched(run_of(workspace))) == 1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and b"sovereign resume" in told
    info = run_of(workspace)
    assert info.state is RunState.INTERRUPTED and len(fetched(info)) == 1
    (workspace.path / "services.toml").write_text(UNCACHED)
    for times in workspace.net_path.rglob("*.json"):
        times.unlink()
    workflow.resume(workspace)
    assert len({request["path"] for request in server.requests}) == len(server.requests) >= 4
