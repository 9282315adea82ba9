"""One `add` under way: documents into batches, batches into the store and the index, and the report of it all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import gazetteer
from ._best import best_of
from ._types import AddReport, Failure, Stored
from .readers import text_rank
from .readers._identity import PATH_SCHEME, stem
from .store import Derived, Store

if TYPE_CHECKING:
    from ._follow import Follower
    from .readers import Document, Reader

_BATCH = 2000
_PAPER = 40  # a full text weighs as many sources, so that a batch of them is written every minute or so
Progress = Callable[[int], None]


class Adding:
    """Batches sources, writes them, hands them to the index, and counts."""

    def __init__(self, store: Store, follower: Follower, progress: Progress | None) -> None:
        self._store, self._follower, self._progress = store, follower, progress
        self._batch: dict[str, Stored] = {}
        self._failures: dict[str, list[Failure]] = {}
        self._added = self._updated = self._unchanged = self._seen = self._weight = 0
        self._failed: list[Failure] = []
        self._file_of: dict[str, str] = {}
        self._skipped: list[str] = []

    def take(self, item: tuple[Document, Reader] | Failure | Path) -> None:
        """Read one file of a walk, or note why it is not read."""
        if isinstance(item, Path):
            self._skipped.append(str(item))
            return
        if isinstance(item, Failure):
            self._failures[item.where] = [item]
            return
        document, reader = item
        file = str(document.path)
        failures: list[Failure] = []
        for found in reader.read(document):
            if isinstance(found, Failure):
                failures.append(found)
            elif reader.name == "markdown" and self._file_of.setdefault(found.id, file) != file:
                other = self._file_of[found.id]
                failures.append(document.fail(f"has the id {found.id}, as {other} has: give one of them another"))
            elif found.id.startswith(PATH_SCHEME) and self._file_of.setdefault(found.id, stem(file)) != stem(file):
                other = self._file_of[found.id]
                failures.append(document.fail(f"has the id {found.id}, as {other} has: rename one of the files"))
            else:
                self.put(found)
        self._failures[file] = failures

    def put(self, source: Stored) -> None:
        """Queue a source; of two with one id the later one stays, or of papers the better text."""
        self._batch[source.id] = best_of(source, self._batch.get(source.id))
        self._seen += 1
        self._weight += _PAPER if text_rank(source.reader) else 1
        if self._weight >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is queued, in one transaction, and hand it to the index."""
        papers = [source.id for source in self._batch.values() if text_rank(source.reader)]
        known = self._store.get(list(self._batch), full_texts=True) | self._store.get(papers)
        sources = [best_of(source, known.get(source.id)) for source in self._batch.values()]
        with self._store.transaction():
            new, gone, added, updated = self._store.write(sources, self._derive)
            for file, failures in self._failures.items():
                self._store.replace_failures(file, failures)
        self._follower.apply(new, gone)
        self._added += added
        self._updated += updated
        self._unchanged += len(sources) - added - updated
        for failures in self._failures.values():
            self._failed += failures
        self._batch, self._failures, self._weight = {}, {}, 0
        if self._progress:
            self._progress(self._seen)

    def _derive(self, source: Stored) -> Derived:
        return Derived(self._follower.count_tokens(source.searched), gazetteer.names_of(source))

    def report(self) -> AddReport:
        """What was done."""
        return AddReport(self._added, self._updated, self._unchanged, tuple(self._failed), tuple(self._skipped))
