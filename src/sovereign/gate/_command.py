"""The command line of bubblewrap: what the sandbox shows, what it takes away, and the interpreter inside it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .sandbox import Job

MIB = 1 << 20
WORK, PACK, LAUNCH = "/work", "/pack", "/launch.py"
INNER_UID = 65534
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
_STORES = ("/nix/store", "/gnu/store")
_ETC = ("/etc/ld.so.cache", "/etc/alternatives")


@dataclass(frozen=True)
class Mode:
    """How the sandbox is entered. As root, the script runs under a uid that owns nothing, so that the kernel counts
    its processes (root's are never counted); an ordinary user has no second uid to give."""

    drop_uid: int | None
    limit_processes: bool = True

    @property
    def words(self) -> str:
        """The mode as it stands in an attestation."""
        return "own user namespace" if self.drop_uid is None else "own user namespace, uid dropped"


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs a script, and the paths outside the system's folders that it needs, and no more."""

    executable: str
    binds: tuple[str, ...]


def interpreter() -> Interpreter:
    """This process's base interpreter, also when it lies in a private home or behind a virtual environment."""
    executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    wanted = [executable]
    for prefix in dict.fromkeys(os.path.realpath(p) for p in (sys.base_prefix, sys.base_exec_prefix)):
        wanted += _libraries(Path(prefix))
    wanted += [store for store in _STORES if executable.startswith(store + "/")]
    outside = [path for path in dict.fromkeys(wanted) if not _within(path, _SYSTEM) and os.path.lexists(path)]
    return Interpreter(executable, tuple(path for path in outside if not _within(path, set(outside) - {path})))


def bubblewrap_command(
    bwrap: str, python: Interpreter, job: Job, *, data: Mapping[str, int], info: int, block: int | None
) -> list[str]:
    """The arguments up to and with `--`. `data` maps paths inside to descriptors that hold their bytes."""
    size = str(job.limits.output_mb * MIB)
    arguments = [bwrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1"]
    arguments += ["--clearenv", "--hostname", "sandbox", "--info-fd", str(info), "--cap-drop", "ALL"]
    if block is not None:
        arguments += ["--userns-block-fd", str(block), "--uid", "0", "--gid", "0"]
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SYS_RESOURCE"):
            arguments += ["--cap-add", capability]
    else:
        arguments += ["--uid", str(INNER_UID), "--gid", str(INNER_UID)]
        arguments += ["--disable-userns"] if _supports(bwrap, "--disable-userns") else []
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/home", "/dev/shm", WORK):  # noqa: S108 - inside the sandbox, private to it
        arguments += ["--perms", "1777", "--size", size if folder != "/home" else str(MIB), "--tmpfs", folder]
    arguments += [*_system(), *_interpreter_binds(python)]
    for path, descriptor in data.items():
        arguments += [*_parents(path), "--perms", "0444", "--ro-bind-data", str(descriptor), path]
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def launch_command(python: Interpreter, job: Job, mode: Mode, *, parcel: int, lifeline: int) -> list[str]:
    """What bubblewrap starts: the launcher with its JSON argument."""
    limits = {
        "seconds": job.limits.seconds,
        "cpu_seconds": job.limits.cpu_seconds,
        "memory_mb": job.limits.memory_mb,
        "output_mb": job.limits.output_mb,
        "open_files": job.limits.open_files,
        "processes": job.limits.processes if mode.limit_processes else 1 << 20,
    }
    config = {
        # Not -I: it would also ignore PYTHONHASHSEED, and the environment is ours alone anyway.
        "argv": [python.executable, "-s", "-S", "-B", f"{PACK}/{job.script}"],
        "cwd": WORK,
        "environment": environment(job),
        "drop": None if mode.drop_uid is None else INNER_UID,
        "limits": limits,
        "outputs": list(job.outputs),
        "max_bytes": job.limits.output_mb * MIB,
        "fd": parcel,
        "lifeline": lifeline,
    }
    return [python.executable, "-I", "-S", "-B", LAUNCH, json.dumps(config)]


def environment(job: Job) -> dict[str, str]:
    """All of the environment that a script sees: fixed locale, time zone and hash seed, nothing of the host's."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home",
        "TMPDIR": "/tmp",  # noqa: S108 - inside the sandbox, private to it
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        **job.environment,
    }


def inside_files(job: Job) -> dict[str, bytes]:
    """The files that are handed in, by their path inside: the launcher and the job's own."""
    launcher = Path(__file__).with_name("_launch.py").read_bytes()
    return {LAUNCH: launcher, **{f"{PACK}/{name}": data for name, data in job.files.items()}}


def _system() -> Iterator[str]:
    """The system's programs and libraries, read-only; a link stays a link (`/bin` -> `usr/bin`)."""
    for path in _SYSTEM:
        if Path(path).is_symlink():
            yield from ("--symlink", os.readlink(path), path)  # noqa: PTH115 - its very text, relative or not
        elif Path(path).is_dir():
            yield from ("--ro-bind", path, path)
    yield from ("--perms", "0755", "--dir", "/etc")
    for path in _ETC:
        yield from ("--ro-bind-try", path, path)


def _interpreter_binds(python: Interpreter) -> Iterator[str]:
    for path in python.binds:
        yield from (*_parents(path), "--ro-bind", path, path)


def _parents(path: str) -> Iterator[str]:
    """bubblewrap makes missing parents for their owner alone (0700); the script is another user, so make them here."""
    for parent in reversed(Path(path).parents):
        if str(parent) not in ("/", "/tmp", "/home"):  # noqa: S108
            yield from ("--perms", "0755", "--dir", str(parent))


def _libraries(prefix: Path) -> list[str]:
    home = Path.home().resolve()
    if prefix == home / ".local" or prefix == home or home.is_relative_to(prefix):
        # The prefix holds a person's own files as well: bind the standard library alone.
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return [str(prefix / "lib" / version), *map(str, sorted((prefix / "lib").glob("libpython*.so*")))]
    return [str(path) for path in (prefix / "lib", prefix / "lib64") if path.is_dir()]


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


@functools.cache
def _supports(bwrap: str, option: str) -> bool:
    try:
        shown = subprocess.run([bwrap, "--help"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return f"{option} " in shown.stdout + shown.stderr
