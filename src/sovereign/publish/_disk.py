"""Pages on disk: every file replaced whole or not at all, one writer of the list at a time, errors with a remedy."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sovereign.records import StorageError

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
#: So deep, members stand on lines of their own; what is deeper stands on one line, which is ten times as fast to write.
_LINES = 3


def as_json(value: Any) -> str:
    """JSON as it stands in the site's files: sorted names, one line feed at the end."""
    return _lines(value, _LINES, "") + "\n"


def _lines(value: Any, depth: int, indent: str) -> str:
    if not depth or not value or not isinstance(value, dict | list | tuple):
        return _encode(value)
    more = f"{indent} "
    if isinstance(value, dict):
        members = [f"{_encode(name)}: {_lines(value[name], depth - 1, more)}" for name in sorted(value)]
    else:
        members = [_lines(item, depth - 1, more) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inside = f",\n{more}".join(members)
    return f"{opening}\n{more}{inside}\n{indent}{closing}"


def replace(path: Path, content: str) -> bool:
    """Put the content under the name in one step, readable for a web server; nothing is done if it is there already.

    Returns whether the file was written: a page that did not change keeps its time.
    """
    data = content.encode("utf-8")
    if _holds(path, data):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def _holds(path: Path, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (thousands of files: a Path would cost as much as the look)
            return os.fstat(file.fileno()).st_size == len(data) and file.read() == data
    except OSError:
        return False


@contextlib.contextmanager
def lock(out: Path) -> Iterator[None]:
    """Hold the lock of the pages around the records."""
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Turn an error of the operating system into one that names what was not written, and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space; the record itself is stored, its page can be written again"
            raise StorageError(f"the disk is full: the pages under {folder} were not all written", remedy) from error
        raise StorageError(
            f"the pages under {folder} cannot be written: {error.strerror or error}",
            "make the folder writable; the record itself is stored, its page can be written again",
        ) from error
