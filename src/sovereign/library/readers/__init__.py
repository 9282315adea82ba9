"""Readers: files into sources. One file per format; the first that accepts a path reads it.

`read_bytes` and `source_of` do for bytes in memory what `library add` does for files.
"""

from __future__ import annotations

from pathlib import Path

from ..bibliography import BibliographyReader
from ._paper import Format, Paper, Section, Table, TableCell, Unreadable
from ._port import Document, Reader, slug
from .collection import CollectionReader
from .jsonl import JsonlReader
from .markdown import MarkdownReader
from .papers import PaperReader, read_bytes, source_of, text_rank

READERS: tuple[Reader, ...] = (
    MarkdownReader(), JsonlReader(), BibliographyReader(), CollectionReader(), PaperReader(),
)  # fmt: skip

__all__ = [
    "READERS", "CollectionReader", "Document", "Format", "JsonlReader", "MarkdownReader", "Paper", "PaperReader",
    "Reader", "Section", "Table", "TableCell", "Unreadable", "read_bytes", "reader_for", "slug", "source_of",
    "text_rank",
]  # fmt: skip


def reader_for(path: Path) -> Reader | None:
    """The reader of a path, by its name, or None."""
    return next((reader for reader in READERS if reader.accepts(path)), None)
