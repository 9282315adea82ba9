"""All records of a workspace, on disk: versions that are written once, and signed events on top of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sovereign.judge.history import fold
from sovereign.records import (
    BadInput,
    Event,
    EventType,
    Evidence,
    Judgement,
    KeyRing,
    NotFound,
    Record,
    StorageError,
    folder_name,
    record_id_of,
)
from sovereign.records.layout import EVENTS, KEYS_FILE, MANIFEST_FILE, event_file, version_folder
from sovereign.seal import Key, SealError, canonical, digest, key_ring, public_keys

from . import _disk, _export
from ._version import Artifacts, Texts, event_envelope, make_record, opening, version_files
from .reader import Reader, edited, read_bytes, read_model

_DRAWS = 64


class Archive(Reader):
    """The records under one folder, for reading and writing.

    A version exists from the moment that the event which opens it is in place; until then it was never there.

    Args:
        folder: made when the first record is written.
        draw: source of new ids, eight hexadecimal digits of a uuid4; tests give their own.
    """

    def __init__(self, folder: str | Path, *, draw: Callable[[], str] = lambda: uuid.uuid4().hex[:8]) -> None:
        super().__init__(folder)
        self._draw = draw

    def new_id(self) -> str:
        """An id that no record here has: `SRCH:` and eight hexadecimal digits, drawn again on a collision."""
        for _ in range(_DRAWS):
            record_id = record_id_of(self._draw())
            if not (self.folder / folder_name(record_id)).exists():
                return record_id
        raise StorageError(f"no free id found in {_DRAWS} draws", "use another workspace")

    def write_version(
        self,
        record_id: str,
        version: int,
        evidence: Evidence,
        judgement: Judgement,
        *,
        texts: Texts,
        audit_lines: Iterable[bytes],
        artifacts: Artifacts,
        key: Key,
        now: str,
        event: EventType | None = None,
        note: str = "",
        details: dict[str, Any] | None = None,
    ) -> Path:
        """Write a version together with the event that opens it, and return its folder.

        Doing so again with an equal body changes nothing: a writer that was cut off may simply repeat itself.

        Args:
            texts: SHA-256 -> text of every source.
            audit_lines: the run's audit chain, one canonical row each, without line ends.
            artifacts: SHA-256 of a reproduction's results -> file name -> content.
            now: UTC, ISO 8601, whole seconds.
            event: what opened the version: by default drafted for version 1, revised for later ones.

        Raises:
            BadInput: the version exists with another body, does not follow the newest, or its parts do not fit.
            StorageError: the disk does not take it; nothing half-written is left.
        """
        record = make_record(record_id, version, evidence, judgement, now)
        files = version_files(record, texts, audit_lines, artifacts, key)
        with _disk.lock(self.folder), _disk.storing(f"version {version} of {record.id}"):
            folder = self.folder / record.folder
            events, head = self._events(folder) if folder.is_dir() else ((), None)
            if version in {event.version for event in events}:
                return self._existing(folder, record)
            opened = Event(
                record=record.id,
                version=version,
                number=len(events) + 1,
                type=opening(version, event),
                previous=head,
                manifest=digest(files[MANIFEST_FILE]),
                at=now,
                by=key.fingerprint,
                note=note,
                details=details or {},
            )
            fold([*events, opened])
            with _disk.scratch(self.folder) as built:
                _disk.write_tree(built / "version", files)
                if folder.is_dir():
                    self._add_key(folder, key, built)
                    _disk.remove_orphan(folder / version_folder(version))
                    (built / "version").rename(folder / version_folder(version))
                    _disk.sync_folder(folder)
                    self._put_event(folder, opened, key, built)
                else:
                    self._found(folder, version, opened, key, built)
        return folder / version_folder(version)

    def append_event(
        self,
        record_id: str,
        kind: EventType,
        *,
        key: Key,
        now: str,
        note: str = "",
        details: dict[str, Any] | None = None,
        version: int | None = None,
    ) -> Event:
        """Sign and add an event on the newest version: approved, rejected, corrected, retracted.

        Events that open a version are written by `write_version`.

        Args:
            version: the version that the signer has looked at; an error if a newer one has come since.

        Raises:
            NotFound: there is no such record.
            BadInput: the event may not follow the ones before it, or `version` is not the newest.
        """
        folder = self.path(record_id)
        with _disk.lock(self.folder), _disk.storing(f"the event {kind.value} of {record_id_of(record_id)}"):
            events, head = self._events(folder)
            state = fold(events)
            if version is not None and version != state.version:
                raise BadInput(f"version {state.version} has come since version {version}", "look at it first")
            manifest = read_bytes(folder / version_folder(state.version) / MANIFEST_FILE)
            event = Event(
                record=state.record,
                version=state.version,
                number=state.events + 1,
                type=kind,
                previous=head,
                manifest=digest(manifest),
                at=now,
                by=key.fingerprint,
                note=note,
                details=details or {},
            )
            fold([*events, event])
            with _disk.scratch(self.folder) as built:
                self._add_key(folder, key, built)
                self._put_event(folder, event, key, built)
        return event

    def export(self, record_id: str, output: str | Path, *, key: Key, force: bool = False) -> Path:
        """Write a record as one signed container; equal content and key give equal bytes.

        Raises:
            NotFound: there is no such record.
            BadInput: `output` exists and `force` is false.
            StorageError: the record has a fault, or the disk does not take the file.
        """
        folder, state = self.path(record_id), self.state(record_id)
        if key.fingerprint not in self._known_keys(folder):
            with _disk.lock(self.folder), _disk.storing(f"the key {key.fingerprint}"):
                with _disk.scratch(self.folder) as built:
                    self._add_key(folder, key, built)
        return _export.export(folder, state, Path(output), key, force)

    def _existing(self, folder: Path, record: Record) -> Path:
        stored = self.load(record.id, record.version)
        if stored.body_digest != record.body_digest:
            raise BadInput(
                f"version {record.version} of {record.id} is written and is never rewritten",
                f"write version {self.state(record.id).version + 1}",
            )
        return folder / version_folder(record.version)

    def _found(self, folder: Path, version: int, event: Event, key: Key, built: Path) -> None:
        """Put a whole new record in place with one rename."""
        if version != 1:
            raise NotFound(f"there is no record {event.record} to add version {version} to", "write version 1 first")
        whole = built / folder.name
        (whole / EVENTS).mkdir(parents=True)
        (built / "version").rename(whole / version_folder(1))
        _disk.write_file(whole / EVENTS / event_file(1, event.type), event_envelope(event, key))
        _disk.write_file(whole / KEYS_FILE, canonical(key_ring([key.public_bytes])))
        _disk.sync_folder(whole / EVENTS)
        _disk.sync_folder(whole)
        whole.rename(folder)
        _disk.sync_folder(self.folder)

    def _put_event(self, folder: Path, event: Event, key: Key, built: Path) -> None:
        _disk.write_file(built / "event", event_envelope(event, key))
        _disk.publish_file(built / "event", folder / EVENTS / event_file(event.number, event.type))

    def _add_key(self, folder: Path, key: Key, built: Path) -> None:
        """Put a signer's public key beside the record, if it is not there yet."""
        known = self._known_keys(folder)
        if key.fingerprint not in known:
            _disk.write_file(built / KEYS_FILE, canonical(key_ring([*known.values(), key.public_bytes])))
            _disk.publish_file(built / KEYS_FILE, folder / KEYS_FILE, overwrite=True)

    def _known_keys(self, folder: Path) -> Mapping[str, bytes]:
        ring = read_model(KeyRing, folder / KEYS_FILE)
        try:
            return public_keys(ring)
        except SealError as error:
            raise edited(folder / KEYS_FILE, error.message) from error
