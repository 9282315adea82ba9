"""What a reader is: a name, a version, and a stream of sources and failures from one file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from .._types import Failure, Stored

SOURCE_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S{1,390}")


@dataclass(frozen=True, slots=True)
class Document:
    """A file to read: where it is, and its path relative to the folder that was added (its name, if added alone)."""

    path: Path
    relative: PurePosixPath

    def fail(self, reason: str, line: int | None = None) -> Failure:
        """A failure at this file, or at one of its lines."""
        return Failure(str(self.path) if line is None else f"{self.path}:{line}", reason)


class Reader(Protocol):
    """Reads one kind of file. `version` changes whenever the same file would give other sources."""

    name: str
    version: str

    def accepts(self, path: Path) -> bool:
        """Whether the reader reads files of this name."""

    def read(self, document: Document) -> Iterator[Stored | Failure]:
        """The sources of a file, in its order; what cannot be read is a Failure, and the rest goes on."""


def slug(text: str) -> str:
    """Lower-case letters, digits and single hyphens; other alphabets are kept, so that two titles stay two."""
    kept = "".join(c if c.isalnum() else "-" for c in unicodedata.normalize("NFKC", text).casefold())
    return re.sub(r"-+", "-", kept).strip("-") or "untitled"


def unusable(text: str) -> str | None:
    """Why a text cannot be a source's text, or None: it must be encodable as UTF-8 and hold no NUL."""
    if "\0" in text:
        return "holds a NUL character: this is binary, not text; convert it to plain text"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a surrogate pair: write the text again as valid UTF-8"
    return None


def one_line(text: str) -> str:
    """The text with runs of white space made single spaces."""
    return " ".join(text.split())
