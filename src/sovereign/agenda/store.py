"""The agenda's file: questions with priority, what they wait for, and what became of them."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from sovereign.records import BadInput, Busy, Document, NotFound, StorageError

_FORMAT = 2
_TABLES = """
CREATE TABLE items(
    number INTEGER PRIMARY KEY AUTOINCREMENT, question TEXT NOT NULL, priority INTEGER NOT NULL, state TEXT NOT NULL,
    record TEXT, merged_into INTEGER REFERENCES items(number), added_at TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0, saved INTEGER NOT NULL DEFAULT 0, looked TEXT);
CREATE TABLE after(item INTEGER NOT NULL REFERENCES items(number), other INTEGER NOT NULL REFERENCES items(number),
    PRIMARY KEY(item, other));
"""
#: From an agenda of format 1 to one of format 2.
_SECOND = (
    "ALTER TABLE items ADD COLUMN saved INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE items ADD COLUMN looked TEXT",
)
_MOST_ITEMS = 100_000
MOST_TRIES = 3


class ItemState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    MERGED = "merged"
    DROPPED = "dropped"


class Item(Document):
    """A question of the agenda. `ready` is false while something that it comes after is not done."""

    number: int
    question: str
    priority: int = Field(description="higher comes first")
    state: ItemState
    after: tuple[int, ...] = ()
    ready: bool
    record: str | None = None
    merged_into: int | None = None
    added_at: str
    note: str = ""
    tries: int = 0
    saved: bool = Field(default=False, description="asked again when the library has new sources for it")
    looked: str | None = Field(default=None, description="digest of the library that it was last held against")


class Agenda:
    """The agenda of a workspace. Every call is one transaction; several processes may use it."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not create and not path.is_file():
            raise NotFound("there is no agenda", "add a question: `sovereign agenda add QUESTION`")
        with self._guarded():
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            if self._format() == 0:
                self._write_ahead()
            if self._format() < _FORMAT:
                with self._writing():
                    found = self._format()  # another process may have been here while we waited
                    for statement in {0: _TABLES.split(";\n"), 1: _SECOND}.get(found, ()):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version = {max(found, _FORMAT)}")
        if self._format() > _FORMAT:
            self._db.close()
            raise StorageError(f"{path} was written by a newer Sovereign", "install that, or use another workspace")

    def __enter__(self) -> Agenda:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def items(self) -> tuple[Item, ...]:
        """All items: those that are ready first, the highest priority first, then the older."""
        with self._guarded():
            rows = self._db.execute("SELECT * FROM items").fetchall()
            links = self._db.execute("SELECT item, other FROM after ORDER BY other").fetchall()
        states = {row["number"]: ItemState(row["state"]) for row in rows}
        into = {row["number"]: row["merged_into"] for row in rows}
        waits: dict[int, list[int]] = {}
        for link in links:
            waits.setdefault(link["item"], []).append(link["other"])
        found = [_item(row, tuple(waits.get(row["number"], ())), states, into) for row in rows]
        order = {state: place for place, state in enumerate(ItemState)}
        return tuple(
            sorted(found, key=lambda item: (order[item.state], not item.ready, -item.priority, item.number))
        )

    def item(self, number: int) -> Item:
        """One item. Raises NotFound."""
        for item in self.items():
            if item.number == number:
                return item
        raise NotFound(f"the agenda has no item {number}", "see `sovereign agenda list`")

    def add(
        self,
        question: str,
        *,
        now: str,
        priority: int = 0,
        after: Sequence[int] = (),
        alike: Callable[[str], bool] | None = None,
        saved: bool = False,
    ) -> Item:
        """Add a question, or merge it into one that asks the same and is not dropped.

        A merged one keeps its words and points at the other, whose priority becomes the higher of both.

        Args:
            after: numbers of items that must be done before.
            alike: whether another question asks the same; None adds it whatever there is.
            saved: ask it again whenever the library has new sources for it; one that it is merged into is saved then.

        Raises:
            NotFound: an item of `after` is not there.
            BadInput: the agenda is full.
        """
        held = self.items()
        known = {item.number: item for item in held}
        for number in after:
            if number not in known:
                raise NotFound(f"the agenda has no item {number}", "see `sovereign agenda list`")
        if len(held) >= _MOST_ITEMS:
            raise BadInput(f"the agenda has {len(held):,} items", "drop some first")
        open_ones = (item for item in held if item.state not in (ItemState.MERGED, ItemState.DROPPED))
        same = next((item for item in open_ones if alike is not None and alike(item.question)), None)
        with self._writing():
            state = ItemState.MERGED if same else ItemState.WAITING
            cursor = self._db.execute(
                "INSERT INTO items(question, priority, state, merged_into, added_at, saved) VALUES (?, ?, ?, ?, ?, ?)",
                (question, priority, state.value, same.number if same else None, now, saved and not same),
            )
            number = int(cursor.lastrowid or 0)
            if same:
                self._db.execute(
                    "UPDATE items SET priority = max(priority, ?), saved = max(saved, ?) WHERE number = ?",
                    (priority, saved, same.number),
                )
            for other in dict.fromkeys(after):
                self._db.execute("INSERT INTO after VALUES (?, ?)", (number, other))
        return self.item(number)

    def set(
        self, number: int, *, priority: int | None = None, state: ItemState | None = None, saved: bool | None = None
    ) -> Item:
        """Change an item's priority, drop it or put it back, save it or not. Raises NotFound, BadInput."""
        item = self.item(number)
        if saved and item.state is ItemState.MERGED:
            raise BadInput(f"item {number} is merged into item {item.merged_into}", "save that one")
        if state is not None and item.state in (ItemState.DONE, ItemState.MERGED):
            raise BadInput(f"item {number} is {item.state.value}", "add its question again with --anyway")
        with self._writing():
            if priority is not None:
                self._db.execute("UPDATE items SET priority = ? WHERE number = ?", (priority, number))
            if saved is not None:
                self._db.execute("UPDATE items SET saved = ? WHERE number = ?", (saved, number))
            if state is not None:
                self._db.execute("UPDATE items SET state = ?, tries = 0, note = '' WHERE number = ?", (state, number))
        return self.item(number)

    def next(self, *, without: Sequence[int] = ()) -> Item | None:
        """The item to ask now: waiting, ready, of the highest priority, the oldest of those."""
        return next(
            (
                item
                for item in self.items()
                if item.state is ItemState.WAITING and item.ready and item.number not in without
            ),
            None,
        )

    def done(self, number: int, record: str) -> None:
        """Keep which record answers an item."""
        with self._writing():
            self._db.execute(
                "UPDATE items SET state = ?, record = ?, note = '' WHERE number = ?", (ItemState.DONE, record, number)
            )

    def to_look_at(self, library: str) -> tuple[Item, ...]:
        """Saved questions that were asked and not yet held against the library of that digest."""
        return tuple(
            item
            for item in self.items()
            if item.saved and item.state is ItemState.DONE and item.record and item.looked != library
        )

    def looked(self, number: int, library: str) -> None:
        """Keep that a saved question was held against the library of that digest."""
        with self._writing():
            self._db.execute("UPDATE items SET looked = ? WHERE number = ?", (library, number))

    def failed(self, number: int, why: str) -> Item:
        """Keep why an item could not be asked; after three tries it waits no more."""
        with self._writing():
            self._db.execute("UPDATE items SET tries = tries + 1, note = ? WHERE number = ?", (why[:1000], number))
            self._db.execute(
                "UPDATE items SET state = ? WHERE number = ? AND tries >= ?", (ItemState.FAILED, number, MOST_TRIES)
            )
        return self.item(number)

    def _format(self) -> int:
        with self._guarded():
            return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _write_ahead(self) -> None:
        """Switch the file to write-ahead mode. SQLite waits for no other process that does the same: we do."""
        for _ in range(600):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
            time.sleep(0.05)
        self._db.execute("PRAGMA journal_mode = WAL")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._guarded():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if "locked" in str(error):
                raise Busy(f"{self.path} is locked by another process", "try again when it has ended") from error
            remedy = "free some disk space, or make the workspace writable"
            if "malformed" in str(error) or "not a database" in str(error):
                remedy = "restore the file from a backup, or move it away: records are whole without it"
            raise StorageError(f"the agenda {self.path} cannot be used: {error}", remedy) from error


def _item(row: Any, after: tuple[int, ...], states: dict[int, ItemState], into: dict[int, int | None]) -> Item:
    return Item(
        number=row["number"],
        question=row["question"],
        priority=row["priority"],
        state=ItemState(row["state"]),
        after=after,
        ready=all(_is_done(other, states, into) for other in after),
        record=row["record"],
        merged_into=row["merged_into"],
        added_at=row["added_at"],
        note=row["note"],
        tries=row["tries"],
        saved=bool(row["saved"]),
        looked=row["looked"],
    )


def _is_done(number: int, states: dict[int, ItemState], into: dict[int, int | None]) -> bool:
    """Whether what comes after an item may begin: it is done, or dropped, or merged into one that is."""
    state, other = states[number], into[number]
    if state is ItemState.MERGED and other is not None:
        return _is_done(other, states, into)
    return state in (ItemState.DONE, ItemState.DROPPED)
