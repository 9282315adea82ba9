"""The journal: nothing completed is repeated, nothing half-done is kept, and the chain tells what was computed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from sovereign.inquiry.journal import Journal
from sovereign.inquiry.runs import RunState
from sovereign.records import BadInput, Busy, Document, NotFound, StorageError
from sovereign.seal import digest

CODE = "a" * 64
OTHER_CODE = "b" * 64


class Number(Document):
    value: float


class Text(Document):
    text: str


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def double(calls: list[float], value: float):
    def compute() -> Number:
        calls.append(value)
        return Number(value=value * 2)

    return compute


def two_stages(run, calls: list[float], first: float = 1.0) -> Number:
    one = run.stage("plan", CODE, {"n": first}, double(calls, first), Number)
    return run.stage("search", CODE, one, double(calls, one.value), Number)


def test_a_completed_stage_is_not_run_again(path: Path) -> None:
    calls: list[float] = []
    with Journal(path) as journal:
        with journal.run("run-1", "why?") as run:
            assert two_stages(run, calls) == Number(value=4)
        with journal.run("run-1") as run:
            assert two_stages(run, calls) == Number(value=4)
    assert calls == [1.0, 2.0]


def test_changed_input_or_code_runs_the_stage_and_what_follows_from_it(path: Path) -> None:
    calls: list[float] = []
    with Journal(path) as journal, journal.run("run-1", "why?") as run:
        two_stages(run, calls)
    with Journal(path) as journal, journal.run("run-1") as run:
        two_stages(run, calls, first=5.0)
    with Journal(path) as journal, journal.run("run-1") as run:
        run.stage("plan", OTHER_CODE, {"n": 5.0}, double(calls, 5.0), Number)
        run.stage("search", CODE, Number(value=10), double(calls, 10.0), Number)
    assert calls == [1.0, 2.0, 5.0, 10.0, 5.0]


def test_each_round_of_a_stage_is_its_own_row(path: Path) -> None:
    calls: list[float] = []
    for _ in range(2):
        with Journal(path) as journal, journal.run("run-1", "why?") as run:
            for _ in range(3):
                run.stage("search", CODE, {"same": True}, double(calls, 7.0), Number)
    assert calls == [7.0, 7.0, 7.0]
    with Journal(path) as journal:
        assert [row.occurrence for row in journal.show("run-1").stages] == [1, 2, 3]


def test_the_chain_is_the_same_whenever_and_whatever_the_run_was_called(tmp_path: Path) -> None:
    heads, lines = [], []
    for name, clock in (("run-1", "2001-01-01T00:00:00Z"), ("run-zwei", "2031-12-31T00:00:00Z")):
        with Journal(tmp_path / f"{name}.sqlite", clock=lambda at=clock: at) as journal:
            with journal.run(name, "why?") as run:
                two_stages(run, [])
                heads.append(run.audit_head)
                lines.append(run.audit_lines())
    assert heads[0] == heads[1] and heads[0] is not None
    assert lines[0] == lines[1]
    assert digest(lines[0][-1]) == heads[0]
    rows = [json.loads(line) for line in lines[0]]
    assert [set(row) for row in rows] == [
        {"seq", "stage", "inputs_sha256", "code_sha256", "output_sha256", "previous"}
    ] * 2
    assert rows[0]["previous"] is None and rows[1]["previous"] == digest(lines[0][0])


def test_a_stopped_and_resumed_run_has_the_chain_of_an_undisturbed_one(tmp_path: Path) -> None:
    def fails() -> Number:
        raise RuntimeError("the disk fell out")

    with Journal(tmp_path / "whole.sqlite") as journal, journal.run("run-1", "why?") as run:
        two_stages(run, [])
        whole = run.audit_lines()
    calls: list[float] = []
    with Journal(tmp_path / "stopped.sqlite") as journal:
        with pytest.raises(RuntimeError), journal.run("run-1", "why?") as run:
            one = run.stage("plan", CODE, {"n": 1.0}, double(calls, 1.0), Number)
            run.stage("search", CODE, one, fails, Number)
        info = journal.show("run-1")
        assert info.state is RunState.FAILED
        assert [(event.kind, event.stage, event.after_seq) for event in info.events] == [("failed", "search", 1)]
        assert "the disk fell out" in info.events[0].message
        with journal.resume("run-1") as run:
            two_stages(run, calls)
            assert run.audit_lines() == whole
            run.finish()
        assert journal.show("run-1").state is RunState.DONE
    assert calls == [1.0, 2.0]


def test_ctrl_c_leaves_an_interrupted_run(path: Path) -> None:
    def stops() -> Number:
        raise KeyboardInterrupt

    with Journal(path) as journal:
        with pytest.raises(KeyboardInterrupt), journal.run("run-1", "why?") as run:
            run.stage("plan", CODE, 1, stops, Number)
        assert journal.show("run-1").state is RunState.INTERRUPTED
        assert journal.show("run-1").stages == ()


def test_outputs_of_other_runs_are_used_only_on_request(path: Path) -> None:
    calls: list[float] = []
    with Journal(path) as journal:
        with journal.run("run-1", "why?") as run:
            two_stages(run, calls)
            head = run.audit_head
        with journal.run("run-2", "why?") as run:
            two_stages(run, calls)
        assert calls == [1.0, 2.0, 1.0, 2.0]
        with journal.run("run-3", "why?", reuse=True) as run:
            two_stages(run, calls)
            assert run.audit_head == head
        assert calls == [1.0, 2.0, 1.0, 2.0]
        assert [row.reused_from for row in journal.show("run-3").stages] == ["run-1", "run-1"]


def test_what_a_stage_returns_always_went_through_its_stored_json(path: Path) -> None:
    with Journal(path) as journal:
        with journal.run("run-1", "why?") as run:
            fresh = run.stage("read", CODE, 1, lambda: Text(text="naïve \u2028 日本"), Text)
        with journal.run("run-1") as run:
            again = run.stage("read", CODE, 1, lambda: Text(text="other"), Text)
    assert fresh == again == Text(text="naïve \u2028 日本")


def test_two_runs_of_one_question_do_not_wait_for_each_other_but_one_run_has_one_worker(path: Path) -> None:
    with Journal(path) as journal, Journal(path) as second:
        with journal.run("run-1", "why?") as run:
            run.stage("plan", CODE, 1, lambda: Number(value=1), Number)
            with pytest.raises(Busy) as busy, second.resume("run-1"):
                pass
            assert str(os.getpid()) in busy.value.message and "resume" in busy.value.remedy
            assert second.show("run-1").state is RunState.RUNNING
            with second.run("run-2", "why?") as other:
                other.stage("plan", CODE, 1, lambda: Number(value=1), Number)
            run.stage("search", CODE, 1, lambda: Number(value=1), Number)
        assert len(second.show("run-1").stages) == 2


def test_reading_creates_nothing_and_names_what_is_missing(path: Path) -> None:
    with pytest.raises(NotFound):
        Journal(path, create=False)
    assert list(path.parent.iterdir()) == []
    with Journal(path) as journal:
        with pytest.raises(NotFound), journal.resume("run-none"):
            pass
        with pytest.raises(NotFound):
            journal.show("run-none")
        assert journal.list() == ()


@pytest.mark.parametrize("run_id", ["../up", "A", "x" * 65, "run 1"])
def test_an_id_that_could_leave_the_folder_is_refused(path: Path, run_id: str) -> None:
    with Journal(path) as journal:
        with pytest.raises(BadInput), journal.start("why?", run_id=run_id):
            pass
        assert journal.list() == ()


def test_starting_a_known_id_is_refused_and_leaves_that_run_alone(path: Path) -> None:
    with Journal(path) as journal:
        with journal.start("why?", run_id="run-1"):
            pass
        before = journal.show("run-1")
        with pytest.raises(BadInput), journal.start("another", run_id="run-1"):
            pass
        assert journal.show("run-1") == before


def edit(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)


def test_an_edited_journal_is_noticed(path: Path) -> None:
    with Journal(path) as journal, journal.run("run-1", "why?") as run:
        two_stages(run, [])
    with sqlite3.connect(path) as db:
        db.execute(
            "UPDATE outputs SET body = ? WHERE sha256 = (SELECT output_sha256 FROM audit WHERE seq = 1)", (b"{}",)
        )
    with Journal(path) as journal, pytest.raises(StorageError, match="edited"), journal.run("run-1") as run:
        two_stages(run, [])
    edit(path, "UPDATE audit SET stage = 'other' WHERE seq = 2")
    with Journal(path) as journal, pytest.raises(StorageError, match="row 2"), journal.run("run-1") as run:
        run.audit_lines()


def test_a_file_that_is_no_journal_gets_cause_and_remedy(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 40)
    with pytest.raises(StorageError) as error:
        Journal(path)
    assert "not a database" in error.value.message and "backup" in error.value.remedy
    path.unlink()
    with Journal(path):
        pass
    edit(path, "PRAGMA user_version = 99")
    with pytest.raises(StorageError, match="newer"):
        Journal(path)


def test_a_full_disk_loses_no_completed_stage(path: Path) -> None:
    with Journal(path) as journal, pytest.raises(StorageError, match="full"), journal.run("run-1", "why?") as run:
        run.stage("plan", CODE, 1, lambda: Text(text="kept"), Text)
        pages = journal._db.read("PRAGMA page_count")[0][0]
        journal._db.read(f"PRAGMA max_page_count = {pages}")
        run.stage("read", CODE, 2, lambda: Text(text="x" * 1_000_000), Text)
    with Journal(path) as journal:
        assert [row.stage for row in journal.show("run-1").stages] == ["plan"]
        with journal.resume("run-1") as run:
            kept = run.stage("plan", CODE, 1, lambda: Text(text="again"), Text)
            run.stage("read", CODE, 2, lambda: Text(text="x" * 1_000_000), Text)
        assert kept.text == "kept"
        assert [row.seq for row in journal.show("run-1").stages] == [1, 2]


def test_many_openers_at_once_make_one_journal(path: Path) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Journal(path) as journal, journal.run(f"run-{number}", "why?") as run:
                two_stages(run, [])
                run.finish()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Journal(path) as journal:
        assert {info.state for info in journal.list()} == {RunState.DONE} and len(journal.list()) == 8


DRIVER = textwrap.dedent("""
    import os, signal, sys
    from sovereign.inquiry.journal import Journal
    from sovereign.records import Document
    class Number(Document):
        value: int
    path, kill_at, log = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with Journal(path) as journal, journal.run("run-1", "why?") as run:
        last = Number(value=0)
        for step in range(1, 7):
            def compute(step=step, last=last):
                with open(log, "a") as out:
                    out.write(f"{step}\\n")
                if step == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return Number(value=last.value + step)
            last = run.stage(f"stage-{step}", "c" * 64, last, compute, Number)
        run.finish()
        print(last.value, run.audit_head)
""")


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4, 5, 6])
def test_killed_inside_a_stage_and_run_again(tmp_path: Path, kill_at: int) -> None:
    def driver(name: str, at: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", DRIVER, str(tmp_path / name), str(at), str(tmp_path / f"{name}.log")]
        return subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=120)

    killed = driver("killed", kill_at)
    assert killed.returncode == -signal.SIGKILL
    with Journal(tmp_path / "killed") as journal:
        assert journal.show("run-1").state is RunState.INTERRUPTED
        assert len(journal.show("run-1").stages) == kill_at - 1
    resumed = driver("killed", 0)
    assert resumed.stdout == driver("undisturbed", 0).stdout and resumed.stdout.startswith("21 ")
    entered = (tmp_path / "killed.log").read_text().split()
    assert entered == [str(n) for n in range(1, kill_at + 1)] + [str(n) for n in range(kill_at, 7)]


def _environment() -> dict[str, str]:
    source = Path(__file__).resolve().parents[2] / "src"
    return {**os.environ, "PYTHONPATH": str(source)}
