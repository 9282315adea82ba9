"""`gc`: what nothing needs is listed and removed; what a record, a run or a backup needs stays; whole after a kill."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.calls import QUESTION, Call, make_workspace

from sovereign import workflow
from sovereign.backup import back_up, restore
from sovereign.check import check_path
from sovereign.clearing import clear
from sovereign.inquiry.runs import RunState
from sovereign.records import EventType, Interrupted
from sovereign.workspace import Workspace

OTHER = "How does Lynx change the throughput of mixture-of-experts models?"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records, one published and revised; what killed writers left, and the pages of a record that is gone."""
    space = make_workspace(tmp_path_factory.mktemp("gc") / "w")
    record = workflow.ask(space, QUESTION)
    workflow.review(space, record.id, EventType.APPROVED)
    workflow.revise(space, record.id, "look at Lynx too")
    workflow.ask(space, OTHER)
    old = space.site_path / ".unfinished-abc"
    old.write_text("half", encoding="utf-8")
    os.utime(old, (0, 0))
    (space.site_path / ".unfinished-live").write_text("a live writer's", encoding="utf-8")
    (space.site_path / "srch-00000000").mkdir()
    (space.site_path / "srch-00000000" / "index.html").write_text("gone", encoding="utf-8")
    return space.path


@pytest.fixture
def space(made: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(made, tmp_path / "w", copy_function=shutil.copy2)
    return Workspace.open(tmp_path / "w")


def assert_whole(space: Workspace, records: int = 2) -> None:
    names = space.archive().list()
    assert len(names) == records
    for name in names:
        report = check_path(space.archive().path(name), trust=[space.key().fingerprint])
        assert report.exit_code == 0, report.faults
        assert (space.site_path / space.archive().load(name).folder / "index.html").is_file()


def bytes_of(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def test_listing_removes_nothing_and_removing_takes_what_was_listed(space: Workspace) -> None:
    before = {name: data for name, data in bytes_of(space.path).items() if "journal.sqlite" not in name}
    listed = clear(space, keep_days=0)
    assert {name: data for name, data in bytes_of(space.path).items() if "journal.sqlite" not in name} == before
    heaps = {heap.kind: heap for heap in listed.heaps}
    assert heaps["journal"].count > 8 and heaps["journal"].bytes > 100_000
    assert heaps["drafts"].names == ("site/.unfinished-abc",) and heaps["pages"].names == ("site/srch-00000000",)
    size = space.journal_path.stat().st_size
    removed = clear(space, keep_days=0, remove=True)
    assert removed.removed and removed.heaps == listed.heaps and removed.notes == ()
    assert space.journal_path.stat().st_size < size - heaps["journal"].bytes // 2
    after = bytes_of(space.path)
    gone = {name for name in before if name not in after}
    assert gone == {"site/.unfinished-abc", "site/srch-00000000/index.html"}
    assert all(after[name] == data for name, data in before.items() if name in after)
    assert clear(space, keep_days=0).bytes == 0
    assert_whole(space)


def test_runs_are_still_shown_and_go_on_and_questions_are_still_asked(space: Workspace) -> None:
    with space.journal() as journal:
        runs = journal.list()
    clear(space, keep_days=0, remove=True)
    with space.journal() as journal:
        assert journal.list() == runs, "every row of every audit chain is there"
    done = next(run for run in runs if run.purpose == "ask")
    again = workflow.resume(space, done.id)
    assert again.id == done.record  # type: ignore[union-attr]
    workflow.ask(space, OTHER, fresh=True, reuse=True)
    assert_whole(space, 3)


def test_recent_runs_unfinished_ones_and_what_they_share_stay(space: Workspace) -> None:
    assert next(heap for heap in clear(space).heaps if heap.kind == "journal").count == 0, "done today: kept 30 days"
    with space.journal() as journal:
        (done, *_) = (run for run in journal.list() if run.question == OTHER)
    stopped: list[str] = []

    def stop(saying: str) -> None:
        stopped.append(saying)
        if saying == "filling cells":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        workflow.ask(space, OTHER, fresh=True, progress=stop)
    clear(space, keep_days=0, remove=True)
    with space.journal() as journal:
        cut_off = next(run for run in journal.list() if run.state is RunState.INTERRUPTED)
    assert cut_off.id != done.id and cut_off.stages
    said: list[str] = []
    workflow.resume(space, cut_off.id, progress=said.append)
    with space.journal() as journal:
        assert journal.show(cut_off.id).stages[: len(cut_off.stages)] == cut_off.stages, "no stage was repeated"
    assert_whole(space, 3)


def test_what_was_told_by_others_is_never_forgotten(space: Workspace) -> None:
    with space.journal() as journal:
        for details in ({"profile": "reference"}, {"live": {"services": ["arxiv"]}}):
            with journal.start(OTHER, record="SRCH:00000009", version=1, details=details) as run:
                run.stage("exchange", "a" * 64, details, lambda: space.policy(), type(space.policy()))
                run.finish()
    clear(space, keep_days=0, remove=True)
    with space.journal() as journal:
        with journal.resume(next(run.id for run in journal.list() if "profile" in run.details)) as run:
            told = run.completed("exchange", "a" * 64, {"profile": "reference"}, type(space.policy()))
    assert told == space.policy()


def test_a_backup_made_after_it_restores_a_whole_workspace(space: Workspace, tmp_path: Path) -> None:
    clear(space, keep_days=0, remove=True)
    back_up(space, tmp_path / "backup.zip", with_keys=True)
    restore(tmp_path / "backup.zip", tmp_path / "restored")
    restored = Workspace.open(tmp_path / "restored")
    for name in restored.archive().list():
        assert check_path(restored.archive().path(name), trust=[space.key().fingerprint]).exit_code == 0


def test_killed_at_any_time_it_has_harmed_nothing(space: Workspace) -> None:
    call = [sys.executable, "-m", "sovereign", "gc", "--remove", "--keep-days", "0", "--workspace", str(space.path)]
    chance = random.Random(3)
    for _ in range(6):
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 0.9))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert_whole(space)
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
    assert clear(space, keep_days=0).bytes == 0
    workflow.ask(space, OTHER, fresh=True)
    assert_whole(space, 3)


def test_a_folder_whose_removal_was_cut_off_is_taken_by_the_next(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    clear(space, keep_days=0, remove=True)
    monkeypatch.undo()
    (left,) = (path for path in space.site_path.glob(".unfinished-*") if path.is_dir())
    os.utime(left, (0, 0))
    clear(space, keep_days=0, remove=True)
    assert not left.exists()


def test_the_verb(space: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    call = Call(space.path, capsys)
    listed = call("gc", "--keep-days", "0")
    assert listed.code == 0 and "to remove: `sovereign gc --remove`" in listed.out
    removed = call("gc", "--remove", "--keep-days", "0", "--cache-days", "0", "--json")
    assert removed.json["removed"] is True and removed.json["bytes"] > 0
    assert {heap["kind"] for heap in removed.json["heaps"]} == {"journal", "drafts", "pages", "cache"}
    assert call("gc", "--keep-days", "-1").code == 2
    assert_whole(space)


def test_an_empty_workspace_has_nothing_to_remove(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "w", starter=False)
    assert clear(space, keep_days=0, remove=True).bytes == 0 and not space.journal_path.exists()
