"""The agenda: order, merging, what waits for what, budgets; whole after a kill and with two processes at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sovereign.agenda import Agenda, ItemState, likeness, read, work_off
from sovereign.library import Library
from sovereign.records import BadInput, NotFound, StorageError
from sovereign.workspace import Workspace

NOW = "2026-03-01T00:00:00Z"
SEED = (
    "How does the inference latency and throughput of AnyExperts' on-demand routing strategy compare to fixed routing "
    "baselines (e.g., top-k routing) across varying batch sizes on standard multimodal benchmarks like VQAv2 and "
    "Visual7W?"
)
AGAIN = (
    "How do inference latency and throughput of AnyExperts compare to fixed top-k routing at different batch sizes on "
    "the VQAv2 and Visual7W benchmarks?"
)
OTHERS = (
    "What is the memory use of AnyExperts compared to top-k routing on VQAv2?",
    "How do inference latency and throughput of SMoES compare to fixed top-k routing at different batch sizes on the "
    "VQAv2 and Visual7W benchmarks?",
    "How does ExpertFlow compare to LRU caching in throughput?",
    "Does vitamin D lower the risk of fractures in older adults?",
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    workspace = Workspace.create(tmp_path_factory.mktemp("agenda") / "w")
    with workspace.library() as held:
        yield held


@pytest.fixture
def agenda(tmp_path: Path) -> Iterator[Agenda]:
    with Agenda(tmp_path / "agenda.sqlite") as held:
        yield held


def test_a_paraphrase_is_the_same_question_and_another_system_metric_or_field_is_not(library: Library) -> None:
    seed = read(SEED, library)
    assert likeness(seed, seed).same and likeness(seed, read(AGAIN, library)).same
    for other in OTHERS:
        assert not likeness(seed, read(other, library)).same, other
    readings = [read(other, library) for other in OTHERS]
    for place, one in enumerate(readings):
        assert not any(likeness(one, other).same for other in readings[:place])


def test_a_duplicate_is_merged_and_lifts_the_priority_of_the_other(agenda: Agenda, library: Library) -> None:
    first = agenda.add(SEED, now=NOW, priority=1)
    mine = read(AGAIN, library)
    merged = agenda.add(AGAIN, now=NOW, priority=7, alike=lambda other: likeness(mine, read(other, library)).same)
    assert merged.state is ItemState.MERGED and merged.merged_into == first.number
    assert agenda.item(first.number).priority == 7
    assert [item.number for item in agenda.items() if item.state is ItemState.WAITING] == [first.number]


def test_the_most_important_comes_first_and_what_waits_for_another_comes_after_it(agenda: Agenda) -> None:
    low, high = agenda.add("low one", now=NOW), agenda.add("high one", now=NOW, priority=5)
    last = agenda.add("last one", now=NOW, priority=9, after=[low.number])
    assert agenda.next() == high and not last.ready
    agenda.done(high.number, "SRCH:00000001")
    assert agenda.next() == low
    agenda.done(low.number, "SRCH:00000002")
    due = agenda.next()
    assert due is not None and due.number == last.number and due.ready
    agenda.set(last.number, state=ItemState.DROPPED)
    assert agenda.next() is None


def test_waiting_for_a_merged_item_is_waiting_for_what_it_was_merged_into(agenda: Agenda) -> None:
    one = agenda.add("one question", now=NOW)
    same = agenda.add("one question", now=NOW, alike=lambda other: other == "one question")
    late = agenda.add("late question", now=NOW, priority=9, after=[same.number])
    assert not late.ready
    agenda.done(one.number, "SRCH:00000001")
    assert agenda.item(late.number).ready


def test_what_cannot_be_is_said(agenda: Agenda, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        agenda.add("a question", now=NOW, after=[99])
    with pytest.raises(NotFound):
        agenda.set(99, priority=1)
    done = agenda.add("a question", now=NOW)
    agenda.done(done.number, "SRCH:00000001")
    with pytest.raises(BadInput):
        agenda.set(done.number, state=ItemState.WAITING)
    with pytest.raises(NotFound):
        Agenda(tmp_path / "none.sqlite", create=False)
    (tmp_path / "broken.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError):
        Agenda(tmp_path / "broken.sqlite")


def test_what_fails_three_times_waits_no_more_until_it_is_put_back(agenda: Agenda) -> None:
    item = agenda.add("a question", now=NOW)
    for number in (1, 2, 3):
        assert agenda.item(item.number).state is ItemState.WAITING
        assert agenda.failed(item.number, f"try {number}").tries == number
    assert agenda.item(item.number).state is ItemState.FAILED and agenda.item(item.number).note == "try 3"
    assert agenda.set(item.number, state=ItemState.WAITING).tries == 0


_ADD = """
import sys
from pathlib import Path
from sovereign.agenda import Agenda
with Agenda(Path(sys.argv[1])) as held:
    for number in range(30):
        held.add(f"question {sys.argv[2]} {number}", now="2026-03-01T00:00:00Z")
"""


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "agenda.sqlite"
    adding = [subprocess.Popen([sys.executable, "-c", _ADD, str(path), name]) for name in "ab"]
    assert [process.wait() for process in adding] == [0, 0]
    with Agenda(path) as held:
        assert len({item.question for item in held.items()}) == 60


def test_a_sitting_asks_in_order_within_its_budget_and_survives_what_fails(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")
    with Agenda(workspace.path / "agenda.sqlite") as held:
        held.add("word", now=NOW, priority=9)  # one word asks nothing: it must not stop the others
        held.add(OTHERS[2], now=NOW, priority=5)
        held.add(OTHERS[3], now=NOW)
        first = work_off(workspace, held, most=2)
        assert [number for number, _ in first.failed] == [1] and [number for number, _ in first.done] == [2]
        assert first.ended == "2 questions were asked"
        ticks = iter([0.0, 5.0, 10.0])
        spent = work_off(workspace, held, seconds=10, clock=lambda: next(ticks))
        assert (spent.done, spent.ended) == ((), "10 seconds are spent") and len(spent.failed) == 1
        second = work_off(workspace, held)
        assert [number for number, _ in second.done] == [3] and second.ended.startswith("nothing is left")
        assert held.item(1).state is ItemState.FAILED
        records = {item.record for item in held.items() if item.state is ItemState.DONE}
    assert records == {workspace.archive().load(name).id for name in workspace.archive().list()}


def test_a_killed_sitting_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")
    with Agenda(workspace.path / "agenda.sqlite") as held:
        for question in OTHERS[1:]:
            held.add(question, now=NOW)
    call = [sys.executable, "-m", "sovereign", "agenda", "run", "--workspace", str(workspace.path), "--json"]
    for wait in (0.4, 0.9, 1.4):
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Agenda(workspace.path / "agenda.sqlite") as held:
        assert all(item.state is ItemState.DONE for item in held.items())
    archive = workspace.archive()
    questions = [archive.load(name).question.text for name in archive.list()]
    assert set(questions) == set(OTHERS[1:])


def test_the_verbs(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sovereign", "agenda", *arguments, "--workspace", str(workspace.path)]
        return subprocess.run(command, capture_output=True, text=True)

    assert "nothing waits" in call("list").stdout
    assert call("run").returncode == 3
    assert call("add", SEED, "--priority", "3").returncode == 0
    assert "merged into it" in call("add", AGAIN).stdout
    assert call("add", "word").returncode == 2
    assert call("change", "1", "--priority", "8").returncode == 0
    listed = json.loads(call("list", "--all", "--json").stdout)
    told = [(item["number"], item["priority"], item["state"]) for item in listed]
    assert told == [(1, 8, "waiting"), (2, 0, "merged")]
    done = json.loads(call("run", "--json").stdout)
    assert len(done["done"]) == 1
    again = json.loads(call("add", AGAIN, "--json").stdout)
    assert again["state"] == "merged"
