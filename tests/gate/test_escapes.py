"""Every escape, tried three ways. With all protections on it is contained and reported; where several layers stop it,
with all but one of them away it still is; and with all that stop it away, and nothing else, it reaches its canary: an
attack that could not have worked proves nothing. A control that cannot be run here is named, and the escape counted as
unproven. The attacks are in tests/support/escapes, what a control switches off in tests/support/weakened.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.canaries import Canaries, canaries
from tests.support.escapes import ESCAPES, HEAD, Escape
from tests.support.escapes.outputs import READ
from tests.support.gate import running
from tests.support.tally import TALLY
from tests.support.weakened import LAYERS, OWN, Weakened

from sovereign.gate import Bubblewrap, Finished, Job, PackFailed, load_pack, run_pack
from sovereign.gate._command import Mode
from sovereign.gate._group import name_of


@pytest.fixture
def mode(sandbox: Bubblewrap) -> Mode:
    """The mode that the probe chose, in which every attack is tried."""
    sandbox.probe()
    assert sandbox._mode is not None
    return sandbox._mode


@pytest.fixture
def at(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canaries]:
    before = host(mode)
    with canaries(mode.drop_uid) as made:
        for name, value in made.secret.items():
            monkeypatch.setenv(name, value)
        yield made
    assert host(mode) == before, "the host was changed"


def host(mode: Mode) -> dict[str, object]:
    """What of this host a script might have changed."""
    names = ("core_pattern", "hostname", "modprobe", "domainname")
    paths = [Path("/proc/sys/kernel") / name for name in names]
    places = mode.way.places if mode.way else ()
    groups = sorted(found for place in places for found in place.glob(f"{name_of(os.getpid())}-*"))
    return {**{str(path): path.read_text() for path in paths if path.exists()}, "groups": groups}


def job(escape: Escape, at: Canaries) -> Job:
    aim = escape.aim(at)
    if "leaked" in aim:
        os.set_inheritable(at.leaked, True)
    files = {"attack.py": (HEAD + escape.script).encode(), "aim.json": json.dumps(aim).encode(), **escape.files}
    return Job(files, "attack.py", escape.limits, escape.outputs, read_only=escape.read_only(at))


def reached(escape: Escape, at: Canaries, finished: Finished, collected: dict[str, bytes]) -> bool:
    """Whether the canary was reached, by what the script says and by what is seen outside."""
    found = {**collected, "": finished.log.encode("utf-8", "replace")}
    try:
        told = json.loads(collected.get("results.json", b"{}"))
        said = isinstance(told, dict) and told.get("reached") is True
    except (ValueError, RecursionError):
        said = False
    return bool(escape.reached(at, found)) or said


def attack(escape: Escape, at: Canaries, mode: Mode, off: tuple[str, ...]) -> tuple[bool, Finished]:
    """Run an escape with some layers away."""
    leaked = at.leaked if "closed descriptors" in off else None
    weak = Weakened(set(off) - set(READ), at.folder, leaked)
    finished = weak.attack(job(escape, at), mode, at.secret if "cleared environment" in off else {})
    try:
        collected = weak.collect(finished) if finished.ok else {}
    except PackFailed:
        collected = {}
    return reached(escape, at, finished, collected), finished


def outside(escape: Escape, at: Canaries, folder: Path) -> bool:
    """Run an escape without any sandbox: where bubblewrap cannot be told to leave a protection off."""
    for name, content in job(escape, at).files.items():
        (folder / name).write_bytes(content)
    subprocess.run([sys.executable, "-S", "attack.py"], cwd=folder, check=True, timeout=60, capture_output=True)
    return json.loads((folder / "results.json").read_text())["reached"] is True


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: escape.name)
def test_escape(
    escape: Escape,
    at: Canaries,
    sandbox: Bubblewrap,
    mode: Mode,
    tmp_path: Path,
    pack_folder: Callable[..., Path],
) -> None:
    grade = sandbox.probe().grade
    if escape.needs and escape.needs in grade:
        TALLY[escape.name] = f"not contained here, as the grade says ({escape.needs})"
        pytest.skip(TALLY[escape.name])
    try:
        made = job(escape, at)
    except OSError as error:
        TALLY[escape.name] = f"unproven: its canary cannot be made here ({error})"
        pytest.skip(TALLY[escape.name])

    if escape.off == READ:
        with pytest.raises(PackFailed) as caught:
            run_pack(load_pack(pack_folder(HEAD.replace("aim =", "aim = 0 #") + escape.script)), sandbox)
        assert caught.value.remedy
    else:
        finished = sandbox.run(made)
        try:
            collected = sandbox.collect(finished) if finished.ok else {}
        except PackFailed:
            collected = {}
        assert not reached(escape, at, finished, collected), (finished, collected)
        assert finished.ending in escape.ends, (finished.said(), finished.log)
        assert running(at.marker) == [] or "pid" in escape.aim(at)
        for layer in escape.layers if len(escape.off) > 1 else ():
            if (layer == "spare uid" and mode.drop_uid is None) or (layer == "control group" and mode.way is None):
                continue
            assert not attack(escape, at, mode, tuple(set(escape.off) - {layer}))[0], f"{layer} alone does not stop it"

    reason = escape.unproven or (escape.root if mode.drop_uid is None else "")
    if not reason:
        bare = outside(escape, at, tmp_path) if escape.outside else attack(escape, at, mode, escape.off)[0]
        reason = "" if bare else absent(escape)
    TALLY[escape.name] = f"unproven: {reason}" if reason else "proven"
    if reason:
        pytest.skip(f"contained; its control reaches nothing here: {reason}")


def absent(escape: Escape) -> str:
    """Why the control of an escape may reach nothing on this host; any other is a failure of the test."""
    known = {
        "vsock": "this kernel has no such sockets",
        "kernel-crypto": "this kernel does not offer its cryptography",
        "call-by-x32": "this kernel has no x32 calls",
        "call-by-int80": "this kernel has no 32-bit calls",
        "local-descriptors": "this kernel has no modify_ldt",
        "bpf": "this kernel gives bpf to root alone",
        "performance-events": "this kernel counts no events for ordinary users, or has no counter",
        "userfaultfd": "this kernel gives userfaultfd to root alone",
        "io-uring": "this kernel has io_uring switched off",
        "core-file": "cores go to a program of the host here",
        "dev-devices": "this host has no such device that its files let us open",
        "proc-sysrq": "this kernel has no such file",
        "sys-write": "this host's /sys is read-only",
        "setuid": "programs do not change their user on the file system of the temporary folder here",
    }
    if escape.name not in known and (stopped := stopped_from_outside()):
        return stopped
    assert escape.name in known, f"the control of {escape.name} reached nothing: the attack does not work"
    return known[escape.name]


def stopped_from_outside() -> str:
    """What of this host may stop an attack before any layer of ours: then its control proves nothing either way."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    if status.get("Seccomp", "0") != "0":
        return "the tests themselves run under a system-call filter"
    if read("/sys/module/apparmor/parameters/enabled") == "Y":
        return "AppArmor's profile of bwrap may stop it"
    if read("/proc/sys/kernel/yama/ptrace_scope") in ("2", "3"):
        return "this kernel lets nobody trace"
    return ""


def read(path: str) -> str:
    return Path(path).read_text().strip() if Path(path).exists() else ""


def test_every_layer_is_attacked_and_every_layer_that_is_named_exists() -> None:
    attacked = {layer for escape in ESCAPES for layer in escape.off if not (escape.unproven or escape.outside)}
    assert attacked - set(READ) <= {*LAYERS, *OWN}
    never = {*LAYERS, *OWN} - attacked
    assert never <= {"own session"}, f"no escape attacks {never}"  # that one: test_escape_terminal.py
    assert len({escape.name for escape in ESCAPES}) == len(ESCAPES) >= 30


def test_nothing_that_looks_for_process_one_or_for_all_ever_sees_those_of_the_host() -> None:
    """Without its own process namespace such a script would end more than a canary."""
    for escape in ESCAPES:
        if "os.kill(1," in escape.script:
            assert escape.off == ("pid namespace",)
            assert escape.unproven
        if "os.kill(-1" in escape.script:
            assert escape.alone == ("pid namespace",)
            assert "spare uid" not in escape.off
            assert escape.root


def test_nothing_runs_without_a_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No escape of them all, where there is no bubblewrap."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("bwrap") is None
    none = Bubblewrap()
    for escape in ESCAPES:
        with pytest.raises(Exception, match="not on PATH"):
            none.run(Job({"x.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n{escape.script}".encode()}, "x.py"))
    assert not (tmp_path / "ran").exists()
