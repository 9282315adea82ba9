"""The self-test of a sandbox: attacks from inside, positive controls outside, and the grade that they come to.

A protection holds only if its attack failed and its control, the same act where it is allowed, succeeded. Without the
required ones there is no sandbox. A limit that does not bite lowers the grade by name; nothing is remembered between
processes, since a host's settings may change.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sovereign.records import SandboxUnavailable

from ._interpreter import interpreter
from .errors import PackFailed
from .sandbox import Ending, Finished, Job, Limits, ProbeCheck, SandboxReport

#: Protections without which nothing is run.
REQUIRED = (
    "network",
    "host-files",
    "namespaces",
    "root-read-only",
    "environment",
    "descriptors",
    "capabilities",
    "time",
)
#: Limits, and what the grade says when they do not bite (`SHORTFALLS`).
GRADES = {
    "system-calls": "no-syscall-filter",
    "memory": "no-memory-limit",
    "memory-together": "memory-per-process",
    "kernel-memory": "no-kernel-memory-limit",
    "processes": "no-process-limit",
    "file-size": "no-file-size-limit",
    "disk": "no-disk-limit",
    "file-count": "no-file-count-limit",
    "open-files": "no-open-files-limit",
    "cpu": "no-cpu-limit",
    "nested-namespaces": "nested-namespaces",
}
#: Opened for writing (nothing is written): what would reach past the sandbox.
_KERNEL_FILES = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
    "/proc/sys/fs/suid_dumpable", "/proc/sys/kernel/hostname",
)  # fmt: skip
_NAMESPACES = ("pid", "net", "mnt", "ipc", "uts", "user")
#: Seconds that an attack may take: a limit that bites ends it long before, also on a busy machine.
_PATIENCE = 20
_LIMITS = Limits(seconds=_PATIENCE, cpu_seconds=8, memory_mb=128, output_mb=4, processes=12, open_files=64)
#: Limits that end a run: by which job they are tried, and the end that it must come to.
_RUNS = {
    "time": ("time", Ending.OUT_OF_TIME),
    "cpu": ("cpu", Ending.SIGNALLED),
    "memory-together": ("together", Ending.OUT_OF_MEMORY),
    "kernel-memory": ("kernel", Ending.OUT_OF_MEMORY),
    "file-count": ("files", Ending.TOO_MANY_FILES),
}
_SPIN = b"while True:\n    pass\n"
_SLEEP = b"import time\ntime.sleep(60)\n"
_TOGETHER = b"""\
import os, time
for _ in range(4):
    if os.fork() == 0:
        block = bytearray(b"x") * (80 << 20)
        time.sleep(20)
        os._exit(0)
time.sleep(20)
"""
#: Memory that no process has in its own count: what waits in sockets that are connected to each other. About 200 MiB,
#: then an end, so that a host without a bound for it is not harmed.
_IN_THE_KERNEL = b"""\
import os, socket, time
full, told = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        held = []
        for _ in range(120):
            for end in socket.socketpair():
                end.setblocking(False)
                held.append(end)
                try:
                    while True:
                        end.send(bytes(4096))
                except BlockingIOError:
                    pass
        os.write(told, b"x")
        time.sleep(20)
        os._exit(0)
for _ in range(4):
    os.read(full, 1)
"""
_MANY_FILES = b"""\
for n in range(20_000):
    open(f"{n}", "w").close()
"""


@dataclass(frozen=True)
class _Aim:
    """What the attacks reach for, all of it ours, and what reached it from outside (the positive controls)."""

    inside: dict[str, Any]
    environment: dict[str, str]
    controls: dict[str, tuple[bool, str]]


class Words(Protocol):
    """A way to enter a sandbox."""

    @property
    def words(self) -> str:
        """As it stands in an attestation."""


ModeT = TypeVar("ModeT", bound=Words, contravariant=True)


class Tested(Protocol[ModeT]):
    """What a provider offers its test: to run a job in a mode that is not proven yet."""

    @property
    def name(self) -> str: ...

    def program(self) -> str: ...

    def run_in(self, job: Job, mode: ModeT, environment: dict[str, str] | None = None) -> Finished: ...

    def collect(self, finished: Finished) -> dict[str, bytes]: ...


def probe(sandbox: Tested[ModeT], mode: ModeT) -> SandboxReport:
    """Test one mode of a provider on this host. A few seconds; harmless, and nothing is left behind."""
    facts = {"kernel": platform.release(), "mode": mode.words}
    try:
        facts["version"] = _version(sandbox.program())
        with _aim() as aim:
            rows = _rows(sandbox, mode, aim)
    except SandboxUnavailable as error:
        return SandboxReport(False, "none", (), error.message, error.remedy, facts)
    except (OSError, PackFailed) as error:
        return SandboxReport(False, "none", (), f"the self-test could not be made: {error}", _REMEDY, facts)
    return _report(sandbox.name, rows, facts)


def _rows(sandbox: Tested[ModeT], mode: ModeT, aim: _Aim) -> tuple[ProbeCheck, ...]:
    attacks = Path(__file__).with_name("_selftest.py").read_bytes()
    main = Job({"probe.py": attacks, "probe.json": json.dumps(aim.inside).encode()}, "probe.py", _LIMITS)
    jobs = {
        "main": main,
        "cpu": Job({"x.py": _SPIN}, "x.py", Limits(_PATIENCE, 1, 128, 1, 4)),
        "time": Job({"x.py": _SLEEP}, "x.py", Limits(0.4, 8, 128, 1, 4)),
        "together": Job({"x.py": _TOGETHER}, "x.py", Limits(_PATIENCE, 8, 128, 1, 8)),
        "kernel": Job({"x.py": _IN_THE_KERNEL}, "x.py", Limits(_PATIENCE, 8, 64, 1, 8)),
        "files": Job({"x.py": _MANY_FILES}, "x.py", Limits(_PATIENCE, 8, 128, 4, 4, files=256)),
    }
    with ThreadPoolExecutor(len(jobs)) as pool:
        runs = {name: pool.submit(sandbox.run_in, job, mode, aim.environment) for name, job in jobs.items()}
        ended = {name: run.result() for name, run in runs.items()}
    seen = _seen(sandbox, ended["main"], aim)
    rows = [_inside_row(name, seen.get(name), aim.controls.get(name)) for name in (*REQUIRED, *GRADES)
            if name not in _RUNS]  # fmt: skip
    control = f"a script within its limits ended with {ended['main'].said()}"
    for name, (job, due) in _RUNS.items():
        finished = ended[job]
        attack = f"over the limit: {finished.said()} after {finished.seconds:.1f} s"
        rows.append(ProbeCheck(name, name in REQUIRED, finished.ending is due and ended["main"].ok, attack, control))
    return tuple(sorted(rows, key=lambda row: [*REQUIRED, *GRADES].index(row.name)))


def _seen(sandbox: Tested[Any], finished: Finished, aim: _Aim) -> dict[str, Any]:
    """What the attacks saw, from a run that carried our nonce in and out."""
    if not finished.ok:
        raise PackFailed(f"it ended with {finished.said()}: {' '.join(finished.log.split())[-300:]}")
    try:
        told = json.loads(sandbox.collect(finished)["results.json"])
        if told["nonce"] != aim.inside["nonce"]:
            raise PackFailed("its results are those of another run")
        return dict(told["seen"])
    except (KeyError, TypeError, ValueError) as error:
        raise PackFailed(f"its results cannot be read ({error})") from error


def _inside_row(name: str, seen: Any, outside: tuple[bool, str] | None) -> ProbeCheck:
    if not isinstance(seen, dict):
        return ProbeCheck(name, name in REQUIRED, False, "not tried", "")
    control, words = bool(seen.get("control")), str(seen.get("control_text"))
    if outside is not None:
        control, words = control and outside[0], f"{words}; outside: {outside[1]}"
    holds = seen.get("refused") is True and control
    return ProbeCheck(name, name in REQUIRED, holds, str(seen.get("attack")), words)


def _report(name: str, rows: tuple[ProbeCheck, ...], facts: dict[str, str]) -> SandboxReport:
    open_ = [row for row in rows if row.required and not row.holds]
    if open_:
        what = "; ".join(f"{row.name}: {row.attack}; control: {row.control}" for row in open_)
        return SandboxReport(False, "none", rows, f"the sandbox does not isolate ({what})", _REMEDY, facts)
    lowered = [GRADES[row.name] for row in rows if row.name in GRADES and not row.holds]
    remedy = f"limits that do not bite here: {', '.join(lowered)}; run only packs that you trust" if lowered else ""
    return SandboxReport(True, f"{name}/{'+'.join(lowered) or 'full'}", rows, "", remedy, facts)


_REMEDY = "see that `bwrap` (or `podman`) on PATH is your distribution's own, and that /tmp can be written"


@contextmanager
def _aim() -> Iterator[_Aim]:
    """A listener, an abstract socket, a marked file, a variable: reached from outside first, then offered inside."""
    nonce = secrets.token_hex(16)
    with (
        tempfile.TemporaryDirectory(prefix=f"sovereign-probe-{os.getpid()}-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract,
    ):
        Path(folder).chmod(0o755)  # so that only isolation hides the file, not its permissions
        marked = Path(folder) / "marked"
        marked.write_text(nonce, encoding="ascii")
        abstract.bind(f"\0sovereign-{nonce}")
        abstract.listen()
        port = listener.getsockname()[1]
        python, home, granted = interpreter(), os.path.realpath(Path.home()), _granted()
        inside = {
            "nonce": nonce,
            "port": port,
            "abstract": f"sovereign-{nonce}",
            "files": [str(marked), f"/proc/{os.getpid()}/root{marked}"],
            "home": home if _private(home) else "",
            "home_allowed": sorted({Path(p).relative_to(home).parts[0] for p in python.binds if _under(p, home)}),
            "namespaces": {name: _namespace(name) for name in _NAMESPACES},
            "read_only": ["/", "/usr", "/etc", "/dev", "/pack", *python.binds[1:]],
            "kernel_files": [path for path in _KERNEL_FILES if Path(path).exists()],
            "writable": ["/work", "/tmp", "/dev/shm"],  # noqa: S108 - inside the sandbox
            "variable": f"SOVEREIGN_PROBE_{nonce.upper()}",
            "open_files": _LIMITS.open_files,
            "output_mb": _LIMITS.output_mb,
            "memory_mb": _LIMITS.memory_mb,
            "processes": _LIMITS.processes,
            "calls": granted,
        }
        environment = {str(inside["variable"]): nonce}
        controls = {
            "network": _reached(port, f"\0sovereign-{nonce}"),
            "host-files": (marked.read_text() == nonce, "the marked file was read"),
            "namespaces": (
                all(
                    _namespace(n) == _namespace(n, os.getppid()) for n in ("net", "pid") if _namespace(n, os.getppid())
                ),
                "an ordinary process shares its parent's",
            ),
            "environment": _child_sees(environment),
            "system-calls": (len(granted) > 2, f"{', '.join(granted) or 'none'} are granted"),
            "nested-namespaces": ("unshare" in granted, "a user namespace can be made"),
        }
        yield _Aim(inside, environment, controls)


def _reached(port: int, abstract: str) -> tuple[bool, str]:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
            end.connect(abstract)
    except OSError as error:
        return False, f"our own listener was not reached: {error}"
    return True, "our own listeners were reached"


def _granted() -> list[str]:
    """The calls that the filter should refuse and that this kernel grants to an ordinary process of ours."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_selftest.py")), "--calls"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    try:
        return [str(name) for name in json.loads(shown)]
    except ValueError:
        return []


def _child_sees(environment: dict[str, str]) -> tuple[bool, str]:
    (name, value), *_ = environment.items()
    shown = subprocess.run(
        ["/bin/sh", "-c", f'printf %s "${name}"'], env=environment, capture_output=True, text=True, check=False
    ).stdout
    return shown == value, "an ordinary child sees the variable"


def _namespace(name: str, pid: int | str = "self") -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/{name}").readlink())
    except OSError:
        return ""


def _private(home: str) -> bool:
    """Whether a home folder is a person's own, not one of the system's that a sandbox shows or covers anyway."""
    return home not in ("/", "/tmp", "/home", "/dev", "/proc") and not _under(home, "/usr")  # noqa: S108


def _under(path: str, folder: str) -> bool:
    return folder != "/" and path.startswith(folder + "/")


def _version(program: str) -> str:
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return shown.stdout.strip()[:80] or "unknown"
