"""The journal's SQLite file: its tables, one connection, and errors that name cause and remedy."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sovereign.records import Busy, NotFound, StorageError

FORMAT = 1
_TABLES = """
CREATE TABLE runs(
    id TEXT NOT NULL UNIQUE, purpose TEXT NOT NULL, question TEXT NOT NULL, record TEXT, version INTEGER,
    details TEXT NOT NULL, reuse INTEGER NOT NULL, created_at TEXT NOT NULL, done_at TEXT);
CREATE TABLE outputs(sha256 TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE audit(
    run TEXT NOT NULL REFERENCES runs(id), seq INTEGER NOT NULL, stage TEXT NOT NULL, occurrence INTEGER NOT NULL,
    inputs_sha256 TEXT NOT NULL, code_sha256 TEXT NOT NULL, output_sha256 TEXT NOT NULL REFERENCES outputs(sha256),
    previous TEXT, hash TEXT NOT NULL,
    PRIMARY KEY(run, seq), UNIQUE(run, stage, occurrence, inputs_sha256, code_sha256));
CREATE INDEX audit_by_key ON audit(stage, inputs_sha256, code_sha256);
CREATE TABLE times(
    run TEXT NOT NULL, seq INTEGER NOT NULL, started_at TEXT NOT NULL, finished_at TEXT NOT NULL, reused_from TEXT,
    PRIMARY KEY(run, seq));
CREATE TABLE events(
    run TEXT NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL, stage TEXT, message TEXT NOT NULL,
    after_seq INTEGER NOT NULL);
"""


class Database:
    """One connection to the journal's file, in write-ahead mode: readers never wait and never hold up a writer."""

    def __init__(self, path: Path, create: bool) -> None:
        self.path = path
        if not create and not path.is_file():
            raise NotFound(f"there is no journal at {path}", "ask a question first: `sovereign ask QUESTION`")
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA synchronous = FULL")
            if self._format() < FORMAT:
                self._write_ahead()
                self._make_tables()
        if self._format() > FORMAT:
            raise StorageError(
                f"{path} was written by a newer Sovereign (journal format {self._format()}, this one reads {FORMAT})",
                "install the newer version, or use another workspace",
            )

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._guarded():
            return self._db.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of what is done inside, or nothing of it."""
        with self._guarded():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _format(self) -> int:
        return int(self.read("PRAGMA user_version")[0][0])

    def _write_ahead(self) -> None:
        """Switch the file to write-ahead mode. SQLite waits for no other process that does the same: we do."""
        for _ in range(600):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
            threading.Event().wait(0.05)
        self._db.execute("PRAGMA journal_mode = WAL")

    def _make_tables(self) -> None:
        with self.writing() as db:
            if self._format() == 0:  # another process may have made them while we waited
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {FORMAT}")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            text = str(error)
            if "locked" in text:
                raise Busy(f"{self.path} is locked by another process", "try again when it has ended") from error
            remedy = "free some disk space, or make the workspace writable; what was completed is kept"
            if "malformed" in text or "not a database" in text:
                remedy = "restore the file from a backup, or move it away: records are whole without it"
            raise StorageError(f"the journal {self.path} cannot be used: {text}", remedy) from error
