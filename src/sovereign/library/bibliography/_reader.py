"""Bibliographies as a reader of the library: each entry a work, with the paper attached to it where it lies at hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .._types import Failure, Stored
from ..readers._port import Document, slug

if TYPE_CHECKING:
    from ._entry import Entry

_MAX_BYTES = 64_000_000
_PEEK = 4096
_PAPERS = (".pdf", ".tex", ".gz", ".zip", ".html", ".htm", ".xhtml", ".xml", ".nxml", ".txt")
_SUFFIXES = (".bib", ".bibtex", ".ris", ".json")
_CSL = re.compile(r"\ufeff?\s*(?:\[|\{\s*\"items\"\s*:)")


class BibliographyReader:
    """BibTeX, RIS and CSL-JSON as Zotero, JabRef and others export them."""

    name = "bibliography"
    version = "1"

    def accepts(self, path: Path) -> bool:
        """By suffix; of JSON files those that hold a list of items."""
        suffix = path.suffix.lower()
        return suffix in _SUFFIXES and (suffix != ".json" or _is_list(path))

    def read(self, document: Document) -> Iterator[Stored | Failure]:
        """The file's works in its order. A broken entry is a failure at its line (of JSON: its item)."""
        try:
            if document.path.stat().st_size > _MAX_BYTES:
                yield document.fail("is larger than 64 MB: export it in parts")
                return
            text = document.path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            yield document.fail(f"cannot be read: {error.strerror}; check its permissions")
            return
        except UnicodeDecodeError as error:
            yield document.fail(f"is not UTF-8 (byte {error.start}): export it as UTF-8, or convert it with `iconv`")
            return
        if not text.strip():
            yield document.fail("is empty: there is nothing to read")
            return
        found = False
        try:
            for one in _parsed(document.path.suffix.lower(), text):
                found = True
                if isinstance(one, tuple):
                    yield document.fail(one[1], one[0])
                else:
                    yield from self._work(document, one)
        except (ValueError, RecursionError):
            yield document.fail("is not valid JSON: export it again")
            return
        if not found:
            yield document.fail("holds no entry: is it a bibliography?")

    def _work(self, document: Document, entry: Entry) -> Iterator[Stored | Failure]:
        from .._best import best_of
        from ._entry import Unusable, completed, source_of

        try:
            source = source_of(completed(entry), slug(document.relative.stem))
        except Unusable as reason:
            yield document.fail(f"entry {entry.key[:80]!r} {reason}")
            return
        for written in entry.files:
            if source.text_level == "full_text":
                break
            paper = self._attached(document, written, source)
            if isinstance(paper, Failure):
                yield paper
            elif paper is not None:
                source = best_of(paper, source)
        yield source

    def _attached(self, document: Document, written: str, source: Stored) -> Stored | Failure | None:
        """The paper in a file that an entry names, from inside the bibliography's folder; None if it is no paper."""
        from ..readers import Unreadable, read_bytes
        from ..readers import source_of as source_of_paper

        folder = document.path.parent.resolve()
        path = (folder / written.replace("\\", "/")).resolve()
        where = f"entry {written[:120]!r}"
        if not path.is_relative_to(folder):
            return document.fail(f"{where} lies outside the bibliography's folder: export it together with its files")
        if not path.is_file():
            return document.fail(f"{where} is not there: export the bibliography together with its files")
        if path.suffix.lower() not in _PAPERS:
            return None
        try:
            paper = read_bytes(path.read_bytes(), path.name)
            return source_of_paper(
                paper, source.id, title=source.title, authors=source.authors, year=source.year, address=source.address
            )
        except Unreadable as error:
            return Failure(str(path), f"{error.message}: {error.remedy}")
        except OSError as error:
            return Failure(str(path), f"cannot be read: {error.strerror}; check its permissions")


def _parsed(suffix: str, text: str) -> Iterator[Entry | tuple[int, str]]:
    from . import _bibtex, _csl, _ris

    return {".ris": _ris.parse, ".json": _csl.parse}.get(suffix, _bibtex.parse)(text)


def _is_list(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _CSL.match(file.read(_PEEK).decode("utf-8", "replace")) is not None
    except OSError:
        return False


