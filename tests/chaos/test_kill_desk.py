"""SIGKILL during each action of the desk, at each place that it comes to: it was made whole, or it was not made."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra [desk] is not installed")

from tests.support.calls import QUESTION, make_workspace

from sovereign import hand, workflow
from sovereign.check import check_path
from sovereign.inquiry.runs import RunState
from sovereign.records import EventType
from sovereign.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
OTHER = "How does Lynx change the throughput of mixture-of-experts models?"
Act = Callable[..., int]

#: Decision -> the standing that it is made on, and the one that it leads to.
DECISIONS = {
    "approve": ("draft", "published"),
    "reject": ("draft", "rejected"),
    "correct": ("published", "corrected"),
    "retract": ("published", "retracted"),
}


@pytest.fixture(scope="module")
def act() -> Iterator[Act]:
    """`act(workspace, path, form, place, when)` acts at the desk and is killed there; the exit code."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "chaos" / "desking.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdin and process.stdout

        def send(workspace: Workspace, path: str, form: dict[str, Any], place: str, when: str) -> int:
            job = {"workspace": str(workspace.path), "path": path, "form": form, "place": place, "when": when}
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            return int(json.loads(process.stdout.readline())["code"])

        yield send
        process.stdin.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    space = make_workspace(tmp_path_factory.mktemp("desk") / "w")
    workflow.ask(space, QUESTION)
    return space.path


@pytest.fixture
def space(made: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(made, tmp_path / "w"))


def only(space: Workspace) -> str:
    (name,) = space.archive().list()
    return name


def assert_sound(space: Workspace) -> None:
    for name in space.archive().list():
        report = check_path(space.archive().path(name), trust=[space.key().fingerprint])
        assert report.exit_code == 0, report.faults


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", ["event", "pages"])
@pytest.mark.parametrize("action", DECISIONS)
def test_a_decision(act: Act, space: Workspace, action: str, place: str, when: str) -> None:
    before, after = DECISIONS[action]
    archive, name = space.archive(), only(space)
    if before == "published":
        workflow.review(space, name, EventType.APPROVED)
    events = archive.state(name).events
    form = {"action": action, "seen": str(events), "note": "read", "kind": "claim"}
    path = f"/records/{archive.load(name).folder}/decide"
    assert act(space, path, form, place, when) == -signal.SIGKILL
    was_made = (place, when) != ("event", "before")
    state = archive.state(name)
    assert (state.standing, state.events) == ((after, events + 1) if was_made else (before, events))
    assert_sound(space)
    # The page of a killed decision is the one before; whatever decides or publishes next writes it again.
    workflow.publish(space, name)
    page = (space.site_path / archive.load(name).folder / "index.json").read_text(encoding="utf-8")
    assert json.loads(page)["state"]["standing"] == state.standing


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("action", "place"),
    [("revise", "run"), ("revise", "process"), ("ask", "run"), ("ask", "process"), ("resume", "process")],
)
def test_a_run_that_is_begun(act: Act, space: Workspace, action: str, place: str, when: str) -> None:
    archive, name = space.archive(), only(space)
    folder = archive.load(name).folder
    cut_off = workflow.begin_ask(space, OTHER) if action == "resume" else None
    path = {"revise": f"/records/{folder}/decide", "ask": "/ask", "resume": f"/runs/{cut_off}/resume"}[action]
    form = {"action": action, "seen": "1", "note": "look at Lynx too", "question": OTHER}
    assert act(space, path, form, place, when) == -signal.SIGKILL
    with space.journal() as journal:
        begun = [run for run in journal.list() if run.state is not RunState.DONE]
    if (place, when) == ("run", "before"):
        assert begun == []
    else:
        (run,) = begun
        assert cut_off in (None, run.id)
        if (place, when) == ("process", "after"):
            wait_for(space, run.id)  # a process of its own was started: it goes on without the desk
        else:
            workflow.resume(space, run.id)
        with space.journal() as journal:
            assert journal.show(run.id).state is RunState.DONE
        assert archive.versions(name) == ((1, 2) if action == "revise" else (1,))
        assert len(archive.list()) == (1 if action == "revise" else 2)
    assert_sound(space)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_mark_of_the_owners_hand(act: Act, space: Workspace, when: str) -> None:
    archive, name = space.archive(), only(space)
    record = archive.load(name)
    claim, source = record.claims[0].id, record.sources[-1].id
    form = {"action": "wrong", "claim": claim, "seen": "1", "note": "of another board"}
    assert act(space, f"/records/{record.folder}/hand", form, "event", when) == -signal.SIGKILL
    assert_sound(space)
    signed = [line.kind.value for line in hand.listed(space)]
    assert signed in ([], ["wrong"]) and (when == "before" or signed == ["wrong"])
    if not signed:
        hand.mark_wrong(space, name, claim, "of another board")
    hand.pin(space, name, source, "it is the work itself")  # the next writer makes good for what was cut off
    assert [line.kind.value for line in hand.listed(space)] == ["wrong", "pinned"]
    told = [event for event in archive.events(name) if event.type is EventType.MARKED]
    assert len(told) == 2, "each entry is told on the record once"
    again = workflow.resume(space, workflow.begin_again(space, name))
    assert [one.entry.kind.value for one in again.hand] == ["wrong", "pinned"]  # type: ignore[union-attr]
    assert_sound(space)


def wait_for(space: Workspace, run: str) -> None:
    import time

    for _ in range(600):
        with space.journal() as journal:
            if journal.show(run).state is RunState.DONE:
                return
        time.sleep(0.2)
    pytest.fail("the run did not end")
