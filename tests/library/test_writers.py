"""Several processes, full disks, damaged files: one writer at a time, and a library that still opens."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sovereign.library import Library
from sovereign.records import Busy, NotFound, StorageError

from .conftest import make_rows, write_note, write_rows

_HOLD = """
import sys
from sovereign.library import Library
library = Library.open(sys.argv[1])
with library._lock:
    print("held", flush=True)
    sys.stdin.read()
"""


def _run(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


@pytest.fixture
def holder(build: Callable[..., Library]) -> Iterator[tuple[Library, subprocess.Popen[str]]]:
    library = build(make_rows(1, 50))
    process = _run(_HOLD, library.folder)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield library, process
    process.kill()
    process.communicate()


def test_second_writer_is_told_who_writes(holder: tuple[Library, subprocess.Popen[str]], tmp_path: Path) -> None:
    library, process = holder
    note = write_note(tmp_path / "n.md", "Text.\n")
    for attempt in (lambda: library.add(note), lambda: library.remove("made:d00001"),
                    lambda: library.add_measurement("measurement:x", "X", "{}", {})):  # fmt: skip
        with pytest.raises(Busy, match=f"process {process.pid}") as error:
            attempt()
        assert error.value.remedy


def test_readers_are_not_blocked_by_a_writer(holder: tuple[Library, subprocess.Popen[str]]) -> None:
    library, _ = holder
    with Library.open(library.folder) as other:
        assert other.search("routing expert") and other.digest() == library.digest()
        assert other.status()["index"]["state"] == "current"


def test_the_lock_goes_with_its_holder(holder: tuple[Library, subprocess.Popen[str]], tmp_path: Path) -> None:
    library, process = holder
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert library.add(write_note(tmp_path / "n.md", "Text.\n")).added == 1


def test_two_adds_at_once_leave_one_whole_library(build: Callable[..., Library], tmp_path: Path) -> None:
    code = """
        import sys
        from sovereign.library import Library
        from sovereign.records import Busy
        with Library.open(sys.argv[1], create=True) as library:
            while True:
                try:
                    library.add(sys.argv[2])
                    break
                except Busy:
                    pass
    """
    rows = make_rows(5, 600)
    processes = [
        _run(code, tmp_path / "both", write_rows(tmp_path / str(n) / "made.jsonl", part))
        for n, part in enumerate((rows[:400], rows[200:]))
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    alone = build(rows)
    with Library.open(tmp_path / "both") as both:
        assert both.digest() == alone.digest()
        assert both.search("routing expert top") == alone.search("routing expert top")


def test_another_process_sees_what_was_added(build: Callable[..., Library], tmp_path: Path) -> None:
    library = build(make_rows(1, 20))
    with Library.open(library.folder) as reader:
        assert reader.search("zebra") == []
        library.add(write_note(tmp_path / "n.md", "A zebra.\n"))
        assert [h.source for h in reader.search("zebra")] == ["note:n"]
        library.remove("note:n")
        assert reader.search("zebra") == []


_SMALL_FILES = """
    import resource, sys
    from sovereign.library import Library
    from sovereign.records import StorageError
    library = Library.open(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    try:
        library.add(sys.argv[2])
    except StorageError as error:
        print("storage", bool(error.remedy))
"""


@pytest.mark.parametrize("limit", [20_000, 200_000, 900_000])
def test_a_disk_that_fills_up(build: Callable[..., Library], tmp_path: Path, limit: int) -> None:
    """A limit on the size of files stands in for a full disk: writes fail, in SQLite or in the index."""
    library = build(make_rows(1, 30))
    before = library.digest()
    library.close()
    more = write_rows(tmp_path / "more" / "made.jsonl", make_rows(1, 9000, words=60))
    process = _run(_SMALL_FILES, library.folder, more, str(limit))
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert out == "storage True\n"
    with Library.open(library.folder) as opened:
        assert opened.size >= 30
        assert opened.search("routing")
        assert opened.size > 30 or opened.digest() == before
        assert opened.add(more).failed == ()
        with build(make_rows(1, 9000, words=60)) as whole:
            assert opened.digest() == whole.digest()
            assert opened.search("routing top gate") == whole.search("routing top gate")


@pytest.mark.parametrize("damage", ["missing", "empty", "meta", "truncated"])
def test_a_damaged_index_is_rebuilt_from_the_library(build: Callable[..., Library], damage: str) -> None:
    library = build(make_rows(6, 300))
    expected = library.search("routing expert")
    library.close()
    index = next(library.folder.glob("index-*"))
    if damage == "missing":
        shutil.rmtree(index)
    elif damage == "empty":
        shutil.rmtree(index)
        index.mkdir()
    elif damage == "meta":
        (index / "meta.json").write_text("{")
    else:
        for file in index.iterdir():
            if file.suffix not in (".json", ".lock"):
                os.truncate(file, file.stat().st_size // 2)
    with Library.open(library.folder) as opened:
        assert [(h.rank, h.source) for h in opened.search("routing expert")] == [(h.rank, h.source) for h in expected]
        assert len(opened.notices) == 1 and "rebuilt" in opened.notices[0]
        assert opened.status()["index"]["state"] == "current"
        assert len(list(library.folder.glob("index-*"))) == 1


def test_a_damaged_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "library.sqlite").write_bytes(b"not a database at all" * 500)
    with pytest.raises(StorageError, match="damaged") as error:
        Library.open(tmp_path)
    assert "backup" in error.value.remedy


def test_a_newer_schema_is_refused(library: Library) -> None:
    with sqlite3.connect(library.folder / "library.sqlite") as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(StorageError, match="schema 99"):
        Library.open(library.folder)


def test_no_library_and_unknown_source(tmp_path: Path, library: Library) -> None:
    with pytest.raises(NotFound, match="no library"):
        Library.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(NotFound, match="note:x"):
        library.get("note:x")


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        Library.open(tmp_path / "file" / "library", create=True)


def test_measurement_is_searched_by_its_index_text(library: Library) -> None:
    meta = {"pack": {"name": "p"}, "outcomes": [1, 2]}
    text = '{"cases":[{"experts":64}]}'
    library.add_measurement("measurement:p", "Expected experts", text, meta, "With 64 experts and top-6 routing")
    source = library.get("measurement:p")
    assert (source.kind, source.text_level, source.text, source.meta) == ("measurement", None, text, meta)
    assert [h.source for h in library.search("top-6 routing", kinds=["measurement"])] == ["measurement:p"]
    assert library.search("cases") == []
    before = library.digest()
    library.add_measurement("measurement:p", "Expected experts", text, {"attestation": "later"}, "With 64 experts")
    assert library.digest() == before
    assert library.get("measurement:p").meta == {"attestation": "later"}
    assert library.search("top-6 routing") == []
    assert library.ids("measurement") == ["measurement:p"]
