"""SIGKILL inside every stage, in every step after them, and at forty random times: one effect, nothing repeated."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sovereign.check import check_path
from sovereign.inquiry import STAGE_MODULES
from sovereign.inquiry.runs import RunInfo, RunState
from sovereign.records import Record
from sovereign.starter import note_paths
from sovereign.workspace import Workspace

QUESTION = "How do AnyExperts and SMoES compare to top-k routing in latency and throughput on VQAv2?"
NOTES = ("anyexperts", "smoes", "expertflow-a", "lynx", "dynmoe", "gemoe")
STEPS = ("write_version", "publish", "finish")
ROOT = Path(__file__).resolve().parents[2]


class Driver:
    """The process that kills; see driver.py."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "chaos" / "driver.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def __call__(self, verb: str, workspace: Path, **job: Any) -> dict[str, Any]:
        log = self._folder / f"{workspace.name}.log"
        until = self._folder / f"{workspace.name}.stop"
        until.unlink(missing_ok=True)
        job |= {"verb": verb, "workspace": str(workspace), "log": str(log), "until": str(until), "question": QUESTION}
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        reply: dict[str, Any] = json.loads(self._process.stdout.readline())
        reply["log"] = log.read_text()
        return reply

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed: what a killed and resumed one must equal."""

    base: Path
    info: RunInfo
    record: Record
    seconds: float


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    started = Driver(tmp_path_factory.mktemp("driver"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, driver: Driver) -> Undisturbed:
    base = tmp_path_factory.mktemp("base") / "workspace"
    workspace = Workspace.create(base, starter=False)
    chosen = [path for path in note_paths() if path.stem in NOTES]
    assert len(chosen) == len(NOTES)
    with workspace.library() as library:
        for path in chosen:
            library.add(path)
    whole = base.with_name("undisturbed")
    shutil.copytree(base, whole)
    reply = driver("ask", whole)
    assert reply["code"] == 0, reply["log"]
    (info,), (record,) = runs_of(whole), records_of(whole)
    assert info.state is RunState.DONE and {row.stage for row in info.stages} == set(STAGE_MODULES)
    return Undisturbed(base, info, record, reply["seconds"])


@pytest.fixture
def workspace(tmp_path: Path, undisturbed: Undisturbed) -> Path:
    return Path(shutil.copytree(undisturbed.base, tmp_path / "workspace"))


def runs_of(path: Path) -> tuple[RunInfo, ...]:
    with Workspace.open(path).journal() as journal:
        return journal.list()


def records_of(path: Path) -> list[Record]:
    archive = Workspace.open(path).archive()
    return [archive.load(name) for name in archive.list()]


def assert_one_whole_effect(path: Path, undisturbed: Undisturbed, before: RunInfo | None) -> None:
    """One run, one version, one event, one page; stages done before the kill were not run again."""
    (info,), (record,) = runs_of(path), records_of(path)
    assert info.state is RunState.DONE
    if before is not None:
        assert info.id == before.id
        assert info.stages[: len(before.stages)] == before.stages, "a completed stage was repeated"
    keys = [(row.seq, row.stage, row.inputs_sha256, row.code_sha256, row.output_sha256) for row in info.stages]
    wanted = undisturbed.info.stages
    assert keys == [(row.seq, row.stage, row.inputs_sha256, row.code_sha256, row.output_sha256) for row in wanted]
    assert record.id == info.record and record.body_digest == undisturbed.record.body_digest
    assert record.provenance.audit_head == undisturbed.record.provenance.audit_head
    opened = Workspace.open(path)
    assert [event.type.value for event in opened.archive().events(record.id)] == ["drafted"]
    assert [item.name for item in (path / "records" / record.folder).glob("v*")] == ["v1"]
    assert (opened.site_path / record.folder / "index.html").is_file()
    report = check_path(path / "records" / record.folder, trust=[opened.key().fingerprint])
    assert report.exit_code == 0, report.faults


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", [*STAGE_MODULES, *STEPS])
def test_killed_inside_each_stage_and_step(
    driver: Driver, workspace: Path, undisturbed: Undisturbed, place: str, when: str
) -> None:
    reply = driver("ask", workspace, place=place, when=when)
    assert reply["code"] == -signal.SIGKILL, reply["log"]
    (before,) = runs_of(workspace)
    done = [row.stage for row in before.stages]
    if place in STAGE_MODULES:
        assert place not in done and before.state is RunState.INTERRUPTED
    if (place, when) == ("finish", "after"):
        assert before.state is RunState.DONE
    else:
        resumed = driver("resume", workspace)
        assert resumed["code"] == 0, resumed["log"]
    assert_one_whole_effect(workspace, undisturbed, before)


@pytest.mark.parametrize("trial", range(40))
def test_killed_at_a_random_time_while_another_process_reads(
    driver: Driver, workspace: Path, undisturbed: Undisturbed, trial: int
) -> None:
    seconds = random.Random(trial).uniform(0, undisturbed.seconds)
    reply = driver("ask", workspace, seconds=seconds, read=True)
    assert reply["reader"] == 0, reply["log"]
    assert reply["code"] in (0, -signal.SIGKILL), reply["log"]
    before = next(iter(runs_of(workspace)), None)
    if before is None:
        again = driver("ask", workspace, read=True)
    elif before.state is RunState.DONE:
        again = {"code": 0, "reader": 0}
    else:
        again = driver("resume", workspace, read=True)
    assert (again["code"], again["reader"]) == (0, 0), again["log"]
    assert_one_whole_effect(workspace, undisturbed, before)


@pytest.mark.parametrize("place", ["cells", *STEPS])
def test_judging_again_survives_a_kill_with_one_new_version(
    driver: Driver, workspace: Path, undisturbed: Undisturbed, place: str
) -> None:
    assert driver("ask", workspace)["code"] == 0
    (record,) = records_of(workspace)
    assert driver("judge_again", workspace, record=record.id, place=place, when="before")["code"] == -signal.SIGKILL
    resumed = driver("resume", workspace)
    assert resumed["code"] == 0, resumed["log"]
    opened = Workspace.open(workspace)
    assert [event.type.value for event in opened.archive().events(record.id)] == ["drafted", "reproduced"]
    (second,) = records_of(workspace)
    assert (second.version, second.body_digest) == (2, record.body_digest)


def test_a_killed_init_is_completed_by_another(driver: Driver, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    reply = driver("init", whole)
    assert reply["code"] == 0, reply["log"]
    with Workspace.open(whole).library() as library:
        digest = library.digest()
    for trial in range(6):
        path = tmp_path / f"killed-{trial}"
        driver("init", path, seconds=random.Random(trial).uniform(0, reply["seconds"]))
        again = driver("init", path)
        assert again["code"] == 0, again["log"]
        opened = Workspace.open(path)
        with opened.library() as library:
            assert library.digest() == digest
        assert opened.key().fingerprint and opened.policy() == Workspace.open(whole).policy()
