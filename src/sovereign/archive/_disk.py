"""Writing that is whole or not at all, and one lock for all writers of an archive."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from sovereign.records import Busy, StorageError

_SCRATCH = ".unfinished-"
_PATIENCE_SECONDS = 30.0


@contextlib.contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an error of the operating system into one that names what could not be stored."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"the disk is full: {what} was not stored; nothing half-written is left", "free some space, try again"
            ) from error
        if error.errno == errno.EFBIG:
            raise StorageError(f"{what} is larger than this process may write", "raise the file size limit") from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StorageError(f"{what} cannot be stored: {error}", "make the folder writable") from error
        raise StorageError(f"{what} cannot be stored: {error}", "look at the disk with `sovereign doctor`") from error


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the one lock of all writers. What a killed writer left unfinished is removed first.

    Raises:
        Busy: another process held the lock for half a minute.
    """
    with storing(f"the lock of {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(handle, folder)
        for left in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A folder beside the records in which something is built; it is gone afterwards, whatever happens."""
    path = folder / f"{_SCRATCH}{uuid.uuid4().hex}"
    try:
        path.mkdir()
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files (path -> content) under a new folder and push all of it to the disk."""
    folders = {folder}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.update(parent for parent in path.parents if parent.is_relative_to(folder))
        write_file(path, data)
    for path in sorted(folders, reverse=True):
        sync_folder(path)


def write_file(path: Path, data: bytes) -> None:
    """Write a new file and push it to the disk; an existing one is an error."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Push a folder's list of names to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_orphan(path: Path) -> None:
    """Remove a version whose writer was cut off before it became one."""
    if path.exists():
        shutil.rmtree(path)


def publish_file(built: Path, target: Path, *, overwrite: bool = False) -> None:
    """Give a finished file its name, in one step. Without `overwrite`, FileExistsError where the name is taken."""
    if overwrite:
        built.replace(target)
    else:
        _link(built, target)
    sync_folder(target.parent)


def _link(built: Path, target: Path) -> None:
    """A link fails where a rename would overwrite. Some file systems have no links: there we look first."""
    try:
        os.link(built, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        built.replace(target)


def _acquire(handle: int, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise Busy(f"another process is writing to {folder}", "wait until it ends, then try again") from error
            time.sleep(0.01)
