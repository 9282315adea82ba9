"""What runs first inside the sandbox: gives up what it still has, sets the limits, starts the script, packs its files.

This file is handed into the sandbox as it is and run there as process 1, so it may import the standard library only.
Its one argument is a JSON object (see `_command.launch_command`). It writes to the descriptor `fd`: the line `ready`,
then, when the script has ended, one line of JSON (ending, code, files, faults) and the bytes of the files, in order.

It is no part of what keeps a script in: a script that took it over would gain only the means to write a parcel that
it could have written anyway, since the parcel is read as what it is, the script's own output.
"""

# ruff: noqa: PTH123, PTH208, SIM105, S606
import errno
import json
import os
import resource
import select
import signal
import stat
import sys
import time
from typing import Any

MIB = 1 << 20
LOOK_SECONDS = 0.05


def main() -> None:
    config = json.loads(sys.argv[1])
    parcel = config["fd"]
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in (parcel, config["lifeline"]):
            _close(descriptor)
    os.set_inheritable(parcel, False)
    os.set_inheritable(config["lifeline"], False)
    if config["drop"] is not None:
        _give_up_root(config["drop"])
    else:
        _close_to_others()
    _limit(config["limits"])
    if config.get("filter"):
        _install_filter(config["filter"])
    os.write(parcel, b"ready\n")
    try:
        ending, code = _run(config)
    except OSError as error:
        ending, code = "lost", error.errno
    _kill_all()
    files: list[tuple[str, bytes]] = []
    faults: list[tuple[str, str]] = []
    if (ending, code) == ("exited", 0):
        files, faults = _outputs(config)
    header = {
        "ending": ending,
        "code": code,
        "files": [{"name": name, "size": len(data)} for name, data in files],
        "faults": [{"name": name, "why": why} for name, why in faults],
    }
    _write(parcel, json.dumps(header).encode("ascii") + b"\n")
    for _, data in files:
        _write(parcel, data)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass


def _give_up_root(uid: int) -> None:
    """Forbid namespaces of the script's own, then become an ordinary user for good (exec brings nothing back)."""
    try:
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")
    except OSError:
        pass  # the probe sees that it does not hold and lowers the grade
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _close_to_others() -> None:
    """Let no process of our own uid look into this one (giving up root does the same): the script's uid is ours."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE; starting the script undoes it for the script
    except (ImportError, OSError):
        pass


def _install_filter(path: str) -> None:
    """Put the system-call filter over this process and what it starts; where that fails, the probe sees it."""
    try:
        import ctypes

        with open(path, "rb") as file:
            program = file.read()

        class Program(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ushort), ("lines", ctypes.c_char_p)]

        whole = Program(len(program) // 8, program)
        libc = ctypes.CDLL(None)
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        libc.prctl(22, 2, ctypes.byref(whole), 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    except (ImportError, OSError):
        pass


def _limit(limits: dict[str, int]) -> None:
    for name, value in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", limits["output_mb"] * MIB),
        ("RLIMIT_NOFILE", limits["open_files"]),
        ("RLIMIT_CPU", limits["cpu_seconds"]),
        ("RLIMIT_NPROC", limits["processes"] + 1),  # this process counts too
        ("RLIMIT_AS", limits["address_mb"] * MIB),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_MSGQUEUE", 0),
    ):
        which = getattr(resource, name, None)
        if which is None or (value <= 0 and name == "RLIMIT_AS"):
            continue  # no bound: a graphics driver maps far more than it uses
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _run(config: dict[str, Any]) -> tuple[str, int | None]:
    """Start the script and wait for it: its end, the deadline, or the end of whoever started us (the lifeline)."""
    deadline = time.monotonic() + config["limits"]["seconds"]
    empty = {folder: _files_in(folder) for folder in config["writable"]}
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.chdir(config["cwd"])
            os.execve(config["argv"][0], config["argv"], config["environment"])
        finally:
            os._exit(127)
    while True:
        status = _reap(child)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            return ("exited", code) if code >= 0 else ("signalled", -code)
        left = deadline - time.monotonic()
        if left <= 0:
            return "out of time", None
        if any(_files_in(folder) - before > config["limits"]["files"] for folder, before in empty.items()):
            return "too many files", None
        ready, _, _ = select.select([config["lifeline"], wake_read], [], [], min(left, LOOK_SECONDS))
        if config["lifeline"] in ready:
            os._exit(0)  # process 1 ends, and all that it started with it
        if wake_read in ready:
            os.read(wake_read, 4096)


def _files_in(folder: str) -> int:
    """Files and folders in a writable folder; each is a file system of its own, so its inodes are theirs."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_files - found.f_ffree


def _reap(child: int) -> int | None:
    """Collect every child that ended (orphans come to process 1); the script's status once it is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == 0:
            return None
        if pid == child:
            return status


def _kill_all() -> None:
    """End what the script left running, before its files are read."""
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def _outputs(config: dict[str, Any]) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    files: list[tuple[str, bytes]] = []
    faults: list[tuple[str, str]] = []
    left = config["max_bytes"]
    for name in config["outputs"]:
        try:
            data, why = _read(config["cwd"], name, left)
        except FileNotFoundError:
            continue
        except OSError as error:
            data, why = None, "a link" if error.errno == errno.ELOOP else (error.strerror or "cannot be read")
        if data is None:
            faults.append((name, why))
        else:
            files.append((name, data))
            left -= len(data)
    return files, faults


def _read(folder: str, name: str, most: int) -> tuple[bytes | None, str]:
    """The bytes of a regular file, or None and what it is instead. No link is followed on the way to it, and a pipe
    does not make us wait."""
    *above, last = name.split("/")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for part in above:
            if stat.S_ISLNK(os.stat(part, dir_fd=descriptor, follow_symlinks=False).st_mode):
                return None, "behind a link"
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor, upper = os.open(part, flags, dir_fd=descriptor), descriptor
            os.close(upper)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor, upper = os.open(last, flags, dir_fd=descriptor), descriptor
        os.close(upper)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None, "no regular file"
        if found.st_nlink != 1:
            return None, "a link"
        parts: list[bytes] = []
        size = 0
        while size <= most:
            part_read = os.read(descriptor, min(MIB, most + 1 - size))
            if not part_read:
                return b"".join(parts), ""
            parts.append(part_read)
            size += len(part_read)
        return None, f"larger than the {most} bytes that may still be collected"
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
