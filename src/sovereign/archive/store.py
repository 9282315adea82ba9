"""All records of a workspace, on disk: versions that are written once, and signed events on top of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sovereign.check import CrateAbout
from sovereign.judge.history import BRINGING, fold
from sovereign.records import (
    BadInput,
    Event,
    EventType,
    Evidence,
    Judgement,
    KeyRing,
    KeyRole,
    Manifest,
    NotFound,
    Record,
    StorageError,
    folder_name,
    record_id_of,
)
from sovereign.records.layout import (
    ATTESTATION_FILE,
    ATTESTATIONS,
    EVENTS,
    KEYS_FILE,
    MANIFEST_FILE,
    attestation_folder,
    event_file,
    version_folder,
)
from sovereign.seal import Key, SealError, canonical, digest, key_ring, public_keys

from . import _disk, _export
from ._version import Artifacts, Texts, event_envelope, make_record, opening, version_files
from .reader import Reader, edited, read_bytes, read_model

_DRAWS = 64
#: The longest note of an event, in characters.
MOST_NOTE = 4000


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
        hand: Sequence[bytes] = (),
        others: Mapping[bytes, KeyRole] = MappingProxyType({}),
    ) -> Path:
        """Write a version together with the event that opens it, and return its folder.

        Doing so again with an equal body changes nothing: a writer that was cut off may simply repeat itself.

        Args:
            texts: SHA-256 -> text of every source.
            audit_lines: the run's audit chain, one canonical row each, without line ends.
            artifacts: SHA-256 of a reproduction's results -> file name -> content.
            now: UTC, ISO 8601, whole seconds.
            event: what opened the version: by default drafted for version 1, revised for later ones.
            hand: the signed envelopes of the record's entries of the owner's hand.
            others: public keys besides `key` that signed them, each with its role.

        Raises:
            BadInput: the version exists with another body, does not follow the newest, or its parts do not fit.
            StorageError: the disk does not take it; nothing half-written is left.
        """
        _bounded(note)
        record = make_record(record_id, version, evidence, judgement, now)
        files = version_files(record, texts, audit_lines, artifacts, key, hand)
        with _disk.lock(self.folder), _disk.storing(f"version {version} of {record.id}"):
            folder = self.folder / record.folder
            events, head = self._events(folder) if folder.is_dir() else ((), None)
            if version in {event.version for event in events}:
                return self._existing(folder, record)
            kind = opening(version, event)
            opened = Event(
                record=record.id,
                version=version,
                number=len(events) + 1,
                type=kind,
                previous=head,
                manifest=digest(files[MANIFEST_FILE]),
                at=now,
                by=key.fingerprint,
                note=note,
                details=_details(details, kind, judgement),
            )
            fold([*events, opened])
            with _disk.scratch(self.folder) as built:
                _disk.write_tree(built / "version", files)
                if folder.is_dir():
                    self._add_key(folder, key, built, others)
                    _disk.remove_orphan(folder / version_folder(version))
                    (built / "version").rename(folder / version_folder(version))
                    _disk.sync_folder(folder)
                    self._put_event(folder, opened, key, built)
                else:
                    self._found(folder, version, opened, key, built, others)
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
        after: int | None = None,
        attached: Mapping[str, bytes] = MappingProxyType({}),
        signed_over: Mapping[str, str] = MappingProxyType({}),
        others: Mapping[bytes, KeyRole] = MappingProxyType({}),
        first: Callable[[], None] | None = None,
    ) -> Event:
        """Sign and add an event on the newest version: approved, rejected, corrected, retracted, attested, reviewed...

        Events that open a version are written by `write_version`.

        Args:
            version: the version that the signer has looked at; an error if a newer one has come since.
            after: how many events the signer has looked at; an error if others have come since.
            attached: what somebody else attests: `attestation.json` and what belongs to it. It is stored under
                `attestations/<SHA-256 of attestation.json>/`, and the event is signed over it.
            signed_over: further files of the record (path -> SHA-256) that the event is signed over.
            others: public keys of others that the attached files need, each with its role.
            first: what must be done before the event is there; called once nothing stands against the event.

        Raises:
            NotFound: there is no such record.
            BadInput: the event may not follow the ones before it, `version` is not the newest, or the note is too long.
            StorageError: a file of the version was edited: nobody signs what is not there as it was written.
        """
        _bounded(note)
        folder = self.path(record_id)
        with _disk.lock(self.folder), _disk.storing(f"the event {kind.value} of {record_id_of(record_id)}"):
            events, head = self._events(folder)
            state = fold(events)
            if version is not None and version > state.version:
                raise NotFound(f"{state.record} has no version {version}", f"its newest is version {state.version}")
            if version is not None and version < state.version:
                raise BadInput(f"version {state.version} has come since version {version}", "look at it first")
            if after is not None and after != state.events:
                last = events[-1]
                raise BadInput(
                    f"it was {last.type.value} at {last.at} by somebody else while you looked at it", "look at it again"
                )
            manifest = _as_written(folder / version_folder(state.version))
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
            place = attestation_folder(digest(attached[ATTESTATION_FILE])) if attached else ""
            over = {**signed_over, **{f"{place}/{name}": digest(data) for name, data in attached.items()}}
            brought = self._brought(folder, place) if attached else 0
            if brought == state.version:
                raise BadInput("this attestation is in the record already", "see `sovereign review show`")
            with _disk.scratch(self.folder) as built:
                self._add_key(folder, key, built, others)
                if attached and not brought:
                    self._attach(folder, place, attached, built)
                if first is not None:
                    first()
                self._put_event(folder, event, key, built, over)
        return event

    def must_be_as_written(self, record_id: str) -> None:
        """Raises StorageError where a file of the newest version was edited, NotFound where there is no such record."""
        _as_written(self.path(record_id, self.state(record_id).version))

    def export(
        self, record_id: str, output: str | Path, *, key: Key, force: bool = False, about: CrateAbout | None = None
    ) -> Path:
        """Write a record as one signed container, an RO-Crate; equal content and key give equal bytes.

        Args:
            about: licence and author, for the crate.

        Raises:
            NotFound: there is no such record.
            BadInput: `output` exists and `force` is false.
            StorageError: the record has a fault, or the disk does not take the file.
        """
        folder, state = self.path(record_id), self.state(record_id)
        if key.public_bytes not in self._known_keys(folder) or self._strays(folder):
            with _disk.lock(self.folder), _disk.storing(f"the key {key.fingerprint}"):
                for place in self._strays(folder):
                    _disk.remove_orphan(place)
                with _disk.scratch(self.folder) as built:
                    self._add_key(folder, key, built)
        brought = self._attested_files(folder)
        return _export.export(
            folder, state, Path(output), key, force=force, attested=brought, about=about or CrateAbout()
        )

    def _existing(self, folder: Path, record: Record) -> Path:
        stored = self.load(record.id, record.version)
        if stored.body_digest != record.body_digest:
            raise BadInput(
                f"version {record.version} of {record.id} is written and is never rewritten",
                f"write version {self.state(record.id).version + 1}",
            )
        return folder / version_folder(record.version)

    def _found(
        self, folder: Path, version: int, event: Event, key: Key, built: Path, others: Mapping[bytes, KeyRole]
    ) -> None:
        """Put a whole new record in place with one rename."""
        if version != 1:
            raise NotFound(f"there is no record {event.record} to add version {version} to", "write version 1 first")
        whole = built / folder.name
        (whole / EVENTS).mkdir(parents=True)
        (built / "version").rename(whole / version_folder(1))
        _disk.write_file(whole / EVENTS / event_file(1, event.type), event_envelope(event, key))
        _disk.write_file(whole / KEYS_FILE, canonical(key_ring([key.public_bytes], others)))
        _disk.sync_folder(whole / EVENTS)
        _disk.sync_folder(whole)
        whole.rename(folder)
        _disk.sync_folder(self.folder)

    def _attach(self, folder: Path, place: str, files: Mapping[str, bytes], built: Path) -> None:
        """Put the files of an attestation in place, whole. A folder that no event names was left by a killed writer."""
        _disk.write_tree(built / "attached", files)
        (folder / ATTESTATIONS).mkdir(exist_ok=True)
        _disk.remove_orphan(folder / place)
        (built / "attached").rename(folder / place)
        _disk.sync_folder(folder / ATTESTATIONS)

    def _strays(self, folder: Path) -> list[Path]:
        """Attestations that no event names: their writer was cut off before they were in the record."""
        if not (folder / ATTESTATIONS).is_dir():
            return []
        named = {path.rpartition("/")[0] for subjects in self._subjects(folder) for path in subjects}
        return [place for place in (folder / ATTESTATIONS).iterdir() if f"{ATTESTATIONS}/{place.name}" not in named]

    def _put_event(
        self, folder: Path, event: Event, key: Key, built: Path, over: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        _disk.write_file(built / "event", event_envelope(event, key, over))
        _disk.publish_file(built / "event", folder / EVENTS / event_file(event.number, event.type))

    def _add_key(
        self, folder: Path, key: Key, built: Path, others: Mapping[bytes, KeyRole] = MappingProxyType({})
    ) -> None:
        """Put the public keys of signers beside the record, if they are not there yet."""
        known = self._known_keys(folder)
        new = {raw: role for raw, role in {key.public_bytes: KeyRole.OWNER, **others}.items() if raw not in known}
        if new:
            _disk.write_file(built / KEYS_FILE, canonical(key_ring((), {**known, **new})))
            _disk.publish_file(built / KEYS_FILE, folder / KEYS_FILE, overwrite=True)

    def _known_keys(self, folder: Path) -> Mapping[bytes, KeyRole]:
        """The public keys beside the record, each with its role."""
        ring = read_model(KeyRing, folder / KEYS_FILE)
        try:
            raw = public_keys(ring)
        except SealError as error:
            raise edited(folder / KEYS_FILE, error.message) from error
        return {raw[entry.fingerprint]: entry.role for entry in ring.keys}

    def _brought(self, folder: Path, place: str) -> int:
        """The newest version to which an event brought the attestation that lies at `place`; 0 for none."""
        named = f"{place}/{ATTESTATION_FILE}"
        pairs = zip(self._events(folder)[0], self._subjects(folder), strict=True)
        bringing = [event.version for event, subjects in pairs if event.type in BRINGING and named in subjects]
        return max(bringing, default=0)


def _as_written(folder: Path) -> bytes:
    """The manifest of a version, every file that it lists being the one that it names."""
    data = read_bytes(folder / MANIFEST_FILE)
    for name, sha256 in read_model(Manifest, folder / MANIFEST_FILE).files.items():
        if digest(read_bytes(folder / name)) != sha256:
            raise edited(folder / name, "it is not the file that the manifest names")
    return data


def _bounded(note: str) -> None:
    """A note is a remark that people read; what is longer is a document of its own."""
    if len(note) > MOST_NOTE:
        what = f"the note has {len(note):,} characters; the limit is {MOST_NOTE:,}"
        raise BadInput(what, "say it shorter; nothing was done")


def _details(given: dict[str, Any] | None, kind: EventType, judgement: Judgement) -> dict[str, Any]:
    """The details of an opening event; one that follows a reproduction names the gate verdict that it came to."""
    verdict = {"gate_verdict": judgement.gate_verdict.status.value} if kind is EventType.REPRODUCED else {}
    return {**(given or {}), **verdict}
