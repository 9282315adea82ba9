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


def as_json(value: dict[str, Any]) -> str:
    """JSON as it stands in the site's files: sorted names, one line feed at the end."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def replace(path: Path, content: str) -> None:
    """Put the content under the name in one step, readable for a web server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def replace_if_other(path: Path, content: str) -> None:
    """Put the content under the name unless it is there already: a page that did not change keeps its time."""
    try:
        if path.read_text(encoding="utf-8") == content:
            return
    except (OSError, ValueError):
        pass
    replace(path, content)


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
