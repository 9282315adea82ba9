"""Whole or not at all: killed at every step, a full disk at every step, and two writers at once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.records import NOW, RECORD_ID, write_small

from sovereign.archive import Archive, _disk
from sovereign.check import check_path
from sovereign.records import Busy, EventType, StorageError
from sovereign.seal import Key

_FORK = multiprocessing.get_context("fork")

#: What a writer asks of the file system, as Python's audit events name it.
_STEPS = frozenset({"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree"})


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


def _killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that is killed before its `step`-th request to the file system; False if it ended first."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, _: tuple[object, ...]) -> None:
            nonlocal seen
            if event in _STEPS:
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("version", [1, 2])
def test_a_writer_killed_at_every_step_leaves_no_half_version(tmp_path: Path, key: Key, version: int) -> None:
    finished = False
    kills = 0
    for step in range(1, 400):
        folder = tmp_path / f"r{step}"
        if version == 2:
            write_small(folder, key, with_run=False)

        def work(folder: Path = folder) -> None:
            write_small(folder, key, version=version)

        if not _killed_at(step, work):
            finished = True
            break
        kills += 1
        archive = Archive(folder)
        if archive.list():
            assert archive.versions(RECORD_ID) in ((1,), (1, 2))[: version]
            newest = archive.load(RECORD_ID)
            assert newest.version == archive.state(RECORD_ID).version
            whole = check_path(folder / newest.folder / f"v{newest.version}", trust=[key.fingerprint])
            assert whole.exit_code == 0
        write_small(folder, key, version=version)  # what resume does
        report = check_path(folder / "srch-0a1b2c3d", trust=[key.fingerprint])
        assert (report.exit_code, report.faults) == (0, [])
        assert len(archive.events(RECORD_ID)) == version
        assert sorted(p.name for p in folder.iterdir()) == [".lock", "srch-0a1b2c3d"]
    assert finished and kills > 30


def test_an_event_killed_at_every_step_is_there_once_or_not(tmp_path: Path, key: Key) -> None:
    kills = 0
    for step in range(1, 100):
        archive, version = write_small(tmp_path / f"r{step}", key)

        def work(archive: Archive = archive) -> None:
            archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)

        if not _killed_at(step, work):
            break
        kills += 1
        assert check_path(version.parent, trust=[key.fingerprint]).exit_code == 0
        assert len(archive.events(RECORD_ID)) in (1, 2)
    assert kills > 5
    assert archive.state(RECORD_ID).public


def test_a_full_disk_at_every_step_leaves_nothing(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = os.fsync
    for step in range(1, 200):
        left = step

        def full(handle: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            synced(handle)

        folder = tmp_path / f"r{step}"
        monkeypatch.setattr(os, "fsync", full)
        try:
            write_small(folder, key)
            assert left > 0
            break
        except StorageError as error:
            assert "full" in error.message and error.remedy
        monkeypatch.setattr(os, "fsync", synced)
        assert not list(folder.glob(".unfinished-*"))
        write_small(folder, key)
        assert check_path(folder / "srch-0a1b2c3d", trust=[key.fingerprint]).exit_code == 0
    assert step > 10


def test_a_file_size_limit_is_named(tmp_path: Path, key: Key) -> None:
    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            write_small(tmp_path, key)
        except StorageError as error:
            os._exit(7 if "larger" in error.message else 1)
        os._exit(0)

    child = _FORK.Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 7
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_disk_that_is_really_full(tmp_path: Path, key: Key) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here: " + mounted.stderr.decode().strip())
    try:
        with pytest.raises(StorageError, match="full"):
            write_small(small, key)
        assert [path.name for path in small.iterdir()] == [".lock"]
        assert Archive(small).list() == ()
        archive, _ = write_small(tmp_path / "records", key)
        with pytest.raises(StorageError, match="full"):
            archive.export(RECORD_ID, small / "out.zip", key=key)
        assert [path.name for path in small.iterdir()] == [".lock"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_two_processes_at_once_both_land_in_order(tmp_path: Path, key: Key) -> None:
    archive, version = write_small(tmp_path, key)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)

    def correct(who: int) -> None:
        for number in range(15):
            note = f"writer {who} number {number}"
            Archive(tmp_path).append_event(RECORD_ID, EventType.CORRECTED, key=key, now=NOW, note=note)

    writers = [_FORK.Process(target=correct, args=(who,)) for who in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    notes = [event.note for event in archive.events(RECORD_ID)[2:]]
    assert len(notes) == 30
    for who in (1, 2):
        assert [n for n in notes if n.startswith(f"writer {who}")] == [f"writer {who} number {i}" for i in range(15)]
    assert archive.state(RECORD_ID).corrections == 30
    assert check_path(version.parent, trust=[key.fingerprint]).exit_code == 0


def test_two_processes_write_one_version_once(tmp_path: Path, key: Key) -> None:
    writers = [_FORK.Process(target=write_small, args=(tmp_path, key)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert len(Archive(tmp_path).events(RECORD_ID)) == 1
    assert check_path(tmp_path / "srch-0a1b2c3d", trust=[key.fingerprint]).exit_code == 0


def test_a_lock_that_is_never_freed_is_busy(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, _ = write_small(tmp_path, key)
    monkeypatch.setattr(_disk, "_PATIENCE_SECONDS", 0.05)
    with _disk.lock(tmp_path), pytest.raises(Busy) as caught:
        archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    assert caught.value.exit_code == 6
    archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)


def test_a_file_system_without_links_still_overwrites_nothing(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    archive, _ = write_small(tmp_path / "records", key)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    path = archive.export(RECORD_ID, tmp_path / "out.zip", key=key)
    assert check_path(path, trust=[key.fingerprint]).exit_code == 0
