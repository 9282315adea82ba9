"""The journal: every completed stage of every run in one SQLite file, so that no completed stage is repeated.

A stage is looked up by run, name, occurrence, digest of its inputs and digest of its code. Found: the stored output is
returned and nothing runs. Not found: the stage runs, and its output and its audit row are stored in one transaction.
That is resume after a kill, running a single stage again (its code or its inputs changed), and replay.

Audit rows are hash-chained over what was computed, not over when or by which run, so that a run that was killed and
resumed ends with the chain of one that was not. Clock times lie beside the chain, in a table of their own.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sovereign.records import BadInput, Busy, Document, Interrupted, NotFound, SovereignError, StorageError
from sovereign.seal import canonical, digest

from ._lock import RunLock, is_held
from ._sqlite import Database
from .runs import Output, RunEvent, RunInfo, RunState, StageRow

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RUN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """The runs of one workspace: `runs.Runs` over SQLite.

    Args:
        path: the SQLite file; the locks of its runs lie beside it, in `locks/`.
        create: make the file when it is missing; a verb that only reads passes False.
        clock: UTC times for people, as text; no stage and no hash sees them.

    Raises:
        NotFound: the file is missing and `create` is false.
        StorageError: the file cannot be read or written, or a newer version wrote it.
    """

    def __init__(self, path: Path | str, *, create: bool = True, clock: Callable[[], str] = _utc_now) -> None:
        self._db = Database(Path(path), create)
        self._locks = Path(path).parent / "locks"
        self._clock = clock

    def close(self) -> None:
        """Close the file; a run in progress can no longer store anything."""
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def start(
        self,
        question: str,
        *,
        run_id: str | None = None,
        purpose: str = "ask",
        record: str | None = None,
        version: int | None = None,
        details: dict[str, Any] | None = None,
        reuse: bool = False,
        alone: bool = False,
    ) -> Iterator[JournalRun]:
        """Create a run and hold its lock inside the context; see `runs.Runs`. Raises BadInput for an id in use.

        `reuse` lets its stages take outputs that other runs of this journal stored under the same key. `alone` raises
        Busy if another run for that version of that record is not done, whether or not somebody works on it now.
        """
        run_id = run_id or f"run-{uuid.uuid4().hex[:8]}"
        if not _RUN_ID.fullmatch(run_id):
            raise BadInput(f"{run_id!r} cannot be a run's id", "use lower-case letters, digits, - and _ (64 at most)")
        row = (run_id, purpose, question, record, version, json.dumps(details or {}), int(reuse), self._clock())
        with self._held(run_id, reuse, row, alone) as run:
            yield run

    @contextlib.contextmanager
    def resume(self, run_id: str) -> Iterator[JournalRun]:
        """Hold the lock of a run that exists. Raises NotFound, Busy."""
        with self._held(run_id, bool(self._row(run_id)["reuse"])) as run:
            yield run

    def run(self, run_id: str, question: str = "", **given: Any) -> contextlib.AbstractContextManager[JournalRun]:
        """Resume the run of that id, or start it when there is none."""
        known = self._db.read("SELECT 1 FROM runs WHERE id = ?", run_id)
        return self.resume(run_id) if known else self.start(question, run_id=run_id, **given)

    def list(self) -> tuple[RunInfo, ...]:
        """All runs, newest first. Starts nothing and waits for nothing."""
        return tuple(self.show(row["id"]) for row in self._db.read("SELECT id FROM runs ORDER BY rowid DESC"))

    def unfinished(self) -> tuple[RunInfo, ...]:
        """The runs that stopped before they were done and that nobody works on now, newest first."""
        rows = self._db.read("SELECT id FROM runs WHERE done_at IS NULL ORDER BY rowid DESC")
        found = (self.show(row["id"]) for row in rows)
        return tuple(info for info in found if info.state in (RunState.INTERRUPTED, RunState.FAILED))

    def open_of(self, record: str) -> tuple[RunInfo, ...]:
        """The runs that make a version of a record and are not done, newest first, whoever works on them."""
        sql = "SELECT id FROM runs WHERE record = ? AND done_at IS NULL ORDER BY rowid DESC"
        return tuple(self.show(row["id"]) for row in self._db.read(sql, record))

    def forget(self, runs: Sequence[str], *, remove: bool) -> tuple[int, int]:
        """How many stored outputs only these runs, or none, need, and their bytes; with `remove`, they are gone.

        Audit rows stay. A run that was forgotten is not gone on with, and gives other runs nothing to reuse.
        """
        where = (
            " FROM outputs WHERE sha256 NOT IN"
            " (SELECT output_sha256 FROM audit WHERE run NOT IN (SELECT value FROM json_each(?)))"
        )
        sql, given = f"SELECT count(*), coalesce(sum(length(body)), 0){where}", json.dumps(list(runs))
        if not remove:
            (found,) = self._db.read(sql, given)
            return int(found[0]), int(found[1])
        with self._db.writing() as db:
            found = db.execute(sql, (given,)).fetchone()
            db.execute(f"DELETE{where}", (given,))
        return int(found[0]), int(found[1])

    def compact(self) -> None:
        """Give the space of what was forgotten back to the disk. Raises Busy while somebody uses the file."""
        self._db.read("VACUUM")
        self._db.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def show(self, run_id: str) -> RunInfo:
        """One run. Raises NotFound."""
        # The lock is looked at before the rows: a run that ends in between is seen as done, never as interrupted.
        held = is_held(self._lock_path(run_id))
        row = self._row(run_id)
        stages = self._db.read(
            "SELECT seq, stage, occurrence, inputs_sha256, code_sha256, output_sha256, reused_from, started_at,"
            " finished_at FROM audit JOIN times USING (run, seq) WHERE run = ? ORDER BY seq",
            run_id,
        )
        sql = "SELECT at, kind, stage, message, after_seq FROM events WHERE run = ? ORDER BY rowid"
        events = self._db.read(sql, run_id)
        state = RunState.RUNNING if held else RunState.INTERRUPTED
        if row["done_at"]:
            state = RunState.DONE
        elif not held and events and events[-1]["kind"] == "failed" and events[-1]["after_seq"] == len(stages):
            state = RunState.FAILED
        return RunInfo(
            **{name: row[name] for name in ("id", "purpose", "question", "record", "version", "created_at", "done_at")},
            details=json.loads(row["details"]),
            state=state,
            stages=tuple(StageRow(**dict(stage)) for stage in stages),
            events=tuple(RunEvent(**dict(event)) for event in events),
        )

    def _row(self, run_id: str) -> sqlite3.Row:
        rows = self._db.read("SELECT * FROM runs WHERE id = ?", run_id)
        if not rows:
            raise NotFound(f"there is no run {run_id}", "see `sovereign runs`")
        return rows[0]

    def _lock_path(self, run_id: str) -> Path:
        return self._locks / f"{run_id}.lock"

    @contextlib.contextmanager
    def _held(
        self, run_id: str, reuse: bool, new_row: tuple[Any, ...] | None = None, alone: bool = False
    ) -> Iterator[JournalRun]:
        with RunLock(self._lock_path(run_id)):
            if new_row is not None:
                self._insert(new_row, alone)
            run = JournalRun(run_id, self._db, self._clock, reuse)
            try:
                yield run
            except BaseException as error:
                run._note_stop(error)
                raise

    def _insert(self, row: tuple[Any, ...], alone: bool) -> None:
        with self._db.writing() as db:
            other = "SELECT id FROM runs WHERE record = ? AND version = ? AND done_at IS NULL"
            if alone and (found := db.execute(other, (row[3], row[4])).fetchone()):
                raise Busy(
                    f"{found['id']} makes version {row[4]} of {row[3]} already", f"see `sovereign runs {found['id']}`"
                )
            try:
                db.execute("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,NULL)", row)
            except sqlite3.IntegrityError as error:
                raise BadInput(f"there is a run {row[0]} already", "resume it, or choose another id") from error


class JournalRun:
    """A run whose lock this process holds; see `runs.Run` for the contract."""

    def __init__(self, run_id: str, db: Database, clock: Callable[[], str], reuse: bool) -> None:
        self.id = run_id
        self._db = db
        self._clock = clock
        self._reuse = reuse
        self._calls: Counter[str] = Counter()
        self._now_in: str | None = None

    def stage(
        self, name: str, code: str, inputs: Document | Any, fn: Callable[[], Output], output_type: type[Output]
    ) -> Output:
        """The stored output of this stage, input and code, or `fn()`, stored together with its audit row."""
        if not _SHA256.fullmatch(code):
            raise ValueError(f"the code digest of stage {name} is no SHA-256: {code!r}")
        self._calls[name] += 1
        self._now_in = name
        key = (name, self._calls[name], digest(canonical(inputs)), code)
        body = self._stored(key)
        if body is None:
            started = self._clock()
            body, other = self._reusable(key) if self._reuse else (None, None)
            if body is None:
                body = canonical(fn())
            self._store(key, body, started, other)
        self._now_in = None
        try:
            return output_type.model_validate_json(body)
        except ValidationError as error:
            raise StorageError(
                f"the stored output of stage {name} is no {output_type.__name__} of this version: {error}",
                "ask the question again with --fresh",
            ) from error

    def completed(
        self, name: str, code: str, inputs: Document | Any, output_type: type[Output]
    ) -> Output | None:
        """The stored output of a stage that is called once in a run, or None; see `runs.Run`."""
        body = self._stored((name, 1, digest(canonical(inputs)), code))
        return None if body is None else output_type.model_validate_json(body)

    @property
    def audit_head(self) -> str | None:
        """SHA-256 of the last row of the audit chain; None before the first stage."""
        rows = self._db.read("SELECT hash FROM audit WHERE run = ? ORDER BY seq DESC LIMIT 1", self.id)
        return str(rows[0]["hash"]) if rows else None

    def audit_lines(self) -> tuple[bytes, ...]:
        """The audit chain as canonical rows in order, without line ends. Raises StorageError when it is broken."""
        lines: list[bytes] = []
        previous: str | None = None
        for row in self._db.read("SELECT * FROM audit WHERE run = ? ORDER BY seq", self.id):
            line = _audit_line(row["seq"], row, row["output_sha256"], row["previous"])
            if row["previous"] != previous or row["hash"] != digest(line):
                raise StorageError(
                    f"the audit chain of {self.id} is broken at row {row['seq']}: the journal was edited",
                    "ask the question again with --fresh",
                )
            previous = row["hash"]
            lines.append(line)
        return tuple(lines)

    def finish(self) -> None:
        """Mark the run as done; the first time stands."""
        with self._db.writing() as db:
            db.execute("UPDATE runs SET done_at = coalesce(done_at, ?) WHERE id = ?", (self._clock(), self.id))

    def _stored(self, key: tuple[str, int, str, str]) -> bytes | None:
        rows = self._db.read(
            "SELECT output_sha256, body FROM audit JOIN outputs ON sha256 = output_sha256"
            " WHERE run = ? AND stage = ? AND occurrence = ? AND inputs_sha256 = ? AND code_sha256 = ?",
            self.id,
            *key,
        )
        return self._whole(key[0], rows[0]) if rows else None

    def _reusable(self, key: tuple[str, int, str, str]) -> tuple[bytes | None, str | None]:
        rows = self._db.read(
            "SELECT output_sha256, body, run FROM audit JOIN outputs ON sha256 = output_sha256"
            " WHERE stage = ? AND inputs_sha256 = ? AND code_sha256 = ? ORDER BY audit.rowid LIMIT 1",
            *(key[0], key[2], key[3]),
        )
        return (self._whole(key[0], rows[0]), rows[0]["run"]) if rows else (None, None)

    def _whole(self, stage: str, row: sqlite3.Row) -> bytes:
        body = bytes(row["body"])
        if digest(body) != row["output_sha256"]:
            raise StorageError(
                f"the stored output of stage {stage} is not what was stored: the journal was edited or is damaged",
                "ask the question again with --fresh",
            )
        return body

    def _store(self, key: tuple[str, int, str, str], body: bytes, started: str, reused_from: str | None) -> None:
        stage, occurrence, inputs, code = key
        output = digest(body)
        with self._db.writing() as db:
            last = db.execute(
                "SELECT seq, hash FROM audit WHERE run = ? ORDER BY seq DESC LIMIT 1", (self.id,)
            ).fetchone()
            seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, None)
            named = {"stage": stage, "inputs_sha256": inputs, "code_sha256": code}
            row_hash = digest(_audit_line(seq, named, output, previous))
            db.execute("INSERT OR IGNORE INTO outputs VALUES (?,?)", (output, body))
            db.execute(
                "INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?)",
                (self.id, seq, stage, occurrence, inputs, code, output, previous, row_hash),
            )
            db.execute("INSERT INTO times VALUES (?,?,?,?,?)", (self.id, seq, started, self._clock(), reused_from))

    def _note_stop(self, error: BaseException) -> None:
        stopped = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | Interrupted)
        message = error.message if isinstance(error, SovereignError) else f"{type(error).__name__}: {error}"
        # The disk may be what stopped us, so this note must not hide the error that it is about.
        with contextlib.suppress(SovereignError), self._db.writing() as db:
            db.execute(
                "INSERT INTO events SELECT id, ?, ?, ?, ?, (SELECT count(*) FROM audit WHERE run = runs.id)"
                " FROM runs WHERE id = ?",
                (self._clock(), "interrupted" if stopped else "failed", self._now_in, message, self.id),
            )


def _audit_line(seq: int, named: dict[str, str] | sqlite3.Row, output: str, previous: str | None) -> bytes:
    """One row of the chain. Its own hash is of these bytes and is stored beside it, not in it."""
    row = {name: named[name] for name in ("stage", "inputs_sha256", "code_sha256")}
    return canonical({"seq": seq, **row, "output_sha256": output, "previous": previous})
