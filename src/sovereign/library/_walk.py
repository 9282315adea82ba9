"""Which files of a folder are read: in sorted order, none hidden, none outside the folder, none that blocks.

A main TeX file stands for what it reads in and shows: its parts and its figures are no papers of their own.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ._types import Failure
from .readers import Document, Reader, reader_for
from .readers._archive import is_fragment, parts_of

_ABOUT_THE_FOLDER = re.compile(r"(?:README|NOTICE|LICEN[CS]E)(?:[.\-_].*)?", re.IGNORECASE)
_TEX = (".tex", ".ltx")


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The TeX papers at or above a folder: the files that belong to them."""

    parts: frozenset[Path] = field(default_factory=frozenset)
    has_root: bool = False

    def holds(self, path: Path) -> bool:
        """Whether a file is a part of a paper, and not one by itself."""
        if path in self.parts:
            return True
        lower = path.name.lower()
        if not self.has_root or not lower.endswith((*_TEX, ".pdf")):
            return False
        # An old draft beside the parts, or a figure beside the figures that are shown.
        return is_fragment(path) if lower.endswith(_TEX) else any(part.parent == path.parent for part in self.parts)


def files_of(path: Path) -> Iterator[tuple[Document, Reader] | Failure | Path]:
    """(document, reader) for each file to read; a Failure for what must not be read; a Path for what has no reader.

    A folder's README, NOTICE and LICENSE are about the folder and are left out, as are hidden files. A symbolic link
    that leads out of the folder is a failure; one that stays inside is left out, for its target is read itself.
    """
    if path.is_dir():
        yield from _walk(path, path.resolve(), PurePosixPath(), _Bundle())
    elif not stat.S_ISREG(path.stat().st_mode):
        yield Failure(str(path), "is neither a file nor a folder: name one that is")
    elif reader := reader_for(path):
        yield Document(path, PurePosixPath(path.name)), reader
    else:
        yield Failure(
            str(path),
            "has no reader: add a paper (.pdf, .tex, .tar.gz, .html, .xml, .txt), Markdown (.md), JSON lines (.jsonl)",
        )


def _walk(
    folder: Path, root: Path, relative: PurePosixPath, above: _Bundle
) -> Iterator[tuple[Document, Reader] | Failure | Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Failure(str(folder), f"cannot be listed: {error.strerror}; check its permissions")
        return
    bundle = _bundle(folder, entries, above)
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
                yield from _walk(path, root, relative / entry.name, bundle)
            elif _ABOUT_THE_FOLDER.fullmatch(entry.name):
                continue
            elif not entry.is_file():
                yield Failure(str(path), "is not a regular file: remove it or add the files one by one")
            elif bundle.holds(path):
                continue
            elif reader := reader_for(path):
                yield Document(path, relative / entry.name), reader
            else:
                yield path
        except UnicodeEncodeError:
            yield Failure(ascii(str(path)), "has a name that is not UTF-8: rename it")
        except (OSError, RuntimeError) as error:
            yield Failure(str(path), f"cannot be looked at: {error}; check the link or its permissions")


def _bundle(folder: Path, entries: list[os.DirEntry[str]], above: _Bundle) -> _Bundle:
    """The bundle that a folder's files belong to: those above it, and its own."""
    tex = [entry for entry in entries if entry.name.lower().endswith(_TEX)]
    names = [entry.name for entry in tex if entry.is_file(follow_symlinks=False)]
    if not names:
        return above
    parts, has_root = parts_of(folder, names)
    return _Bundle(above.parts | parts, above.has_root or has_root)
