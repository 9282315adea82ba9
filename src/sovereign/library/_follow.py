"""How the index follows the store: what it has committed, what it lacks, when it is rebuilt; and the search over both.

Order of a write: SQLite first (durable), then the index, then the mark in SQLite of how far the index has come. A kill
between any two leaves rows above the mark or deletions not applied, which `catch_up` makes good. An index folder that
cannot be opened, or whose count is not what the mark says, is rebuilt under a new name, and only then is the old one
deleted: a search in another process keeps its open files.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sovereign.records import StorageError

from . import ranking
from ._types import Hit
from .index import STOP_TERMS, SearchIndex, analyse, count_tokens
from .store import Store

_COMMIT_EVERY = 20_000
_CACHE = 4096
_GENERATION, _MARK = "index_generation", "indexed_upto"


class Follower:
    """The index of one library, and its state against the store."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store
        self._index: SearchIndex | None = None
        self._generation = self._seen = -1
        self._lag = True
        self._pending = 0
        self._notice = ""
        self._ghosts: list[frozenset[str]] = []
        self._engine: tuple[int, float] | None = None
        self._counted: dict[int, tuple[Counter[str], int]] = {}
        self._refresh()

    @property
    def count_tokens(self) -> Callable[[str], int]:
        """Length of a text in index terms."""
        return count_tokens

    def close(self) -> None:
        """Let go of the index."""
        self._index = None

    # -- state

    def lags(self) -> bool:
        """Whether the index lacks something; looks again only if another process has written."""
        if self._seen != self._store.data_version():
            self._refresh()
        return self._lag

    def is_broken(self) -> bool:
        """Whether there is no index that could be searched."""
        return self._index is None

    def _refresh(self) -> None:
        self._seen = self._store.data_version()
        generation = self._store.number(_GENERATION)
        path = self._path(generation)
        try:
            if self._index is None or generation != self._generation:
                self._generation = generation
                self._index = None
                self._index = SearchIndex(path)
            else:
                self._index.refresh()
        except StorageError as error:
            self._index, self._lag, self._notice = None, True, error.message
            return
        self._look()

    def _look(self) -> None:
        """Compare the index with the store, and read which deleted rows the engine still counts."""
        assert self._index is not None
        self._engine = None
        ghosts = self._store.ghosts()
        self._ghosts = [frozenset(analyse(text)) for row, text, _ in ghosts if self._index.holds(row)]
        self._lag = (
            self._store.number(_MARK) < self._store.last_row()
            or any(not applied for _, _, applied in ghosts)
            or len(self._index) != self._store.number("sources")
        )

    def _path(self, generation: int) -> Path:
        return self._folder / f"index-{generation}"

    # -- writing, under the writer lock

    def catch_up(self) -> str | None:
        """Bring the index up to the store; returns a notice if it had to be rebuilt."""
        self._refresh()
        if not self._lag:
            return None
        if self._index is None:
            first = not self._store.number(_MARK)
            notice = f"the index could not be used ({self._notice}); it was rebuilt from the library"
            self.rebuild()
            return None if first else notice
        index = self._index
        for row, _, applied in self._store.ghosts():
            if not applied:
                index.remove(row)
                self._pending += 1
        # What was committed just before a kill is above the mark too: it must not be added twice.
        for batch in self._store.rows_after(self._store.number(_MARK)):
            self.apply([item for item in batch if not index.holds(item[0])], [])
        self._pending += 1
        self.finish()
        if self._lag:  # the counts still differ: this index is of another library, or lost a segment
            self.rebuild()
            return "the index did not agree with the library; it was rebuilt"
        return None

    def apply(self, new: Iterable[tuple[int, str, str]], gone: Sequence[int]) -> None:
        """Hand (row, kind, searched text) and deleted rows to the index; it commits every so often."""
        assert self._index is not None
        for row in gone:
            self._index.remove(row)
            self._pending += 1
        for row, kind, text in new:
            self._index.add(row, kind, text)
            self._pending += 1
        if self._pending >= _COMMIT_EVERY:
            self._commit()

    def _commit(self) -> None:
        assert self._index is not None
        # All that is in the store has been handed over: additions and deletions come here in the store's order.
        last = self._store.last_row()
        self._index.commit()
        there = [row for row, _, _ in self._store.ghosts() if self._index.holds(row)]
        with self._store.transaction():
            self._store.set_number(_MARK, last)
            self._store.settle_ghosts(there)
        self._pending = 0

    def finish(self) -> None:
        """Commit what is left; rebuild if deleted rows have become many."""
        assert self._index is not None
        self._index.finish()
        if self._pending:
            self._commit()
        self._look()
        if len(self._ghosts) > max(200, len(self._index) // 100):
            self.rebuild()

    def abandon(self) -> None:
        """After an error: drop what was not committed; the next use catches up."""
        if self._index is not None:
            self._index.abandon()
        self._index, self._seen, self._lag, self._pending = None, -1, True, 0

    def rebuild(self) -> None:
        """Build a new index from the store, switch to it, delete the old."""
        old, generation = self._index, self._store.number(_GENERATION) + 1
        if old is not None:
            old.abandon()
        path = self._path(generation)
        shutil.rmtree(path, ignore_errors=True)
        index = SearchIndex(path, create=True)
        try:
            for batch in self._store.rows_after(0):
                for row, kind, text in batch:
                    index.add(row, kind, text)
            index.finish()
        except BaseException:
            index.abandon()
            shutil.rmtree(path, ignore_errors=True)
            raise
        with self._store.transaction():
            self._store.set_number(_GENERATION, generation)
            self._store.set_number(_MARK, self._store.last_row())
            self._store.settle_ghosts([])
        self._index, self._generation, self._pending = index, generation, 0
        for other in self._folder.glob("index-*"):
            if other != path:
                shutil.rmtree(other, ignore_errors=True)
        self._look()

    # -- searching

    def search(
        self, text: str, k: int, require: Sequence[Sequence[str]], kinds: Sequence[str] | None, max_terms: int
    ) -> list[Hit]:
        """See `Library.search`."""
        index = self._index
        if index is None:
            return []
        terms, exact = self._terms(index, text, max_terms)
        if not terms:
            return self._unscored(index, k, require, kinds) if require and not analyse(text) else []
        total, mean = self._engine or index.statistics(terms[0])
        self._engine = (total, mean)
        held = {term: index.document_frequency(term) for term in terms}
        low, high = ranking.bounds(exact, ranking.Statistics(total, mean, held), terms)
        query = index.query(terms, require, kinds)
        ranked = ranking.settle(
            lambda n: index.best(query, n), self._store.ids_of_rows, lambda rows: self._rescore(rows, terms, exact),
            k, low, high,
        )  # fmt: skip
        return [Hit(source, rank, round(score, 3)) for rank, (source, score) in enumerate(ranked, 1)]

    def _terms(self, index: SearchIndex, text: str, most: int) -> tuple[list[str], ranking.Statistics]:
        """The query's terms that occur, in sorted order, and the exact statistics of the library."""
        words = set(analyse(text))
        terms = words - STOP_TERMS or words  # a query of stop words alone is taken at its word
        frequency = {term: n for term in terms if (n := self._frequency(index, term)) > 0}
        kept = sorted(frequency, key=lambda term: (frequency[term], term))[:most]
        mean = self._store.number("tokens") / max(1, self._store.number("sources"))
        return sorted(kept), ranking.Statistics(len(index), max(mean, 1.0), frequency)

    def _frequency(self, index: SearchIndex, term: str) -> int:
        found = index.document_frequency(term)
        return found - sum(term in ghost for ghost in self._ghosts) if found else 0

    def _rescore(self, rows: list[int], terms: Sequence[str], exact: ranking.Statistics) -> Mapping[int, float]:
        missing = [row for row in rows if row not in self._counted]
        if len(self._counted) + len(missing) > _CACHE:
            self._counted, missing = {}, rows
        for row, source in self._store.by_row(missing).items():
            self._counted[row] = ranking.count_terms(analyse(source.searched))
        return {row: exact.score(terms, *self._counted[row]) for row in rows if row in self._counted}

    def _unscored(
        self, index: SearchIndex, k: int, require: Sequence[Sequence[str]], kinds: Sequence[str] | None
    ) -> list[Hit]:
        """What meets the requirements, by source id: for a query without words."""
        rows = [row for _, row in index.best(index.query([], require, kinds), len(index))]
        ids = sorted(self._store.ids_of_rows(rows).values())[:k]
        return [Hit(source, rank, 0.0) for rank, source in enumerate(ids, 1)]

    def frequency(self, term: str) -> int:
        """Number of sources that hold a word, or several words as a phrase."""
        words, index = analyse(term), self._index
        if not words or index is None:
            return 0
        if len(words) == 1:
            return self._frequency(index, words[0])
        return len(index.best(index.query([], [[term]], None), len(index)))

    def status(self) -> dict[str, Any]:
        """State of the index, for `Library.status`."""
        if self._index is None:
            return {"state": "missing", "sources": 0, "behind": self._store.number("sources"), "reason": self._notice}
        files = [entry.stat().st_size for entry in os.scandir(self._index.folder)]
        return {
            "state": "behind" if self._lag else "current",
            "sources": len(self._index),
            "behind": max(0, self._store.number("sources") - len(self._index)),
            "segments": self._index.segments,
            "deleted": len(self._ghosts),
            "bytes_on_disk": sum(files),
        }
