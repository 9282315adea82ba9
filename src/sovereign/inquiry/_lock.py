"""One file lock per run: held while a process works on the run, released by the kernel when that process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from sovereign.records import Busy, StorageError

# A reader that asks "is this run live?" takes the lock shared for some microseconds: a starter tries again this often.
_ATTEMPTS = 25
_PAUSE_S = 0.02


class RunLock:
    """An exclusive advisory lock on one file, which also names the process that holds it.

    The file stays when the lock is released: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise Busy with the number of the process that holds it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"cannot open the lock file {self._path}: {error.strerror}",
                "free some disk space, or make the workspace writable",
            ) from error
        for attempt in range(_ATTEMPTS):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt + 1 < _ATTEMPTS:
                    time.sleep(_PAUSE_S)
        else:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise Busy(
                f"{self._path.stem} is being worked on by process {holder or 'unknown'}",
                "wait until it ends, or stop it and run `sovereign resume`",
            )
        with contextlib.suppress(OSError):  # only for the message above: a full disk must not cost us the lock
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode("ascii"), 0)
        self._fd = fd

    def __enter__(self) -> RunLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_held(path: Path) -> bool:
    """Whether a live process holds the lock; takes nothing that could keep a live run waiting."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
