"""A JSON object of documents by identifier, as PubMedQA has them: {pmid: {QUESTION, CONTEXTS, LONG_ANSWER, YEAR}}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from .._types import Failure, Stored, sha256_of
from ._port import SOURCE_ID, Document, one_line, unusable
from .jsonl import collection_of

_MAX_BYTES = 64_000_000


class CollectionReader:
    """Each entry with a question and contexts is a work, `<collection>:<key>`, at the level of its abstract."""

    name = "collection"
    version = "1"

    def accepts(self, path: Path) -> bool:
        """JSON by suffix."""
        return path.suffix.lower() == ".json"

    def read(self, document: Document) -> Iterator[Stored | Failure]:
        """The file's sources, in its order."""
        try:
            if document.path.stat().st_size > _MAX_BYTES:
                yield document.fail("is larger than 64 MB: write it as JSON lines, which are streamed")
                return
            data = json.loads(document.path.read_bytes())
        except OSError as error:
            yield document.fail(f"cannot be read: {error.strerror}; check its permissions")
            return
        except (ValueError, RecursionError):
            yield document.fail("is not valid UTF-8 JSON: correct it")
            return
        if not isinstance(data, dict) or not data or not all(isinstance(row, dict) for row in data.values()):
            yield document.fail("is not an object of documents by identifier: write it as JSON lines")
            return
        collection = collection_of(document.path)
        for key, row in data.items():
            title, contexts, conclusion = row.get("QUESTION"), row.get("CONTEXTS"), row.get("LONG_ANSWER")
            if not isinstance(title, str) or not isinstance(contexts, list):
                yield document.fail(f"entry {key[:80]!r} has no QUESTION and CONTEXTS: correct or delete it")
                continue
            parts = [part for part in [*contexts, conclusion] if isinstance(part, str)]
            text, source_id, year = f"{title}\n\n{' '.join(parts)}", f"{collection}:{key}", str(row.get("YEAR", ""))
            reason = unusable(source_id + text)
            if reason or not SOURCE_ID.fullmatch(source_id):
                yield document.fail(f"entry {key[:80]!r} {reason or 'has an unusable identifier: remove its spaces'}")
                continue
            yield Stored(
                id=source_id, title=one_line(title), kind="work", text_level="abstract", sha256=sha256_of(text),
                text=text, year=int(year) if year.isdecimal() and len(year) == 4 else None,
                reader=f"{self.name} {self.version}",
            )  # fmt: skip
