"""Full papers: bytes of any format that we read into a Paper, a Paper into a source, and the files of a folder so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .._types import Failure, Stored, sha256_of
from . import _archive, _identity
from ._formats import BUNDLE_SUFFIXES, FORMATS, MAX_FILE, sniff
from ._paper import Format, Paper, Unreadable
from ._port import SOURCE_ID, Document, one_line, unusable

_MAX_REFERENCES = 2000


def read_bytes(data: bytes, name: str = "", media_type: str = "") -> Paper:
    """The paper in some bytes, as a file or a service gave them. Nothing is fetched, run or written.

    Args:
        data: a PDF, a TeX file or an e-print bundle (.tar.gz, .gz, .zip), HTML, JATS, or plain text.
        name: the file's name; its suffix decides where the bytes do not.
        media_type: what a server called it, with its charset if it gave one.

    Raises:
        Unreadable: there is no text to be had of it; says why and what to do.
    """
    if not data.strip(b"\0\t\n\r\f "):
        raise Unreadable("is empty", "fetch it again")
    if len(data) > MAX_FILE:
        raise Unreadable(f"is over {MAX_FILE // 1_000_000} MB", "split it, or convert it to text")
    what = sniff(data, name, media_type)
    with guarded():
        paper = _archive.read_bundle(data, name) if what is None else read_as(what, data, media_type)
    if reason := unusable(paper.text + paper.title + "".join(paper.authors)):
        raise Unreadable(*reason.rsplit("; ", 1))
    named = _identity.arxiv_id(_identity.stem(name))
    return paper if not named or "arxiv" in paper.ids else replace(paper, ids={**paper.ids, "arxiv": named})


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """What a reader did not foresee costs the file, not the folder; that it was our fault is said."""
    try:
        yield
    except (Unreadable, OSError):
        raise
    except Exception as error:
        raise Unreadable(
            f"made its reader fail ({type(error).__name__}: {str(error)[:100]})", "add it as PDF or text, and report it"
        ) from error


def read_as(what: Format, data: bytes, media_type: str = "") -> Paper:
    """The paper in bytes of a known format, within its limits."""
    if len(data) > what.max_bytes:
        raise Unreadable(
            f"is over {what.max_bytes // 1_000_000} MB, the most we read of {what.name}", "split it into smaller files"
        )
    return what.read(data, media_type)


def source_of(
    paper: Paper, source_id: str, *, title: str | None = None, authors: tuple[str, ...] = (), year: int | None = None,
    address: str | None = None,
) -> Stored:  # fmt: skip
    """A Paper as a work. What a catalogue says of it stands over what the file says.

    Raises:
        Unreadable: the id is none (`scheme:local`, up to 390 characters, no spaces).
    """
    if not SOURCE_ID.fullmatch(source_id):
        raise Unreadable(f"has an unusable id {source_id[:80]!r}", "use scheme:local without spaces")
    meta = paper.meta()
    meta["references"] = meta.get("references", [])[:_MAX_REFERENCES]
    return Stored(
        id=source_id, title=one_line(title or paper.title)[:1000] or source_id, kind="work",
        text_level=paper.text_level, sha256=sha256_of(paper.text), text=paper.text,
        address=address or _identity.address_of(source_id),
        authors=authors or paper.authors, year=year or paper.year or _identity.year_of(source_id),
        meta=dict(sorted((k, v) for k, v in meta.items() if v)), reader=paper.reader,
    )  # fmt: skip


def text_rank(reader: str) -> int:
    """How good the text of a reader of papers is (`Format.rank`), by its name and version; 0 for any other reader."""
    name = reader.partition(" ")[0]
    return next((one.rank for one in FORMATS if one.name == name), 0)


class PaperReader:
    """One work per file: its id is the one in its name (arXiv, PMC), or its own (arXiv, DOI, PMC), or from its path."""

    name = "paper"
    version = "1"

    def accepts(self, path: Path) -> bool:
        """Papers by their suffix."""
        lower = path.name.lower()
        return lower.endswith(BUNDLE_SUFFIXES) or any(lower.endswith(one.suffixes) for one in FORMATS)

    def read(self, document: Document) -> Iterator[Stored | Failure]:
        """The file's source and what was left out of it, or why there is none."""
        try:
            size = document.path.stat().st_size
            if size > MAX_FILE:
                yield document.fail(
                    f"is {size / 1e6:,.0f} MB, over the most we read ({MAX_FILE // 1_000_000} MB): split it, "
                    "or convert it to text"
                )
                return
            data = document.path.read_bytes()
        except OSError as error:
            yield document.fail(f"cannot be read: {error.strerror}; check its permissions")
            return
        try:
            paper = self._paper(document, data)
            source = source_of(paper, _identity.source_id(paper, document.relative))
        except Unreadable as error:
            yield document.fail(f"{error.message}: {error.remedy}")
            return
        yield source
        named = _identity.arxiv_id(_identity.stem(document.path.name))
        if named and source.id != f"arxiv:{named}":
            yield document.fail(f"is named arxiv:{named} and says it is {source.id}, as which it was kept; rename it")
        for what in paper.left_out:
            yield document.fail(f"was read in part: {what}")

    def _paper(self, document: Document, data: bytes) -> Paper:
        what = sniff(data, document.path.name, "") if data.strip(b"\0\t\n\r\f ") else None
        if what is not None and what.name == "tex":
            with guarded():
                return _archive.read_loose(document.path, data)
        return read_bytes(data, document.path.name)
