"""Reading an archive: versions, texts, events and state, with an error that names the file that was edited."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from sovereign.judge.history import fold
from sovereign.records import (
    BadInput,
    Document,
    Event,
    NotFound,
    Record,
    State,
    StorageError,
    folder_name,
    record_id_of,
)
from sovereign.records.layout import ATTESTATIONS, EVENTS, RECORD_FILE, event_of, text_file, version_folder
from sovereign.seal import SealError, body_digest, digest, open_envelope, parse

from ._version import Texts

_RECORD_ID = re.compile(r"SRCH:[0-9A-F]{8}")
_Model = TypeVar("_Model", bound=Document)


class Reader:
    """The records under one folder, for reading. It takes no lock: names appear whole or not at all.

    Args:
        folder: need not exist yet; then there are no records.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def list(self) -> tuple[str, ...]:
        """The ids of all records, in the order of their ids."""
        if not self.folder.is_dir():
            return ()
        ids = {path.name: record_id_of(path.name) for path in self.folder.iterdir()}
        return tuple(sorted(i for name, i in ids.items() if _RECORD_ID.fullmatch(i) and folder_name(i) == name))

    def path(self, record_id: str, version: int | None = None) -> Path:
        """The folder of a record, or of one of its versions. Takes an id in any spelling.

        Raises:
            NotFound: there is no such record or version.
        """
        record_id = record_id_of(record_id)
        path = self.folder / folder_name(record_id)
        if not _RECORD_ID.fullmatch(record_id) or not path.is_dir():
            raise NotFound(f"there is no record {record_id} in {self.folder}", "see `sovereign review list`")
        if version is None:
            return path
        if version not in self.versions(record_id):
            raise NotFound(f"{record_id} has no version {version}", f"it has {len(self.versions(record_id))}")
        return path / version_folder(version)

    def versions(self, record_id: str) -> tuple[int, ...]:
        """The versions of a record, oldest first."""
        return tuple(range(1, self.state(record_id).version + 1))

    def load(self, record_id: str, version: int | None = None) -> Record:
        """A version of a record, the newest unless told. Signatures are `check`'s business.

        Raises:
            NotFound: there is no such record or version.
            StorageError: the file was edited by hand or is damaged.
        """
        record_id = record_id_of(record_id)
        path = self.path(record_id, version or self.state(record_id).version) / RECORD_FILE
        stored, record = read_stored(Record, path)
        if record.id != record_id or path.parent.name != version_folder(record.version):
            raise edited(path, f"it calls itself {record.id} version {record.version}")
        if body_digest(stored) != record.body_digest:  # as stored: a field that came later was no part of it
            raise edited(path, "its body is not the one that its digest names")
        return record

    def texts(self, record_id: str, version: int | None = None) -> Texts:
        """The stored texts of a version: SHA-256 -> text, or None where the version has none of that name."""
        folder = self.path(record_id, version or self.state(record_id).version)

        def text(sha256: str) -> str | None:
            path = folder / text_file(sha256)
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
            if digest(data) != sha256:
                raise edited(path, "it is not the text that its name says")
            return data.decode("utf-8")

        return text

    def events(self, record_id: str) -> tuple[Event, ...]:
        """The events of a record in their order, their hash chain intact.

        Raises:
            NotFound: there is no such record.
            StorageError: an event is missing, out of order, or was edited.
        """
        return self._events(self.path(record_id))[0]

    def stamp(self, record_id: str) -> str:
        """Names, sizes and times of a record's events: as long as it is the same, nobody has added one.

        Raises:
            NotFound: there is no such record.
        """
        folder = self.path(record_id) / EVENTS
        try:
            found = [(entry.name, entry.stat()) for entry in os.scandir(folder)]
        except OSError as error:
            raise edited(folder, "its events cannot be read") from error
        return digest(repr(sorted((name, status.st_size, status.st_mtime_ns) for name, status in found)))

    def state(self, record_id: str) -> State:
        """The current state: a fold over the events. Raises what `events` raises."""
        return self._state(self.path(record_id))

    def attested_files(self, record_id: str) -> dict[str, bytes]:
        """What events brought of others' attestations: path within the record's folder -> content."""
        return self._attested_files(self.path(record_id))

    def _attested_files(self, folder: Path) -> dict[str, bytes]:
        named = {path for subjects in self._subjects(folder) for path in subjects}
        return {path: read_bytes(folder / path) for path in sorted(named) if path.startswith(f"{ATTESTATIONS}/")}

    def _subjects(self, folder: Path) -> Iterator[dict[str, str]]:
        """What each event's statement was signed over, in the order of events."""
        names = {event_of(path.name): path for path in (folder / EVENTS).iterdir()}
        for _, path in sorted((named, path) for named, path in names.items() if named is not None):
            subjects = open_envelope(read_bytes(path)).statement["subject"]
            yield {item["name"]: item["digest"]["sha256"] for item in subjects}

    def _state(self, folder: Path) -> State:
        try:
            return fold(self._events(folder)[0])
        except BadInput as error:
            raise edited(folder / EVENTS, error.message) from error

    def _events(self, folder: Path) -> tuple[tuple[Event, ...], str | None]:
        """The events of a record's folder, and the digest of the last one's file."""
        try:
            paths = {event_of(path.name): path for path in (folder / EVENTS).iterdir()}
        except OSError as error:
            raise edited(folder / EVENTS, "its events cannot be read") from error
        events: list[Event] = []
        head: str | None = None
        for named, path in sorted(((named, path) for named, path in paths.items() if named is not None)):
            data = read_bytes(path)
            try:
                event = Event.model_validate(open_envelope(data).statement["predicate"])
            except (SealError, ValidationError) as error:
                raise edited(path, str(error)) from error
            if folder_name(event.record) != folder.name:
                raise StorageError(
                    f"{folder} holds the record {event.record}: two folders cannot be one record",
                    f"move the copy out of {folder.parent}, or give it its own name back; nothing was changed",
                )
            if event.previous != head or (event.number, event.type.value) != named or event.number != len(events) + 1:
                raise edited(path, "it does not follow the event before it")
            events.append(event)
            head = digest(data)
        return tuple(events), head


def read_bytes(path: Path) -> bytes:
    """The content of a file that must be there; StorageError where it is not."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise edited(path, f"it cannot be read: {error.strerror}") from error


def read_model(kind: type[_Model], path: Path) -> _Model:
    """A canonical document; StorageError where the file does not hold one."""
    return read_stored(kind, path)[1]


def read_stored(kind: type[_Model], path: Path) -> tuple[dict[str, Any], _Model]:
    """A canonical document as its JSON says and as it is read; StorageError where the file does not hold one."""
    try:
        stored = parse(read_bytes(path))
        return stored, kind.model_validate(stored)
    except (SealError, ValidationError) as error:
        raise edited(path, str(error).splitlines()[0]) from error


def edited(path: Path, what: str) -> StorageError:
    """The error for a file that is not as we wrote it."""
    return StorageError(
        f"{path} was edited or is damaged: {what}",
        f"`sovereign check {path.parent}` says what is wrong; restore the folder from an export or a backup",
    )
