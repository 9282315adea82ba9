"""One writer at a time: an advisory lock file that names its holder. Readers never take it."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from sovereign.records import Busy, StorageError

_POLL_S = 0.05


class WriterLock:
    """An exclusive `flock` on one file; the kernel drops it when the process dies, so no stale lock can stay.

    Entering it again in the same object is counted, not refused.
    """

    def __init__(self, path: Path, wait_s: float = 1.0) -> None:
        self._path = path
        self._wait_s = wait_s
        self._fd = -1
        self._depth = 0

    def acquire(self, wait_s: float | None = None) -> None:
        """Take the lock, waiting up to `wait_s` seconds.

        Raises:
            Busy: another process holds it; the message names its process id.
            StorageError: the lock file cannot be opened (read-only folder, full disk).
        """
        if self._depth:
            self._depth += 1
            return
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(
                f"cannot open the lock file {self._path}: {error.strerror}",
                "make the folder writable for you, or free disk space",
            ) from error
        deadline = time.monotonic() + (self._wait_s if wait_s is None else wait_s)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    os.close(fd)
                    raise StorageError(
                        f"cannot lock {self._path}: {error.strerror}", "keep the workspace on a local file system"
                    ) from error
                if time.monotonic() >= deadline:
                    holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
                    os.close(fd)
                    raise Busy(
                        f"the library is being written by process {holder}",
                        "wait for it to end, or stop it; what it has committed is kept",
                    ) from None
                time.sleep(_POLL_S)
        self._fd = fd
        self._depth = 1
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError:  # a full disk must not keep us from taking the lock: the pid is a courtesy
            pass

    def release(self) -> None:
        """Give the lock back (at the outermost level)."""
        self._depth -= 1
        if self._depth == 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> WriterLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
