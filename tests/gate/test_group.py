"""Control groups: made, entered, counted, emptied, taken away; the ways that this host has not, by stand-ins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.canaries import wait_until

from sovereign.gate import Bubblewrap, Ending, Job, Limits
from sovereign.gate import _group as groups
from sovereign.gate._group import Bounds, Group, Way, ways
from sovereign.records import SandboxUnavailable


@pytest.fixture
def way() -> Way:
    found = [one for one in ways() if one.places]
    if not found:
        pytest.skip("no control group can be made on this host")
    return found[0]


def test_a_group_is_gone_with_all_that_ran_in_it(way: Way) -> None:
    with Group(way, Bounds(64 << 20, 8)) as group:
        child = subprocess.Popen([*group.prefix, "/bin/sleep", "600"])
        folders = [place / group._name for place in way.places]
        entered = wait_until(lambda: str(child.pid) in (folders[-1] / "cgroup.procs").read_text().split())
        everywhere = [str(child.pid) in (folder / "cgroup.procs").read_text().split() for folder in folders]
    try:
        assert entered
        assert all(everywhere)
        assert child.wait(30) == -9
    finally:
        child.kill()
        child.wait()
    assert not any(folder.exists() for folder in folders)


def test_a_group_counts_memory_and_says_so(way: Way) -> None:
    take = "block = bytearray(b'x') * (200 << 20)"
    with Group(way, Bounds(64 << 20, 8)) as group:
        assert not group.overran
        assert subprocess.run([*group.prefix, sys.executable, "-S", "-c", take], check=False).returncode == -9
        assert group.overran


def test_what_a_killed_process_left_is_swept_away(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its groups, and what waits in them; those of a process that lives are left alone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with Group(way, Bounds(64 << 20, 8)) as kept:
        sleeper = subprocess.Popen([*kept.prefix, "/bin/sleep", "600"])
        own = way.places[-1] / kept._name / "cgroup.procs"
        assert wait_until(lambda: str(sleeper.pid) in own.read_text().split())
        monkeypatch.setattr(groups.os, "getpid", lambda: gone.pid)
        left = Group(way, Bounds(64 << 20, 8)).__enter__()
        monkeypatch.undo()
        orphan = subprocess.Popen([*left.prefix, "/bin/sleep", "600"])
        folders = [place / left._name for place in way.places]
        assert wait_until(lambda: str(orphan.pid) in (folders[-1] / "cgroup.procs").read_text().split())
        for place in way.places:
            groups._sweep(place)
        assert orphan.wait(30) == -9

        def swept() -> bool:
            for place in way.places:
                groups._sweep(place)
            return not any(folder.exists() for folder in folders)

        assert wait_until(swept)
        assert sleeper.poll() is None
    assert sleeper.wait(30) == -9


def test_a_place_that_takes_no_group_is_an_error_and_nothing_runs(tmp_path: Path, sandbox: Bubblewrap) -> None:
    sandbox.probe()
    assert sandbox._mode is not None
    broken = replace(sandbox._mode, way=Way("cgroup v2", (tmp_path / "nowhere",)))
    with pytest.raises(SandboxUnavailable, match="no control group"):
        sandbox.run_in(Job({"x.py": b""}, "x.py"), broken)


@pytest.mark.parametrize(
    ("own", "above", "chosen"),
    [("memory pids", "memory pids", ""), ("", "cpu memory pids", ".."), ("", "cpu", None), ("memory", "", None)],
)
def test_where_a_group_of_version_2_is_made(
    own: str, above: str, chosen: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below our own group where it hands on its controllers, else beside it."""
    ours = tmp_path / "slice" / "ours"
    ours.mkdir(parents=True)
    (ours / "cgroup.subtree_control").write_text(own)
    (ours.parent / "cgroup.subtree_control").write_text(above)
    monkeypatch.setattr(groups, "_mounted", lambda kind, controller: tmp_path)
    monkeypatch.setattr(groups, "_own", lambda controller: "slice/ours")
    found = groups._version_2()
    expected = None if chosen is None else Way("cgroup v2", ((ours / chosen).resolve(),))
    assert found == expected


def test_bounds_are_written_for_each_version(tmp_path: Path) -> None:
    for name, files in {
        "cgroup v2": {"memory.max": "64", "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "8"},
        "cgroup v1": {"memory.limit_in_bytes": "64", "memory.memsw.limit_in_bytes": "64", "pids.max": "8"},
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        for file in files:
            (folder / file).touch()
        Group(Way(name, (tmp_path,)), Bounds(64, 8))._bound(folder)
        assert {file: (folder / file).read_text() for file in files} == files


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[[str], str]:
    def write(body: str) -> str:
        path = tmp_path / "systemd-run"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return write


def test_a_scope_of_systemd_by_a_stand_in(stand_in: Callable[[str], str], sandbox: Bubblewrap, tmp_path: Path) -> None:
    """No systemd runs here: the stand-in shows what it is asked for, and that what it starts comes out as ever."""
    sandbox.probe()
    assert sandbox._mode is not None
    told = tmp_path / "told"
    program = stand_in(f'echo "$@" > {told}; while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    mode = replace(sandbox._mode, way=Way("systemd scope", (), program, {}))
    finished = sandbox.run_in(Job({"x.py": b"print('inside')"}, "x.py", Limits(seconds=20, memory_mb=128)), mode)
    assert (finished.ending, finished.code, finished.log) == (Ending.EXITED, 0, "inside\n")
    asked = told.read_text()
    assert "--scope" in asked
    assert "-p MemoryMax=" in asked
    assert "-p TasksMax=18" in asked  # sixteen of the script, process 1 and bubblewrap
    refusing = replace(mode, way=Way("systemd scope", (), stand_in("echo 'Failed to connect to bus' >&2; exit 1"), {}))
    with pytest.raises(SandboxUnavailable, match="Failed to connect to bus"):
        sandbox.run_in(Job({"x.py": b""}, "x.py"), refusing)
