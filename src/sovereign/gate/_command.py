"""How one run is enclosed by bubblewrap: what it shows, what it takes away, and what starts inside.

A `Plan` is all of it, in parts of one protection each. Nothing in the kernel leaves one out: the tests weaken copies of
a plan, to show that each protection is what stops the attack on it.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _host
from ._group import Bounds, Way
from ._interpreter import SYSTEM, Interpreter, edited, packages, within
from ._seccomp import system_call_filter
from .sandbox import PACK, WORK, Job

MIB = 1 << 20
LAUNCH = "/launch.py"
INNER_UID = 65534
_OWN_MEMORY_MB, _OWN_TASKS = 64, 2
#: Of /etc: where libraries are, which of two programs a name means, and where OCaml (hence Rocq) is installed.
_ETC = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/ocamlfind.conf")
#: The only folders that a script may write to, each a file system in memory of its own.
WRITABLE = ("/tmp", "/home", "/dev/shm", WORK)  # noqa: S108 - inside the sandbox, private to it
_READ_ONLY_PROC = ("/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi")
_MASKED_PROC = ("/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/timer_list", "/proc/sched_debug")
_NAMESPACES = ("user", "pid", "net", "ipc", "uts", "cgroup-try")


@dataclass(frozen=True)
class Mode:
    """How the sandbox is entered. As root, the script runs under a uid that owns nothing, so that the kernel counts
    its processes (root's are never counted); an ordinary user has no second uid to give, and unless all of that user's
    processes are few, only a control group (`way`) can count those of a script."""

    drop_uid: int | None
    limit_processes: bool = True
    way: Way | None = None

    @property
    def words(self) -> str:
        """The mode as it stands in an attestation."""
        parts = ["own user namespace"]
        parts += ["uid dropped"] if self.drop_uid is not None else []
        return ", ".join([*parts, *([self.way.name] if self.way else [])])


@dataclass
class Plan:
    """One run, enclosed. `options` are bubblewrap's, in order, one thing each; `seal` follows when all is in place.
    `files` (path inside -> bytes) are handed in; `launch` is the configuration of process 1; `filter` the system-call
    filter, a program for seccomp; `bounds` what a control group around it may hold, where the mode has one."""

    bwrap: str
    python: Interpreter
    options: list[tuple[str, ...]]
    seal: list[tuple[str, ...]]
    files: dict[str, bytes]
    launch: dict[str, Any]
    filter: bytes | None
    bounds: Bounds
    memory_mb: int
    printed_bytes: int
    parcel_bytes: int
    seconds: float


def plan(bwrap: str, python: Interpreter, job: Job, mode: Mode) -> Plan:
    """The plan of a job.

    Raises:
        BadInput: a host folder or device that it names may not be shown.
    """
    options: list[tuple[str, ...]] = [("--unshare-" + name,) for name in _NAMESPACES]
    options += [("--die-with-parent",), ("--new-session",), ("--as-pid-1",), ("--clearenv",)]
    options += [("--hostname", "sandbox"), ("--cap-drop", "ALL")]
    if mode.drop_uid is not None:
        options += [("--uid", "0"), ("--gid", "0")]
        options += [("--cap-add", name) for name in ("CAP_SETUID", "CAP_SETGID", "CAP_SYS_RESOURCE")]
    else:
        options += [("--uid", str(INNER_UID)), ("--gid", str(INNER_UID))]
        options += [("--disable-userns",)] if _supports(bwrap, "--disable-userns") else []
    options += [("--proc", "/proc"), *_kernel_files(mode), ("--dev", "/dev")]
    for folder in WRITABLE:
        size = MIB if folder == "/home" else job.limits.output_mb * MIB
        options.append(("--perms", "1777", "--size", str(size), "--tmpfs", folder))
    options += [*_system(), *_shown(python, job)]
    files = {PACK + "/" + name: data for name, data in job.files.items()}
    files[LAUNCH] = Path(__file__).with_name("_launch.py").read_bytes()
    return Plan(
        bwrap=bwrap,
        python=python,
        options=options,
        seal=[("--remount-ro", "/dev"), ("--remount-ro", "/")],
        files=files,
        launch=launch(python, job, mode),
        filter=system_call_filter(),
        bounds=bounds(job),
        memory_mb=job.limits.memory_mb,
        printed_bytes=job.limits.output_mb * MIB,
        parcel_bytes=job.limits.output_mb * MIB,
        seconds=job.limits.seconds,
    )


def command(
    made: Plan,
    *,
    data: dict[str, int],
    info: int,
    block: int | None,
    filter_at: int | None,
    parcel: int,
    lifeline: int,
) -> list[str]:
    """The command line of a plan. `data` maps paths inside to descriptors that hold their bytes, `filter_at` is the
    descriptor that holds the filter."""
    words = [made.bwrap, "--info-fd", str(info)]
    if block is not None:
        words += ["--userns-block-fd", str(block)]
    if filter_at is not None:
        words += ["--seccomp", str(filter_at)]
    for option in made.options:
        words += option
    made_already: set[str] = set()
    for path, descriptor in data.items():
        words += [*_parents(path, made_already), "--perms", "0444", "--ro-bind-data", str(descriptor), path]
    for option in made.seal:
        words += option
    config = json.dumps({**made.launch, "fd": parcel, "lifeline": lifeline})
    return [*words, "--chdir", "/", "--", made.python.executable, "-I", "-S", "-B", LAUNCH, config]


def bounds(job: Job) -> Bounds:
    """A control group counts more than the script: bubblewrap, process 1, and the files in memory of every folder."""
    files = len(WRITABLE) * job.limits.output_mb
    return Bounds((job.limits.memory_mb + files + _OWN_MEMORY_MB) * MIB, job.limits.processes + _OWN_TASKS)


def launch(python: Interpreter, job: Job, mode: Mode | None) -> dict[str, Any]:
    """What process 1 is told, but for its descriptors. Without a mode, the provider gave no second uid."""
    limits = {
        "seconds": job.limits.seconds,
        "cpu_seconds": job.limits.cpu_seconds,
        "address_mb": 0 if job.devices else job.limits.memory_mb,
        "output_mb": job.limits.output_mb,
        "open_files": job.limits.open_files,
        "files": job.limits.files,
        "processes": job.limits.processes if mode is None or mode.limit_processes else 1 << 20,
    }
    return {
        # Not -I: it would also ignore PYTHONHASHSEED. What else it does is done: no user's packages (-s), and no
        # variable but ours; the folder of the script stays on the path, since it holds the pack's own files alone.
        "argv": [python.executable, "-s", "-S", "-B", f"{PACK}/{job.script}", *job.arguments],
        "cwd": WORK,
        "environment": environment(job),
        "drop": INNER_UID if mode is not None and mode.drop_uid is not None else None,
        "limits": limits,
        "writable": list(WRITABLE),
        "outputs": list(job.outputs),
        "max_bytes": job.limits.output_mb * MIB,
    }


def environment(job: Job) -> dict[str, str]:
    """All of the environment that a script sees: fixed locale, time zone and hash seed, nothing of the host's."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home",
        "TMPDIR": "/tmp",  # noqa: S108 - inside the sandbox, private to it
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **job.environment,
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        **({"PYTHONPATH": ":".join((*edited(job.edited), *packages()))} if job.packages or job.edited else {}),
    }


def _kernel_files(mode: Mode) -> Iterator[tuple[str, ...]]:
    """Files of /proc that change or show the kernel, read-only or empty. bubblewrap covers some of them, but not where
    their folder only looks read-only to it, as it does to root. `user` stays open to a launcher that still is root and
    forbids nested namespaces there; the script then runs under a uid that may not."""
    for name in _READ_ONLY_PROC:
        yield ("--ro-bind-try", name, name)
    for folder in sorted(Path("/proc/sys").iterdir()):
        if folder.name != "user" or mode.drop_uid is None:
            yield ("--ro-bind-try", str(folder), str(folder))
    for name in _MASKED_PROC:
        if os.path.exists(name):  # noqa: PTH110
            yield ("--ro-bind", "/dev/null", name)


def _system() -> Iterator[tuple[str, ...]]:
    """The system's programs and libraries, read-only; a link stays a link (`/bin` -> `usr/bin`)."""
    for path in SYSTEM:
        if Path(path).is_symlink():
            yield ("--symlink", os.readlink(path), path)  # noqa: PTH115 - its very text, relative or not
        elif Path(path).is_dir():
            yield ("--ro-bind", path, path)
    yield ("--perms", "0755", "--dir", "/etc")
    for path in _ETC:
        yield ("--ro-bind-try", path, path)


def _shown(python: Interpreter, job: Job) -> Iterator[tuple[str, ...]]:
    """The interpreter, and what the job names of the host."""
    made_already: set[str] = set()
    extra = [path for path in packages() if not within(path, (*SYSTEM, *python.binds))] if job.packages else []
    for path in (*python.binds, *extra):
        yield (*_parents(path, made_already), "--ro-bind", path, path)
    for inside, path in {**edited(job.edited), **_host.folders(job)}.items():
        yield (*_parents(inside, made_already), "--ro-bind", path, inside)
    for path in _host.devices(job):
        yield (*_parents(path, made_already), "--dev-bind", path, path)


def _parents(path: str, made_already: set[str]) -> Iterator[str]:
    """bubblewrap makes missing parents for their owner alone (0700); the script is another user, so make them here."""
    for parent in map(str, reversed(Path(path).parents)):
        if parent not in ("/", "/dev", *WRITABLE) and parent not in made_already:
            made_already.add(parent)
            yield from ("--perms", "0755", "--dir", parent)


@functools.cache
def _supports(bwrap: str, option: str) -> bool:
    try:
        shown = subprocess.run([bwrap, "--help"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return f"{option} " in shown.stdout + shown.stderr

