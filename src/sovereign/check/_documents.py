"""Are all files there, and no other; is each document canonical, of its schema, and the one that its digest names?"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import ValidationError

from sovereign.records import RECORD_SCHEMA, Document, KeyRing, Manifest, Record, folder_name
from sovereign.records.layout import (
    ATTESTATION_FILE,
    ATTESTATIONS,
    AUDIT_FILE,
    CRATE_FILE,
    EVENTS,
    EXPORT_FILE,
    HAND_FILE,
    KEYS_FILE,
    MANIFEST_FILE,
    OUTSIDE_MANIFEST,
    RECORD_FILE,
    REPRODUCTIONS,
    RESULTS_FILE,
    SEAL_FILE,
    event_of,
    text_file,
    version_of,
)
from sovereign.seal import SealError, body_digest, digest, parse, public_keys

from ._case import Case, VersionCase, field_path, first_difference, shown

_Model = TypeVar("_Model", bound=Document)
_ATTESTED = re.compile(rf"{ATTESTATIONS}/[0-9a-f]{{64}}/({re.escape(ATTESTATION_FILE)}|{re.escape(RESULTS_FILE)})")
_BESIDE = (KEYS_FILE, EXPORT_FILE)
_MANIFEST_SCHEMA = "sovereign-manifest-v1"


def layout(case: Case) -> None:
    """Every file has a place in a record; versions run from 1 without a gap."""
    for path in case.files:
        head, _, rest = path.partition("/")
        number = version_of(head)
        if number is not None and rest:
            case.versions.setdefault(number, VersionCase(number, {})).files[rest] = case.files[path]
        elif path == CRATE_FILE and case.kind == "export":
            continue
        elif not (path in _BESIDE or (head == EVENTS and event_of(rest)) or _ATTESTED.fullmatch(path)):
            case.fault(path, "not part of a record")
    case.versions = dict(sorted(case.versions.items()))
    due = list(range(1, len(case.versions) + 1))
    if not case.versions:
        case.fault("v1", "there is no version")
    elif case.has_events and list(case.versions) != due:
        case.fault("v1", f"versions are {list(case.versions)}, they must be {due}")
    for version in case.versions.values():
        for name in (RECORD_FILE, MANIFEST_FILE, SEAL_FILE, AUDIT_FILE):
            if name not in version.files:
                case.fault(version.where(name), "the file is missing")
    needed = [KEYS_FILE] if case.has_events else []
    if case.kind == "export":
        needed.append(EXPORT_FILE)
    for name in needed:
        if name not in case.files:
            case.fault(name, "the file is missing")
    if case.has_events and not any(path.startswith(f"{EVENTS}/") for path in case.files):
        case.fault(EVENTS, "there is no event")


def keys(case: Case) -> None:
    """Every public key is named by its own fingerprint."""
    case.keys.update(case.trust.keys)
    if KEYS_FILE not in case.files:
        if not case.keys:
            case.fault(KEYS_FILE, "no public key is at hand to verify the seal; give one with --trust FILE")
        return
    read = _read(case, KEYS_FILE, case.files[KEYS_FILE], KeyRing)
    if read is not None:
        try:
            case.keys.update(public_keys(read[1]))
        except SealError as error:
            case.fault(KEYS_FILE, error.message)


def documents(case: Case) -> None:
    """record.json and manifest.json are canonical and of their schemas, and agree on id and version."""
    for version in case.versions.values():
        if RECORD_FILE in version.files:
            where = version.where(RECORD_FILE)
            read = _read(case, where, version.files[RECORD_FILE], Record)
            if read is not None:
                version.raw, version.record = read
                if version.record.schema_ != RECORD_SCHEMA:
                    case.fault(f"{where}: schema", f"is {version.record.schema_!r}, not {RECORD_SCHEMA!r}")
                _identity(case, version, where, version.record.id, version.record.version)
        if MANIFEST_FILE in version.files:
            where = version.where(MANIFEST_FILE)
            listed = _read(case, where, version.files[MANIFEST_FILE], Manifest)
            if listed is not None:
                version.manifest = listed[1]
                if version.manifest.schema_ != _MANIFEST_SCHEMA:
                    case.fault(f"{where}: schema", f"is {version.manifest.schema_!r}, not {_MANIFEST_SCHEMA!r}")
                _identity(case, version, where, version.manifest.record, version.manifest.version)


def manifest(case: Case) -> None:
    """The manifest lists every file of its version, no other, each with its digest; every file belongs there."""
    for version in case.versions.values():
        due = _due(version)
        for name in version.files:
            if due is not None and name not in due:
                case.fault(version.where(name), "not a file of this version: the record names no such text or run")
        if version.manifest is None:
            continue
        listed = version.manifest.files
        for name in sorted(version.files.keys() - listed.keys() - OUTSIDE_MANIFEST):
            case.fault(version.where(name), "the manifest does not list it")
        for name in sorted(listed):
            data = version.files.get(name)
            if data is None:
                case.fault(version.where(name), "the manifest lists it, and it is missing")
            elif digest(data) != listed[name]:
                case.fault(version.where(name), f"its SHA-256 is {digest(data)}, the manifest says {listed[name]}")


def body(case: Case) -> None:
    """The body digest is that of the body, in record and manifest alike."""
    for version in case.versions.values():
        if version.raw is None or version.record is None:
            continue
        due = body_digest(version.raw)
        if version.record.body_digest != due:
            said = version.record.body_digest
            case.fault(version.where(RECORD_FILE, "body_digest"), f"says {said}, the body's digest is {due}")
        if version.manifest is not None and version.manifest.body_digest != due:
            said = version.manifest.body_digest
            case.fault(version.where(MANIFEST_FILE, "body_digest"), f"says {said}, the body's digest is {due}")


def _identity(case: Case, version: VersionCase, where: str, record_id: str, number: int) -> None:
    if number != version.number:
        case.fault(f"{where}: version", f"is {number}, the folder is v{version.number}")
    if case.has_events and folder_name(record_id) != case.name:
        case.fault(f"{where}: id", f"{record_id} does not belong in the folder {case.name}")
    first = next((other.record.id for other in case.versions.values() if other.record is not None), record_id)
    if record_id != first:
        case.fault(f"{where}: id", f"is {record_id}, another document of this record says {first}")


def _due(version: VersionCase) -> set[str] | None:
    """The files that a version's record calls for; a run's own files are judged with the run."""
    if version.record is None:
        return None
    due = {RECORD_FILE, MANIFEST_FILE, SEAL_FILE, AUDIT_FILE}
    due |= {text_file(source.sha256) for source in version.record.sources}
    due |= {HAND_FILE} if version.record.hand else set()
    for run in version.record.reproductions:
        folder = f"{REPRODUCTIONS}/{run.results_sha256}/"
        due |= {folder + RESULTS_FILE, folder + ATTESTATION_FILE}
        due |= {name for name in version.files if name.startswith(folder)}
    return due


def _read(case: Case, where: str, data: bytes, kind: type[_Model]) -> tuple[dict[str, Any], _Model] | None:
    """The raw value and the document of canonical bytes; None after a fault."""
    try:
        raw = parse(data)
    except SealError as error:
        case.fault(where, error.message)
        return None
    try:
        model = kind.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False)[:10]:
            at = field_path(problem["loc"])
            case.fault(f"{where}: {at}" if at else where, problem["msg"])
        return None
    # Pydantic takes "1" for 1: what was written must be what was understood. A field left to its default may be absent.
    understood = model.model_dump(mode="json", exclude_unset=True)
    different = first_difference(raw, understood)
    if different:
        at, written, read = different
        case.fault(f"{where}: {at}", f"written as {shown(written)}, which is not how {shown(read)} is written")
        return None
    return raw, model
