"""The library's truth: one SQLite file (WAL) with a row per source. The search index only follows it.

Every version of a source gets a row number that is never used again; the index stores that number. `indexed_upto` in
`meta` is the highest row that the index has committed, and `ghosts` are rows that were deleted here and that the index
may still hold. With the two, an index that lags after a kill is brought up to date without a rebuild.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovereign.records import Busy, StorageError

from ._types import Failure, Stored
from .digest import BUCKETS, EMPTY, bucket_digest, bucket_of

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, bucket INTEGER NOT NULL, entry BLOB NOT NULL,
  kind TEXT NOT NULL, text_level TEXT, reader TEXT NOT NULL, tokens INTEGER NOT NULL, body_start INTEGER NOT NULL,
  title TEXT NOT NULL, about TEXT, systems TEXT NOT NULL, address TEXT, authors TEXT NOT NULL, year INTEGER,
  meta TEXT NOT NULL, index_text TEXT, text TEXT NOT NULL);
CREATE INDEX sources_sha256 ON sources (sha256);
CREATE INDEX sources_bucket ON sources (bucket, id, entry);
CREATE INDEX sources_kind ON sources (kind, text_level, reader);
CREATE TABLE names (norm TEXT, source TEXT, role TEXT, surface TEXT, PRIMARY KEY (norm, source, role)) WITHOUT ROWID;
CREATE INDEX names_source ON names (source);
CREATE TABLE failures (file TEXT, place TEXT, reason TEXT, PRIMARY KEY (file, place)) WITHOUT ROWID;
CREATE TABLE buckets (bucket INTEGER PRIMARY KEY, digest BLOB);
CREATE TABLE ghosts (row INTEGER PRIMARY KEY, searched TEXT NOT NULL, applied INTEGER NOT NULL DEFAULT 0);
"""
# Added later, and made where they are missing: an older version reads such a library as before.
_LATER = """
CREATE TABLE IF NOT EXISTS aliases (id TEXT PRIMARY KEY, source TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS aliases_source ON aliases (source);
CREATE TABLE IF NOT EXISTS files (
  file TEXT PRIMARY KEY, relative TEXT NOT NULL, size INTEGER NOT NULL, changed INTEGER NOT NULL, reader TEXT NOT NULL)
  WITHOUT ROWID;
"""
_CARD = "id, title, kind, text_level, sha256, about, systems, address, authors, year, meta, body_start, reader"
_CHUNK = 500
_JSON = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Derived:
    """What is computed from a source when it is written: its length in index terms, and its names."""

    tokens: int
    names: tuple[tuple[str, str, str], ...]  # (normalised, surface, role)


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn what SQLite or the disk says into an error with cause and remedy. Nothing committed is lost by it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        said = str(error)
        if "locked" in said or "busy" in said:
            raise Busy(f"{path} is locked by another process", "wait for it to end and try again") from error
        if "full" in said or "disk I/O" in said:
            raise StorageError(
                f"cannot write {path}: {said}", "free disk space and run the same command again; it goes on from there"
            ) from error
        if "readonly" in said or "unable to open" in said:
            raise StorageError(f"cannot use {path}: {said}", "make the folder and the file writable for you") from error
        if "malformed" in said or "not a database" in said:
            raise StorageError(
                f"{path} is damaged: {said}", "restore it from a backup, or move it away and add the sources again"
            ) from error
        raise
    except OSError as error:
        raise StorageError(
            f"cannot write {error.filename or path}: {error.strerror}", "free disk space or make the folder writable"
        ) from error


class Store:
    """Typed access to `library.sqlite`. Methods that write are called under the writer lock, inside `transaction()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.RLock()
        with storage(path):
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            # FULL: what the index is told to hold must be on disk first, else a power cut could leave it ahead of us.
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA cache_size=-32000")
            self._create()

    def _create(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            with self.transaction():
                if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:  # nobody else was faster
                    for statement in _SCHEMA.split(";"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        elif version != _SCHEMA_VERSION:
            raise StorageError(
                f"{self.path} has schema {version}, this version of Sovereign reads {_SCHEMA_VERSION}",
                "use the version of Sovereign that wrote it, or add the sources to a new workspace",
            )
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone():
            with self.transaction():
                for statement in _LATER.split(";"):
                    self._db.execute(statement)

    def close(self) -> None:
        """Close the connection; open transactions are rolled back by SQLite."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; rolled back on any exception."""
        with self._guard, storage(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._guard, storage(self.path):
            return self._db.execute(sql, values).fetchall()

    def _in(self, sql: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Run `sql` with its `{}` replaced by placeholders, in chunks."""
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            yield from self._all(sql.format(",".join("?" * len(chunk))), chunk)

    # -- counters and marks

    def number(self, key: str) -> int:
        """An integer of `meta`, 0 where it was never set."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return int(rows[0][0]) if rows else 0

    def set_number(self, key: str, value: int) -> None:
        """Set an integer of `meta`."""
        self._db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                         (key, value))  # fmt: skip

    def data_version(self) -> int:
        """Changes whenever another connection has committed."""
        return int(self._all("PRAGMA data_version")[0][0])

    # -- writing

    def write(
        self, sources: Sequence[Stored], derive: Callable[[Stored], Derived]
    ) -> tuple[list[tuple[int, str, str]], list[int], int, int]:
        """Write sources that are new or differ from what is stored.

        Returns (rows to index as (row, kind, searched text), rows gone, number added, number updated).
        """
        known = {
            row[0]: row[1:]
            for row in self._in("SELECT id, row, entry, meta, reader, index_text FROM sources WHERE id IN ({})",
                                [s.id for s in sources])
        }  # fmt: skip
        todo: list[tuple[Stored, Derived, bytes, str]] = []
        old: list[str] = []
        for source in sources:
            entry, meta = source.entry(), _JSON(dict(source.meta))
            before = known.get(source.id)
            if before and before[1:] == (entry, meta, source.reader, source.index_text):
                continue
            if before:
                old.append(source.id)
            todo.append((source, derive(source), entry, meta))
        gone = self.delete(old)
        row = self.number("next_row") or 1
        rows = []
        for at, (s, derived, entry, meta) in enumerate(todo, row):
            rows.append((
                at, s.id, s.sha256, bucket_of(s.id), entry, s.kind, s.text_level, s.reader, derived.tokens,
                s.body_start, s.title, s.about, _pack(s.systems), s.address, _pack(s.authors), s.year, meta,
                s.index_text, s.text,
            ))  # fmt: skip
        self._db.executemany(f"INSERT INTO sources VALUES ({','.join('?' * 19)})", rows)  # noqa: S608
        self._db.executemany(
            "INSERT OR IGNORE INTO names VALUES (?, ?, ?, ?)",
            ((norm, s.id, role, surface) for s, derived, _, _ in todo for norm, surface, role in derived.names),
        )
        self._dirty(r[3] for r in rows)
        self.set_number("next_row", row + len(rows))
        self.set_number("sources", self.number("sources") + len(rows))
        self.set_number("tokens", self.number("tokens") + sum(r[8] for r in rows))
        new = [(at, s.kind, s.searched) for at, (s, *_) in enumerate(todo, row)]
        return new, gone, len(todo) - len(old), len(old)

    def delete(self, ids: Sequence[str]) -> list[int]:
        """Delete sources by id; returns their row numbers and leaves each as a ghost for the index to drop."""
        gone: list[int] = []
        for source_id in ids:
            for row, tokens in self._all("SELECT row, tokens FROM sources WHERE id = ?", (source_id,)):
                searched = self.by_row([row])[row].searched
                self._db.execute("INSERT INTO ghosts (row, searched) VALUES (?, ?)", (row, searched))
                self._db.execute("DELETE FROM sources WHERE row = ?", (row,))
                self._db.execute("DELETE FROM names WHERE source = ?", (source_id,))
                self.set_number("sources", self.number("sources") - 1)
                self.set_number("tokens", self.number("tokens") - tokens)
                self._dirty([bucket_of(source_id)])
                gone.append(row)
        return gone

    def _dirty(self, buckets: Iterable[int]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO buckets VALUES (?, NULL)", ((b,) for b in set(buckets)))

    def replace_failures(self, file: str, failures: Sequence[Failure]) -> None:
        """The failures of one file, in place of those of an earlier reading."""
        self._db.execute("DELETE FROM failures WHERE file = ?", (file,))
        self._db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)",
                             ((file, f.where, f.reason) for f in failures))  # fmt: skip

    def keep_alias(self, gone: str, source: str) -> None:
        """A name that leads to a source; what led to `gone` leads there too."""
        self._db.execute("UPDATE aliases SET source = ? WHERE source = ?", (source, gone))
        self._db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?)", (gone, source))
        self._db.execute("DELETE FROM aliases WHERE id = ?", (source,))

    def forget_aliases(self, ids: Sequence[str]) -> None:
        """Names that led to sources that are gone."""
        self._db.executemany("DELETE FROM aliases WHERE source = ?", ((source,) for source in ids))

    def keep_file(self, file: str, relative: str, size: int, changed: int, reader: str) -> None:
        """A file as it was when it was read."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", (file, relative, size, changed, reader))

    # -- reading

    def aliases(self, ids: Sequence[str]) -> dict[str, str]:
        """Of some ids, those that were merged into another source, with that source's."""
        return dict(self._in("SELECT id, source FROM aliases WHERE id IN ({})", ids))

    def merged(self, ids: Sequence[str]) -> set[str]:
        """Of some ids, those of sources that others were merged into."""
        return {row[0] for row in self._in("SELECT DISTINCT source FROM aliases WHERE source IN ({})", ids)}

    def about(self, ids: Sequence[str]) -> list[str]:
        """The ids of sources that are about one of some works."""
        return sorted(row[0] for row in self._in("SELECT id FROM sources WHERE about IN ({})", ids))

    def cards(self) -> Iterator[tuple[str, str, tuple[str, ...], int | None, dict[str, Any]]]:
        """(id, title, authors, year, meta) of all works, by id."""
        for row in self._all("SELECT id, title, authors, year, meta FROM sources WHERE kind = 'work' ORDER BY id"):
            yield row[0], row[1], tuple(json.loads(row[2])), row[3], json.loads(row[4])

    def told_by_services(self) -> list[str]:
        """The ids of works that a service told of, sorted."""
        rows = self._all("SELECT id FROM sources WHERE kind = 'work' AND (reader LIKE 'connector %' OR meta LIKE ?) "
                         "ORDER BY id", ('%"found_by"%',))  # fmt: skip
        return [row[0] for row in rows]

    def files(self) -> list[tuple[str, str, int, int, str]]:
        """(file, path relative to what was added, size, time of change, reader) of all files read, by path."""
        return self._all("SELECT file, relative, size, changed, reader FROM files ORDER BY file")

    def get(self, ids: Sequence[str], full_texts: bool = False) -> dict[str, Stored]:
        """Stored sources by id; unknown ids are absent, and with `full_texts` those that have none."""
        only = " AND text_level = 'full_text'" if full_texts else ""
        rows = self._in(f"SELECT {_CARD}, index_text, text FROM sources WHERE id IN ({{}}){only}", ids)  # noqa: S608
        return {row[0]: _stored(row) for row in rows}

    def by_row(self, rows: Sequence[int]) -> dict[int, Stored]:
        """Stored sources by row number; rows that are gone are absent."""
        found = self._in(f"SELECT row, {_CARD}, index_text, text FROM sources WHERE row IN ({{}})", rows)  # noqa: S608
        return {row[0]: _stored(row[1:]) for row in found}

    def ids_of_rows(self, rows: Sequence[int]) -> dict[int, str]:
        """Source ids by row number; rows that are gone are absent."""
        return dict(self._in("SELECT row, id FROM sources WHERE row IN ({})", rows))

    def text(self, sha256: str) -> str | None:
        """A stored text by its digest, or None."""
        rows = self._all("SELECT text FROM sources WHERE sha256 = ? LIMIT 1", (sha256,))
        return str(rows[0][0]) if rows else None

    def ids(self, kind: str | None = None) -> list[str]:
        """All source ids, sorted; of one kind if given."""
        if kind is None:
            return [row[0] for row in self._all("SELECT id FROM sources ORDER BY id")]
        return [row[0] for row in self._all("SELECT id FROM sources WHERE kind = ? ORDER BY id", (kind,))]

    def rows_after(self, row: int, size: int = 2000) -> Iterator[list[tuple[int, str, str]]]:
        """(row, kind, searched text) of all sources after a row number, in batches."""
        while True:
            numbers = [r[0] for r in self._all("SELECT row FROM sources WHERE row > ? ORDER BY row LIMIT ?",
                                               (row, size))]  # fmt: skip
            if not numbers:
                return
            stored = self.by_row(numbers)
            yield [(n, stored[n].kind, stored[n].searched) for n in numbers]
            row = numbers[-1]

    def last_row(self) -> int:
        """The highest row number in use, 0 if there is none."""
        return int(self._all("SELECT COALESCE(MAX(row), 0) FROM sources")[0][0])

    def ghosts(self) -> list[tuple[int, str, int]]:
        """(row, searched text, applied) of deleted rows that the index may still hold."""
        return self._all("SELECT row, searched, applied FROM ghosts ORDER BY row")

    def settle_ghosts(self, still_there: Sequence[int]) -> None:
        """Note that the index has applied all deletions; ghosts that it no longer holds are forgotten."""
        keep = set(still_there)
        self._db.executemany("DELETE FROM ghosts WHERE row = ?",
                             [(row,) for row, _, _ in self.ghosts() if row not in keep])  # fmt: skip
        self._db.execute("UPDATE ghosts SET applied = 1")

    def names(self, norms: Sequence[str]) -> list[tuple[str, str, str, str]]:
        """(normalised, source, role, surface) of the given normalised names, sorted."""
        return sorted(self._in("SELECT norm, source, role, surface FROM names WHERE norm IN ({})", norms))

    def failures(self) -> list[Failure]:
        """All failures on record, by file and place."""
        return [Failure(*row) for row in self._all("SELECT place, reason FROM failures ORDER BY file, place")]

    def counts(self) -> list[tuple[str, str | None, str, int]]:
        """(kind, text level, reader, number) of the sources held."""
        return self._all(
            "SELECT kind, text_level, reader, COUNT(*) FROM sources GROUP BY kind, text_level, reader ORDER BY 1, 2, 3"
        )

    def bucket_digests(self) -> list[bytes]:
        """The 256 bucket digests; those marked dirty are computed here (and kept by `keep_digests`)."""
        known = dict(self._all("SELECT bucket, digest FROM buckets"))
        digests = [known.get(bucket, EMPTY) for bucket in range(BUCKETS)]
        for bucket, digest in enumerate(digests):
            if digest is None:
                digests[bucket] = bucket_digest(
                    self._all("SELECT id, entry FROM sources WHERE bucket = ?", (bucket,))
                )
        return digests

    def keep_digests(self) -> None:
        """Store the digests of dirty buckets."""
        dirty = [row[0] for row in self._all("SELECT bucket FROM buckets WHERE digest IS NULL")]
        if dirty:
            digests = self.bucket_digests()
            self._db.executemany("INSERT OR REPLACE INTO buckets VALUES (?, ?)", [(b, digests[b]) for b in dirty])


def _pack(values: Sequence[str]) -> str:
    return _JSON(list(values)) if values else "[]"


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(
        id=row[0], title=row[1], kind=row[2], text_level=row[3], sha256=row[4], about=row[5],
        systems=tuple(json.loads(row[6])), address=row[7], authors=tuple(json.loads(row[8])), year=row[9],
        meta=json.loads(row[10]), body_start=row[11], reader=row[12], index_text=row[13], text=row[14],
    )  # fmt: skip
