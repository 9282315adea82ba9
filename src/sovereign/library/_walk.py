"""Which files of a folder are read: in sorted order, none hidden, none outside the folder, none that blocks."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ._types import Failure
from .readers import Document, Reader, reader_for

_ABOUT_THE_FOLDER = re.compile(r"(?:README|NOTICE|LICEN[CS]E)(?:[.\-_].*)?", re.IGNORECASE)


def files_of(path: Path) -> Iterator[tuple[Document, Reader] | Failure | Path]:
    """(document, reader) for each file to read; a Failure for what must not be read; a Path for what has no reader.

    A folder's README, NOTICE and LICENSE are about the folder and are left out, as are hidden files. A symbolic link
    that leads out of the folder is a failure; one that stays inside is left out, for its target is read itself.
    """
    if path.is_dir():
        yield from _walk(path, path.resolve(), PurePosixPath())
    elif not stat.S_ISREG(path.stat().st_mode):
        yield Failure(str(path), "is neither a file nor a folder: name one that is")
    elif reader := reader_for(path):
        yield Document(path, PurePosixPath(path.name)), reader
    else:
        yield Failure(str(path), "has no reader: add Markdown (.md), JSON lines (.jsonl, .jsonl.gz) or a JSON object")


def _walk(folder: Path, root: Path, relative: PurePosixPath) -> Iterator[tuple[Document, Reader] | Failure | Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Failure(str(folder), f"cannot be listed: {error.strerror}; check its permissions")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        try:
            entry.name.encode()
            if entry.is_symlink():
                if not path.resolve().is_relative_to(root):
                    yield Failure(
                        str(path), "is a symbolic link out of the folder: copy the file in, or add it by name"
                    )
                continue
            if entry.is_dir():
                if (path / "library.sqlite").exists():
                    continue  # a library is not a source of itself
                yield from _walk(path, root, relative / entry.name)
            elif _ABOUT_THE_FOLDER.fullmatch(entry.name):
                continue
            elif not entry.is_file():
                yield Failure(str(path), "is not a regular file: remove it or add the files one by one")
            elif reader := reader_for(path):
                yield Document(path, relative / entry.name), reader
            else:
                yield path
        except UnicodeEncodeError:
            yield Failure(ascii(str(path)), "has a name that is not UTF-8: rename it")
        except (OSError, RuntimeError) as error:
            yield Failure(str(path), f"cannot be looked at: {error}; check the link or its permissions")
