"""Readers: files into sources. One file per format; the first that accepts a path reads it."""

from __future__ import annotations

from pathlib import Path

from ._port import Document, Reader, slug
from .collection import CollectionReader
from .jsonl import JsonlReader
from .markdown import MarkdownReader

READERS: tuple[Reader, ...] = (MarkdownReader(), JsonlReader(), CollectionReader())

__all__ = ["READERS", "CollectionReader", "Document", "JsonlReader", "MarkdownReader", "Reader", "reader_for", "slug"]


def reader_for(path: Path) -> Reader | None:
    """The reader of a path, by its name, or None."""
    return next((reader for reader in READERS if reader.accepts(path)), None)
