"""Bad input, a full disk, a closed pipe, Ctrl-C, two processes, no sandbox: each gets a cause and a remedy."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.support.calls import QUESTION, Call

from sovereign.inquiry.runs import RunState
from sovereign.workspace import Workspace

SOURCE = Path(__file__).resolve().parents[2] / "src"


def process(*arguments: str, workspace: Path, limit: int | None = None, code: str | None = None, **kwargs):
    """A verb in a process of its own."""
    command = [sys.executable, *(("-c", code) if code else ("-m", "sovereign")), *arguments]
    shrink = None
    if limit is not None:

        def shrink() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails as on a full disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [*command, "--workspace", str(workspace)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        preexec_fn=shrink,
        **kwargs,
    )


@pytest.mark.parametrize(
    ("question", "cause"),
    [
        ("", "empty"),
        (" \t\n ", "empty"),
        ("AnyExperts?", "one word"),
        ("what " * 20_000, "99,999 characters; the limit is 2,000"),
        ("what is \x1b[31m latency", "U+001B at position 9"),
        ("what is \x00 latency", "U+0000"),
        ("what is \u202e latency", "U+202E"),
        ("what is \udcff latency", "UTF-8"),
    ],
    ids=["empty", "blank", "one-word", "long", "escape", "nul", "turned", "bytes"],
)
def test_a_question_that_cannot_be_asked(empty_call: Call, question: str, cause: str) -> None:
    answer = empty_call("ask", question)
    assert answer.code == 2 and answer.out == ""
    error, remedy = answer.err.strip().splitlines()
    assert error.startswith("error: ") and cause in error and remedy.startswith("remedy: ")
    assert not (empty_call.path / "journal.sqlite").exists(), "a run was started"
    assert empty_call("library", "status").code == 0


@pytest.mark.parametrize(
    "question",
    ["专家混合模型的推理延迟是多少？", "Wie schnell ist AnyExperts? Ἐν ἀρχῇ", "<script>alert(1)</script> and latency?"],
)
def test_a_question_in_any_script_is_answered_or_has_no_evidence(empty_call: Call, question: str) -> None:
    answer = empty_call("ask", question, "--json")
    assert answer.code == 0 and answer.json["question"]["text"] == question
    page = (empty_call.path / "site" / empty_call.record.folder / "index.html").read_text()
    assert "<script>alert" not in page


def test_white_space_does_not_make_another_question(empty_call: Call) -> None:
    first = empty_call("ask", "  what is the latency\n of AnyExperts? ", "--json").json
    second = empty_call("ask", "what is the latency of AnyExperts?", "--json").json
    assert first["body_digest"] == second["body_digest"]


@pytest.mark.parametrize(
    ("policy", "cause", "remedy"),
    [
        ("revise_below = 'high'", "revise_below", "asks for a revision"),
        ("revise_below = 11", "revise_below", "default is 6.5"),
        ("max_revisions = 1.5", "max_revisions", "at most"),
        ("publish_without_owner = 1", "publish_without_owner", "publish itself"),
        ("revise_bellow = 5", "revise_bellow", "revise_below"),
        ("= 5", "not TOML", "mend"),
    ],
)
def test_a_policy_that_cannot_be_used(empty_call: Call, policy: str, cause: str, remedy: str) -> None:
    (empty_call.path / "policy.toml").write_text(policy)
    answer = empty_call("ask", QUESTION)
    error, told = answer.err.strip().splitlines()
    assert answer.code == 2 and cause in error and remedy in told
    assert not (empty_call.path / "journal.sqlite").exists()


def test_no_workspace_and_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = Call(tmp_path / "none", capsys)
    answer = call("ask", QUESTION)
    assert answer.code == 3 and "sovereign init" in answer.err and not call.path.exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    assert Call(tmp_path / "full", capsys)("init").code == 2
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]


def test_a_run_that_somebody_works_on_is_busy_and_its_question_can_be_asked_beside_it(empty_call: Call) -> None:
    with empty_call.workspace.journal() as journal:
        with journal.start(QUESTION, run_id="run-live", record="SRCH:00000001", version=1):
            busy = empty_call("resume", "run-live")
            assert busy.code == 6 and str(os.getpid()) in busy.err and "remedy" in busy.err
            assert empty_call("runs", "--json").json[0]["state"] == "running"
            beside = empty_call("ask", QUESTION, "--json")
            assert beside.code == 0 and beside.json["id"] != "SRCH:00000001"


def test_two_processes_ask_at_once(empty_call: Call) -> None:
    both = [process("ask", QUESTION, workspace=empty_call.path) for _ in range(2)]
    for one in both:
        _, err = one.communicate(timeout=300)
        assert one.returncode == 0, err
    archive = empty_call.workspace.archive()
    records = [archive.load(name) for name in archive.list()]
    assert len(records) == 2 and len({record.body_digest for record in records}) == 1
    for record in records:
        path = str(empty_call.path / "records" / record.folder)
        assert empty_call("check", path).code == 4


def test_a_full_disk_stops_a_run_and_loses_nothing(empty_call: Call) -> None:
    stopped = process("ask", QUESTION, workspace=empty_call.path, limit=100_000)
    _, err = stopped.communicate(timeout=300)
    assert stopped.returncode == 7 and b"error: " in err and b"remedy: " in err, err
    assert empty_call("library", "status").code == 0
    assert empty_call.workspace.archive().list() == ()
    runs = empty_call("runs", "--json").json
    resumed = empty_call("ask", QUESTION, "--json")
    assert resumed.code == 0
    if runs:
        assert resumed.json["id"] == runs[0]["record"]
        done = empty_call("runs", "--json").json[0]["stages"]
        assert done[: len(runs[0]["stages"])] == runs[0]["stages"]


def test_a_closed_pipe_ends_quietly_and_the_record_is_kept(empty_call: Call) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "sovereign", "ask", QUESTION, "--json", "--workspace", str(empty_call.path)]
    ended = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(SOURCE)}, timeout=300
    )
    os.close(writing)
    assert ended.returncode == 141
    assert b"Traceback" not in ended.stderr and b"Exception ignored" not in ended.stderr
    assert empty_call.record.question.text == QUESTION


def test_a_closed_stderr_does_not_stop_the_work(empty_call: Call) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "sovereign", "ask", QUESTION, "--json", "--workspace", str(empty_call.path)]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=writing, env={**os.environ, "PYTHONPATH": str(SOURCE)}, timeout=300
    )
    os.close(writing)
    assert ended.returncode == 0 and ended.stdout.startswith(b'{"answer"')


CTRL_C = textwrap.dedent("""
    import os, signal, sys
    from sovereign.cli import main
    from sovereign.inquiry.journal import JournalRun
    plain = JournalRun.stage
    def stage(self, name, code, inputs, fn, output_type):
        def interrupted():
            os.kill(os.getpid(), signal.SIGINT)
            return fn()
        return plain(self, name, code, inputs, interrupted if name == "cells" else fn, output_type)
    JournalRun.stage = stage
    main(sys.argv[1:])
""")


def test_ctrl_c_says_how_to_go_on(empty_call: Call) -> None:
    stopped = process("ask", QUESTION, workspace=empty_call.path, code=CTRL_C)
    _, err = stopped.communicate(timeout=300)
    (run,) = empty_call("runs", "--json").json
    assert stopped.returncode == 130 and f"sovereign resume {run['id']}".encode() in err
    assert run["state"] == "interrupted" and run["events"][-1]["stage"] == "cells"
    assert empty_call("resume", run["id"]).code == 0
    with Workspace.open(empty_call.path).journal() as journal:
        after = journal.show(run["id"])
    assert after.state is RunState.DONE
    assert [row.to_json() for row in after.stages[: len(run["stages"])]] == run["stages"]


def test_without_a_sandbox_nothing_is_run_and_nothing_changes(call: Call, tmp_path: Path, monkeypatch) -> None:
    before = sorted((path, path.read_bytes()) for path in (call.path / "records").rglob("*") if path.is_file())
    with call.workspace.library() as library:
        digest = library.digest()
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = call("reproduce", call.record.id)
    assert answer.code == 8 and "error: " in answer.err and "remedy: " in answer.err
    with call.workspace.library() as library:
        assert library.digest() == digest
    assert sorted((p, p.read_bytes()) for p in (call.path / "records").rglob("*") if p.is_file()) == before


def test_an_unknown_record_pack_and_verb(call: Call) -> None:
    assert call("reproduce", "SRCH:FFFFFFFF").code == 3
    assert call("reproduce", call.record.id, "--pack", "nonesuch").code == 3
    assert call("export", "SRCH:FFFFFFFF", "-o", "x.zip").code == 3
    assert call("why", "../../etc", "x").code == 3
    assert call("review", "approve", "SRCH:FFFFFFFF").code == 3
    assert call("library", "add", "/no/such/file").code == 3
    assert call("sing").code == 2


def test_adding_only_what_cannot_be_read_is_bad_input(call: Call, tmp_path: Path) -> None:
    empty = tmp_path / "zero.md"
    empty.write_bytes(b"")
    answer = call("library", "add", str(empty), "--json")
    assert answer.code == 2 and answer.json["added"] == 0 and len(answer.json["failed"]) == 1
    (tmp_path / "note.md").write_text("# A note\n\nIt says something.\n")
    assert call("library", "add", str(tmp_path)).code == 0
