"""SIGKILL while sources are added: what was committed stays, the same command goes on, the outcome is the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sovereign.library import Library
from sovereign.library.index import SearchIndex

from .conftest import make_rows, write_rows

# Small batches and commits, so that a kill falls between any two of the writes: SQLite's, the index's, the mark's.
# The process kills itself at the n-th call of a step, or goes on until it is killed (step "none").
_ADD = """
import os, signal, sys
from sovereign.library import Library, _adding, _follow, store
from sovereign.library.index import SearchIndex

_adding._BATCH, _follow._COMMIT_EVERY = 60, 150
fatal, left = sys.argv[3], int(sys.argv[4])

def counted(name, function):
    def wrapper(self, *arguments, **options):
        global left
        if name == fatal and (name != "mark" or arguments[0] == "indexed_upto"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(self, *arguments, **options)
    return wrapper

for owner, method, name in (
    (store.Store, "write", "write"), (store.Store, "delete", "delete"), (store.Store, "set_number", "mark"),
    (store.Store, "settle_ghosts", "settle"), (store.Store, "keep_digests", "digests"),
    (_follow.Follower, "apply", "apply"), (SearchIndex, "commit", "commit"), (SearchIndex, "refresh", "committed"),
    (SearchIndex, "finish", "finish"), (SearchIndex, "remove", "remove"),
):
    setattr(owner, method, counted(name, getattr(owner, method)))
with Library.open(sys.argv[1]) as opened:
    print("open", flush=True)
    opened.add(sys.argv[2])
"""
_STEPS = [
    ("write", 1), ("write", 6), ("delete", 3), ("apply", 1), ("apply", 7), ("remove", 1), ("remove", 40), ("commit", 1),
    ("commit", 3), ("committed", 3), ("committed", 5), ("mark", 1), ("mark", 2), ("mark", 4), ("settle", 1),
    ("settle", 3), ("finish", 1), ("digests", 1),
]  # fmt: skip
_QUERIES = ("routing expert", "top", "memory bandwidth of a kernel", "d00001")


def _start(folder: Path, source: Path, step: str = "none", number: int = 0) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", _ADD, str(folder), str(source), step, str(number)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture
def corpus(build: Callable[..., Library], tmp_path: Path) -> tuple[Path, Path, Library]:
    """A library with old texts of some sources, the file that replaces them, and the undisturbed outcome."""
    rows = make_rows(31, 700)
    old = [row | {"text": row["text"] + " once"} for row in rows[::9]]
    return build(old).folder, write_rows(tmp_path / "new" / "made.jsonl", rows), build(rows)


def _check(folder: Path, source: Path, expected: Library) -> None:
    with Library.open(folder) as reader:  # a command that only reads, in between
        size, found = reader.size, reader.search("routing")
        assert found, "the library must open and answer after a kill"
        assert reader.status()["index"]["state"] == "current"
        assert reader.notices == [], "a kill needs no rebuild"
    with Library.open(folder) as opened:
        report = opened.add(source)
        assert report.unchanged >= size - 78, "what was committed must not be written again"
        assert report.failed == ()
        assert opened.digest() == expected.digest()
        assert opened.ids() == expected.ids()
        for query in _QUERIES:
            ours = [(h.rank, h.source) for h in opened.search(query)]
            assert ours == [(h.rank, h.source) for h in expected.search(query)]
        assert opened.notices == []
        assert opened.add(source).unchanged == 700


@pytest.mark.parametrize(("step", "number"), _STEPS)
def test_killed_at_a_step(corpus: tuple[Path, Path, Library], step: str, number: int) -> None:
    folder, source, expected = corpus
    process = _start(folder, source, step, number)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    _check(folder, source, expected)


@pytest.mark.parametrize("part", range(4))
def test_killed_at_any_time(corpus: tuple[Path, Path, Library], part: int) -> None:
    folder, source, expected = corpus
    for attempt in range(3):
        process = _start(folder, source)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.Random(10 * part + attempt).uniform(0.0, 0.25))
        process.kill()
        process.communicate()
    _check(folder, source, expected)


def test_a_list_of_deletions_that_no_commit_names_is_in_nobodys_way(tmp_path: Path) -> None:
    """What a kill leaves between the engine's two writes of a commit: the file of deletions, known but not named."""

    def index(name: str) -> SearchIndex:
        return SearchIndex(tmp_path / name, create=True)

    first = index("first")
    for row in range(1, 6):
        first.add(row, "work", f"text of row {row}")
    first.finish()
    shutil.copytree(tmp_path / "first", tmp_path / "killed")
    before = {path.name for path in (tmp_path / "first").iterdir()}
    first.remove(2)
    first.commit()
    (left,) = {path.name for path in (tmp_path / "first").iterdir() if path.suffix == ".del"} - before
    shutil.copy(tmp_path / "first" / left, tmp_path / "killed" / left)
    managed = tmp_path / "killed" / ".managed.json"
    managed.write_text(json.dumps([*json.loads(managed.read_text()), left]))
    killed = index("killed")
    killed.remove(2)
    killed.finish()
    assert len(killed) == 4 and len(index("killed")) == 4
