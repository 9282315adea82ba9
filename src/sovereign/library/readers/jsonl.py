"""One JSON object per line, plain or gzipped: arXiv listings, and corpora in the layout of BEIR and its kin.

Lines are streamed; a broken one is a failure and the rest goes on. A gzip bomb is stopped by its ratio and its size.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .._types import Failure, Stored, sha256_of
from ._port import SOURCE_ID, Document, one_line, slug, unusable

_CHUNK = 1 << 20
_JSON = json.JSONEncoder(ensure_ascii=False).encode
_MAX_LINE = 4_000_000
_MAX_FAILURES = 1000
_RATIO, _RATIO_FROM = 200, 64_000_000
_ARXIV = re.compile(r"(?:arxiv:)?((?:\d{2})(?:\d{2})\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?", re.IGNORECASE)
_PLAIN_STEMS = frozenset("corpus documents docs data collection abstracts articles papers".split())


class JsonlReader:
    """arXiv rows become `arxiv:<id>`; others `<collection>:<id>`, the collection being the file's or folder's name."""

    name = "jsonl"
    version = "1"

    def __init__(self, max_bytes: int = 4_000_000_000) -> None:
        self._max_bytes = max_bytes

    def accepts(self, path: Path) -> bool:
        """JSON lines by suffix, gzipped or not."""
        return path.name.lower().endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"))

    def read(self, document: Document) -> Iterator[Stored | Failure]:
        """The file's sources, line by line."""
        collection, failures, number = collection_of(document.path), 0, 0
        for number, line in self._lines(document):
            if isinstance(line, Failure):
                item: Stored | Failure | None = line
            else:
                item = self._row(document, number, line, collection)
            if isinstance(item, Failure):
                failures += 1
                if failures > _MAX_FAILURES:
                    yield document.fail(f"has over {_MAX_FAILURES} unreadable lines: is this really JSON lines?")
                    return
            if item is not None:
                yield item
        if number == 0:
            yield document.fail("is empty: there is nothing to read")

    def _lines(self, document: Document) -> Iterator[tuple[int, bytes | Failure]]:
        number, pending, oversized = 0, b"", False
        total = 0
        try:
            with document.path.open("rb") as raw:
                zipped = document.path.name.lower().endswith(".gz")
                stream: IO[bytes] = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[assignment]
                while chunk := stream.read(_CHUNK):
                    total += len(chunk)
                    packed = raw.tell() if zipped else total
                    if total > self._max_bytes:
                        yield number, document.fail(f"is over {self._max_bytes:,} bytes: split it; reading stopped")
                        return
                    if total > _RATIO_FROM and total > _RATIO * max(1, packed):
                        yield (
                            number,
                            document.fail(
                                f"unpacks to over {_RATIO} times its size (a gzip bomb?): reading stopped; "
                                "unpack it yourself if you trust it"
                            ),
                        )
                        return
                    first, *others = chunk.split(b"\n")
                    if oversized and others:
                        oversized, pending, number = False, b"", number + 1
                    elif oversized:
                        continue
                    else:
                        others = [pending + first, *others]
                    for line in others[:-1]:
                        number += 1
                        yield number, line if len(line) <= _MAX_LINE else _too_long(document, number)
                    pending = others[-1]
                    if len(pending) > _MAX_LINE:
                        oversized, pending = True, b""
                        yield number + 1, _too_long(document, number + 1)
                if pending:
                    yield number + 1, pending
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield number + 1, document.fail(f"is not whole gzip ({error}): fetch it again; lines read so far are kept")
        except OSError as error:
            yield number + 1, document.fail(f"cannot be read: {error.strerror or error}; check the file and the disk")

    def _row(self, document: Document, number: int, line: bytes, collection: str) -> Stored | Failure | None:
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            return None
        try:
            row = json.loads(line)
        except UnicodeDecodeError:
            return document.fail("is not UTF-8: convert the file to UTF-8", number)
        except (ValueError, RecursionError):
            return document.fail("is not valid JSON: correct or delete the line", number)
        if not isinstance(row, dict):
            return document.fail("is not a JSON object: each line must be one, with an id and a title", number)
        try:
            return self._arxiv(row) or self._generic(row, collection)
        except _Unusable as reason:
            return document.fail(str(reason), number)

    def _arxiv(self, row: dict[str, Any]) -> Stored | None:
        given = row.get("id")
        match = _ARXIV.fullmatch(given) if isinstance(given, str) else None
        if not match or "title" not in row or not ("summary" in row or "abs" in row):
            return None
        title, summary = _text(row, "title"), _text(row, "summary")
        identifier = match[1]
        digits = re.search(r"\d{2}", identifier)
        short = int(digits[0]) if digits else 0
        address = row.get("abs")
        return self._stored(
            f"arxiv:{identifier}", title, f"{title}\n\n{summary}" if summary.strip() else title,
            "abstract" if summary.strip() else "metadata",
            address=address if isinstance(address, str) else f"https://arxiv.org/abs/{identifier}",
            authors=_names(row.get("authors")), year=(1900 if short > 90 else 2000) + short,
            meta={key: row[key] for key in ("categories", "comment") if row.get(key)},
        )  # fmt: skip

    def _generic(self, row: dict[str, Any], collection: str) -> Stored:
        key = next((k for k in ("_id", "doc_id", "id") if row.get(k) not in (None, "")), None)
        if key is None or not isinstance(row[key], str | int):
            raise _Unusable("has no _id, doc_id or id: give the row one")
        local = re.sub(r"\s+", "-", str(row[key]).strip())
        own = key == "id" and SOURCE_ID.fullmatch(local) and not local.startswith(("measurement:", "note:"))
        title = _text(row, "title")
        body = next((t for k in ("abstract", "summary", "text", "contents") if (t := _text(row, k)).strip()), "")
        if not title.strip() and not body.strip():
            raise _Unusable("has neither a title nor a text: give the row one")
        text = f"{title}\n\n{body}" if title.strip() and body else title if title.strip() else body
        year = row.get("year")
        address = next((row[k] for k in ("address", "url", "abs") if isinstance(row.get(k), str)), None)
        return self._stored(
            local if own else f"{collection}:{local}", title if title.strip() else body[:120], text,
            "abstract" if body else "metadata", address=address, authors=_names(row.get("authors")),
            year=year if isinstance(year, int) and not isinstance(year, bool) and 0 < year < 10_000 else None, meta={},
        )  # fmt: skip

    def _stored(
        self, source_id: str, title: str, text: str, level: str, *, address: str | None, authors: tuple[str, ...],
        year: int | None, meta: dict[str, Any],
    ) -> Stored:  # fmt: skip
        if reason := unusable("\n".join((source_id, title, text, address or "", *authors, _JSON(meta)))):
            raise _Unusable(reason)
        if not SOURCE_ID.fullmatch(source_id):
            raise _Unusable(f"has an unusable id {source_id[:80]!r}: use up to 390 characters without spaces")
        return Stored(
            id=source_id, title=one_line(title), kind="work", text_level=level, sha256=sha256_of(text), text=text,
            address=address, authors=authors, year=year, meta=meta, reader=f"{self.name} {self.version}",
        )  # fmt: skip


class _Unusable(Exception):
    """A row that cannot become a source; the message says why and what to do."""


def _too_long(document: Document, number: int) -> Failure:
    return document.fail(f"is longer than {_MAX_LINE:,} bytes: split or delete the line", number)


def _text(row: dict[str, Any], key: str) -> str:
    """A text field; a list of sentences is joined by single spaces."""
    value = row.get(key)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(part.strip() for part in value)
    return value if isinstance(value, str) else ""


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (one_line(value),) if value.strip() else ()
    return tuple(one_line(v) for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def collection_of(path: Path) -> str:
    """The collection's name: the file's, or its folder's where the file has a name like `corpus`."""
    stem = path.name.split(".")[0]
    named = slug(path.absolute().parent.name if stem.casefold() in _PLAIN_STEMS else stem)
    ascii_only = re.sub(r"[^a-z0-9-]", "", named).lstrip("-0123456789")
    return ascii_only if ascii_only not in ("", "arxiv", "note", "measurement") else "collection"
