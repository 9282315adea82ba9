"""Saved questions: asked again when the library has something new for them, never otherwise, never over a version."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.calls import make_workspace
from tests.support.inquire import write_note

from sovereign.agenda import Agenda, ItemState, work_off
from sovereign.check import check_path
from sovereign.records import BadInput, EventType, StorageError
from sovereign.workflow import review
from sovereign.workspace import Workspace

NOW = "2026-03-01T00:00:00Z"
QUESTION = "How does Lynx change the latency of mixture-of-experts models?"
NEWS = "A mixture-of-experts system.\n\n## What was measured\nLynx lowers the latency by {}% on an A100 at batch 16.\n"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w")


def opened(space: Workspace) -> Agenda:
    return Agenda(space.path / "agenda.sqlite")


def grow(space: Workspace, name: str, body: str) -> None:
    path = write_note(space.path.parent / "new", name, body, systems=["Lynx"] if "Lynx" in body else [])
    with space.library() as library:
        assert library.add(path).added == 1


def test_it_is_asked_again_once_the_library_has_something_new_for_it_and_not_before(space: Workspace) -> None:
    with opened(space) as held:
        item = held.add(QUESTION, now=NOW, saved=True)
        held.add("How does ExpertFlow change the throughput of mixture-of-experts models?", now=NOW)
        first = work_off(space, held)
        assert len(first.done) == 2 and first.again == ()
        (_, record), _ = first.done
        assert work_off(space, held).again == ()
        grow(space, "gardens", "Tulips and daffodils flower in April. Nothing of computers.\n")
        off = work_off(space, held)
        assert off.again == () and off.done == (), "the library grew, but with nothing for the question"
        with space.library() as library:
            assert held.item(item.number).looked == library.digest()
        grow(space, "lynx-again", NEWS.format("31.5"))
        version_one = (space.archive().path(record, 1) / "record.json").read_bytes()
        again = work_off(space, held)
        assert again.again == ((item.number, record, 2, ("note:lynx-again",)),)
        archive = space.archive()
        assert archive.versions(record) == (1, 2) and archive.state(record).standing == "draft"
        assert (archive.path(record, 1) / "record.json").read_bytes() == version_one
        assert "note:lynx-again" in {source.id for source in archive.load(record).sources}
        assert check_path(archive.path(record), trust=[space.key().fingerprint]).exit_code == 0
        assert work_off(space, held).again == (), "once for each state of the library"
        other = next(item for item in held.items() if not item.saved)
        assert archive.versions(str(other.record)) == (1,), "a question that is not saved is not asked again"


def test_budget_and_standing(space: Workspace) -> None:
    with opened(space) as held:
        held.add(QUESTION, now=NOW, saved=True)
        (_, record), = work_off(space, held).done
        grow(space, "lynx-again", NEWS.format("31.5"))
        assert work_off(space, held, most=0).ended == "0 questions were asked"
        assert work_off(space, held, seconds=0).again == ()
        review(space, record, EventType.APPROVED)
        review(space, record, EventType.RETRACTED, "wrong")
        assert work_off(space, held).again == () and space.archive().versions(record) == (1,)


def test_saving_is_undone_and_passes_to_what_a_question_is_merged_into(space: Workspace) -> None:
    with opened(space) as held:
        first = held.add(QUESTION, now=NOW)
        merged = held.add("the same", now=NOW, alike=lambda _: True, saved=True)
        assert held.item(first.number).saved and not merged.saved
        with pytest.raises(BadInput, match="merged"):
            held.set(merged.number, saved=True)
        assert not held.set(first.number, saved=False).saved


_FIRST_FORMAT = """
CREATE TABLE items(
    number INTEGER PRIMARY KEY AUTOINCREMENT, question TEXT NOT NULL, priority INTEGER NOT NULL, state TEXT NOT NULL,
    record TEXT, merged_into INTEGER REFERENCES items(number), added_at TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE after(item INTEGER NOT NULL REFERENCES items(number), other INTEGER NOT NULL REFERENCES items(number),
    PRIMARY KEY(item, other));
INSERT INTO items(question, priority, state, record, added_at) VALUES ('an old one', 3, 'done', 'SRCH:0', '2026');
PRAGMA user_version = 1;
"""


def test_an_agenda_of_the_first_format_is_taken_over_and_one_of_a_later_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agenda.sqlite"
    db = sqlite3.connect(path)
    db.executescript(_FIRST_FORMAT)
    db.close()
    opening = "import sys; from pathlib import Path; from sovereign.agenda import Agenda; Agenda(Path(sys.argv[1]))"
    racing = [subprocess.Popen([sys.executable, "-c", opening, str(path)]) for _ in range(3)]
    assert [process.wait() for process in racing] == [0, 0, 0]
    with Agenda(path) as held:
        (item,) = held.items()
        assert (item.question, item.state, item.saved, item.looked) == ("an old one", ItemState.DONE, False, None)
        assert held.set(item.number, saved=True).saved
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 3")
    db.close()
    with pytest.raises(StorageError, match="newer"):
        Agenda(path)


def test_a_killed_sitting_leaves_one_new_version(space: Workspace) -> None:
    with opened(space) as held:
        held.add(QUESTION, now=NOW, saved=True)
        (_, record), = work_off(space, held).done
    grow(space, "lynx-again", NEWS.format("31.5"))
    call = [sys.executable, "-m", "sovereign", "agenda", "run", "--workspace", str(space.path), "--json"]
    for wait in (0.5, 0.9, 1.3, 1.7):
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert space.archive().versions(record) == (1, 2)
    assert check_path(space.archive().path(record), trust=[space.key().fingerprint]).exit_code == 0
    with opened(space) as held:
        assert work_off(space, held).again == ()


def test_the_verbs(space: Workspace) -> None:
    def call(*arguments: str) -> str:
        command = [sys.executable, "-m", "sovereign", "agenda", *arguments, "--workspace", str(space.path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert json.loads(call("add", QUESTION, "--save", "--json"))["saved"] is True
    call("run")
    assert "saved" in call("list") and QUESTION in call("list")
    grow(space, "lynx-again", NEWS.format("31.5"))
    assert "version 2, new: note:lynx-again" in call("run")
    assert "done" in call("change", "1", "--unsave") and "nothing waits" in call("list")
