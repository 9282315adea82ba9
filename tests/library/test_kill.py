"""SIGKILL while sources are added: what was committed stays, the same command goes on, the outcome is the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sovereign.library import Library

from .conftest import make_rows, write_rows

# Small batches and commits, so that a kill falls between any two of the writes: SQLite's, the index's, the mark's.
# The process kills itself at the n-th step, or goes on until it is killed (n = 0).
_ADD = """
import os, signal, sys
from sovereign.library import Library, _follow, library, store
from sovereign.library.index import SearchIndex

library._BATCH, _follow._COMMIT_EVERY = 60, 150
left = int(sys.argv[3])

def counted(function):
    def wrapper(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return wrapper

SearchIndex.commit, SearchIndex.finish = counted(SearchIndex.commit), counted(SearchIndex.finish)
store.Store.write, store.Store.set_number = counted(store.Store.write), counted(store.Store.set_number)
store.Store.settle_ghosts = counted(store.Store.settle_ghosts)
_follow.Follower.apply = counted(_follow.Follower.apply)
with Library.open(sys.argv[1]) as opened:
    print("open", flush=True)
    opened.add(sys.argv[2])
print("steps", -left, flush=True)
"""
_QUERIES = ("routing expert", "top", "memory bandwidth of a kernel", "d00001")


def _start(folder: Path, source: Path, step: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", _ADD, str(folder), str(source), str(step)]
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
    with Library.open(folder) as opened:
        report = opened.add(source)
        assert report.unchanged >= size - 78, "what was committed must not be written again"
        assert report.failed == ()
        assert opened.digest() == expected.digest()
        assert opened.ids() == expected.ids()
        for query in _QUERIES:
            ours = [(h.rank, h.source) for h in opened.search(query)]
            assert ours == [(h.rank, h.source) for h in expected.search(query)]
        assert not [n for n in opened.notices if "rebuilt" in n], "a kill needs no rebuild"
        assert opened.add(source).unchanged == 700


@pytest.mark.parametrize("part", range(12))
def test_killed_at_any_step(corpus: tuple[Path, Path, Library], part: int) -> None:
    folder, source, expected = corpus
    step = random.Random(part).randint(1 + 9 * part, 9 + 9 * part)
    process = _start(folder, source, step)
    out, _ = process.communicate(timeout=120)
    if "steps" in out:
        assert int(out.split()[-1]) < step, "the step was there and did not kill"
    else:
        assert process.returncode == -signal.SIGKILL
    _check(folder, source, expected)


@pytest.mark.parametrize("part", range(4))
def test_killed_at_any_time(corpus: tuple[Path, Path, Library], part: int) -> None:
    folder, source, expected = corpus
    for attempt in range(3):
        process = _start(folder, source, 0)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.Random(10 * part + attempt).uniform(0.0, 0.25))
        process.kill()
        process.communicate()
    _check(folder, source, expected)
