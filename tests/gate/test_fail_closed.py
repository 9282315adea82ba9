"""No proof of isolation, no run: missing, broken, pretending and weakened sandboxes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.weakened import LAYERS, Weakened

from sovereign.gate import SHORTFALLS, Bubblewrap, Finished, Job, SandboxReport, Watch, load_pack, run_pack
from sovereign.gate._command import Mode
from sovereign.gate._interpreter import Interpreter, interpreter
from sovereign.gate._probe import probe
from sovereign.records import SandboxUnavailable

REAL = shutil.which("bwrap") or "/usr/bin/bwrap"


@pytest.fixture
def program() -> Iterator[Callable[[str], str]]:
    """Write a program that stands in for bwrap, where any user may start it."""
    with tempfile.TemporaryDirectory(prefix="sovereign-test-") as folder:
        Path(folder).chmod(0o755)

        def write(body: str) -> str:
            path = Path(folder) / "bwrap"
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
            return str(path)

        yield write


def refused(path: str | None) -> SandboxReport:
    report = Bubblewrap(path).probe()
    assert not report.ok
    assert report.grade == "none"
    assert report.reason
    assert report.remedy
    return report


def test_without_bwrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pack_folder: Callable[..., Path]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    report = refused(None)
    assert "not on PATH" in report.reason
    assert "apt-get install bubblewrap" in report.remedy
    with pytest.raises(SandboxUnavailable, match="not on PATH") as caught:
        run_pack(load_pack(pack_folder()), Bubblewrap())
    assert "apt-get install bubblewrap" in caught.value.remedy
    with pytest.raises(SandboxUnavailable):
        Bubblewrap().run(Job({"x.py": b""}, "x.py"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("exit 0", "could not set up"),
        ("exit 1", "could not set up"),
        ("echo 'bwrap: No permissions to create a new namespace' >&2; exit 1", "No permissions to create"),
        ("exec /bin/true", "could not set up"),
        ("echo 'bwrap: Unknown option --size' >&2; exit 1", "Unknown option"),
        ("kill -9 $$", "could not set up"),
    ],
)
def test_a_bwrap_that_does_not_start(program: Callable[[str], str], body: str, words: str) -> None:
    report = refused(program(body))
    assert words in report.reason
    assert ("0.8" if "option" in body else "userns") in report.remedy


def test_not_a_program(tmp_path: Path) -> None:
    path = tmp_path / "bwrap"
    path.write_text("no program")
    assert "could not be started" in refused(str(path)).reason
    assert "could not be started" in refused(str(tmp_path / "nowhere")).reason


def test_a_bwrap_that_just_runs_the_command(
    program: Callable[[str], str], tmp_path: Path, pack_folder: Callable[..., Path]
) -> None:
    """Also with its files laid out as bubblewrap would have them, so that the script does run: the attacks reach."""
    plain = program('while [ "$1" != -- ]; do shift; done; shift; exec "$@"')
    refused(plain)
    ran = tmp_path / "ran"
    with pytest.raises(SandboxUnavailable):
        run_pack(load_pack(pack_folder(f"open({str(ran)!r}, 'w')")), Bubblewrap(plain))
    assert not ran.exists()


WEAKENED = {
    "network": 's/--unshare-net//',
    "host-files": 's,--remount-ro /dev --remount-ro /,--ro-bind /tmp /tmp --remount-ro /dev --remount-ro /,',
    "root-read-only": 's,--remount-ro /dev --remount-ro /,--remount-ro /dev,',
    "namespaces": 's/--unshare-ipc//',
}  # fmt: skip


def edited(edit: str) -> str:
    """The body of a program that edits its arguments with sed, joined by \\1 (which none holds), and calls bwrap."""
    return (
        f'case "$1" in --version|--help) exec {REAL} "$1";; esac\n'
        "edited=$(for a; do printf '%s\\001' \"$a\"; done | sed '" + edit.replace(" ", "\x01") + "')\n"
        "IFS=$(printf '\\001'); set -f; set -- $edited\n"
        'n=$#; while [ $n -gt 0 ]; do a=$1; shift; [ -z "$a" ] || set -- "$@" "$a"; n=$((n-1)); done\n'
        f'unset IFS; exec {REAL} "$@"'
    )


@pytest.mark.parametrize("name", sorted(WEAKENED))
def test_a_real_bwrap_with_one_protection_taken_away(name: str, program: Callable[[str], str]) -> None:
    """Each attack of the self-test bites when just its protection is off: the check is no formality.

    In the mode of an ordinary user: with a dropped uid, a second protection stands behind some of these.
    """
    if not probe(Bubblewrap(REAL), Mode(None)).ok:
        pytest.skip("bubblewrap does not start on this host")
    assert probe(Bubblewrap(program(edited("s/a^/b/"))), Mode(None)).ok  # the editing itself breaks nothing
    report = probe(Bubblewrap(program(edited(WEAKENED[name]))), Mode(None))
    assert not report.ok
    failed = [check.name for check in report.checks if check.required and not check.holds]
    assert name in failed, report.reason
    assert name in report.reason


REQUIRED_OFF = {
    "environment": {"cleared environment"},
    "capabilities": {"no capabilities", "spare uid", "system-call filter"},
    "root-read-only": {"private /proc", "spare uid"},
}


@pytest.mark.parametrize("name", sorted(REQUIRED_OFF))
def test_what_several_layers_protect_is_missed_when_all_of_them_are_away(name: str, sandbox: Bubblewrap) -> None:
    sandbox.probe()
    assert sandbox._mode is not None
    mode = replace(sandbox._mode, drop_uid=None) if "spare uid" in REQUIRED_OFF[name] else sandbox._mode
    if name == "root-read-only" and os.geteuid() != 0:
        pytest.skip("only root's own uid may write to these files")
    report = probe(Weakened(REQUIRED_OFF[name]), mode)
    assert not report.ok
    assert name in [check.name for check in report.checks if check.required and not check.holds], report.reason


def test_the_grade_names_each_limit_that_is_away(sandbox: Bubblewrap) -> None:
    """With every limit off but that of time, all that is left in the grade is what is missing: everything."""
    sandbox.probe()
    assert sandbox._mode is not None
    off = {name for name in LAYERS if name.startswith(("limit of ", "group's ", "watch "))} - {"limit of time"}
    off |= {"system-call filter", "no nested namespaces"}
    mode = replace(sandbox._mode, way=None)
    report = probe(Weakened(off), mode)
    assert report.ok, report.reason
    assert set(report.grade.partition("/")[2].split("+")) == set(SHORTFALLS) - {"devices"}


def test_a_limit_that_does_not_bite_lowers_the_grade(program: Callable[[str], str]) -> None:
    if not Bubblewrap(REAL).probe().ok:
        pytest.skip("bubblewrap does not start on this host")
    report = Bubblewrap(program(edited("s/--size [0-9]* --tmpfs/--tmpfs/g"))).probe()
    assert report.ok, report.reason
    assert "no-disk-limit" in report.grade
    assert "full" not in report.grade
    assert not {check.name: check.holds for check in report.checks}["disk"]


def test_a_sandbox_that_says_no_is_asked_for_nothing(pack_folder: Callable[..., Path]) -> None:
    class Refusing:
        name = "refusing"

        def probe(self) -> SandboxReport:
            return SandboxReport(False, "none", (), "it leaks", "mend it")

        def run(self, job: Job, watch: Watch | None = None) -> Finished:
            raise AssertionError("ran without a sandbox")

        def collect(self, finished: Finished) -> dict[str, bytes]:
            raise AssertionError

        def destroy(self, finished: Finished) -> None:
            raise AssertionError

    with pytest.raises(SandboxUnavailable, match="it leaks"):
        run_pack(load_pack(pack_folder()), Refusing())


def test_only_the_interpreter_of_a_private_home_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    prefix = home / "pythons" / "3.11"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "lib" / "python3.11").mkdir(parents=True)
    (prefix / "bin" / "python3.11").touch()
    (home / "bin").mkdir()
    (home / "bin" / "python").symlink_to(prefix / "bin" / "python3.11")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("sys._base_executable", str(home / "bin" / "python"))
    monkeypatch.setattr("sys.base_prefix", str(prefix))
    monkeypatch.setattr("sys.base_exec_prefix", str(prefix))
    real = os.path.realpath(prefix)
    assert interpreter() == Interpreter(f"{real}/bin/python3.11", (f"{real}/bin/python3.11", f"{real}/lib"))
    monkeypatch.setattr("sys.base_prefix", str(home))
    monkeypatch.setattr("sys.base_exec_prefix", str(home))
    assert not [path for path in interpreter().binds if path == f"{os.path.realpath(home)}/lib"]
