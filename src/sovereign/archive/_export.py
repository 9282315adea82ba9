"""A record as one file that anyone can check: a container of fixed form, its list of files signed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sovereign.check import CrateAbout, check_path, crate_metadata
from sovereign.records import BadInput, Manifest, Record, State, StorageError
from sovereign.records.layout import (
    CRATE_FILE,
    EVENTS,
    EXPORT_FILE,
    KEYS_FILE,
    MANIFEST_FILE,
    OUTSIDE_MANIFEST,
    RECORD_FILE,
    version_folder,
)
from sovereign.seal import PREDICATE_EXPORT, Key, digest, pack_files, sign, statement

from . import _disk
from .reader import read_bytes, read_model


def export(
    folder: Path,
    state: State,
    output: Path,
    key: Key,
    *,
    force: bool,
    attested: Mapping[str, bytes],
    about: CrateAbout,
) -> Path:
    """Write the container of a record's folder to `output`; see `Archive.export`."""
    if output.exists() and not force:
        raise BadInput(f"{output} exists and is not overwritten", "choose another name, or use --force")
    report = check_path(folder)
    if report.faults:
        first = report.faults[0]
        raise StorageError(
            f"{folder.name} has {len(report.faults)} faults and is not exported; first: {first.where}: {first.what}",
            f"`sovereign check {folder}` lists them all",
        )
    files = _files(folder, state, attested)
    data = container(files, read_model(Record, folder / version_folder(state.version) / RECORD_FILE), state, key, about)
    with _disk.storing(str(output)), _disk.scratch(output.parent) as built:
        _disk.write_file(built / "export", data)
        try:
            _disk.publish_file(built / "export", output, overwrite=force)
        except FileExistsError as error:
            raise BadInput(f"{output} exists and is not overwritten", "choose another name, or use --force") from error
    return output


def container(files: dict[str, bytes], record: Record, state: State, key: Key, about: CrateAbout) -> bytes:
    """The bytes of an export: the record's folder, a signed list of its files, and what makes all of it an RO-Crate."""
    crate = crate_metadata({**files, EXPORT_FILE: b""}, record, about, state.last_event_at, key.fingerprint)
    subjects = {path: digest(data) for path, data in {**files, CRATE_FILE: crate}.items()}
    predicate = {"record": state.record, "version": state.version, "events": state.events, "by": key.fingerprint}
    signed = sign(statement(PREDICATE_EXPORT, subjects, {**predicate, "crate": about.to_json()}), key)
    inside = {f"{record.folder}/{path}": data for path, data in {**files, EXPORT_FILE: signed}.items()}
    return pack_files({**inside, CRATE_FILE: crate})


def _files(folder: Path, state: State, attested: Mapping[str, bytes]) -> dict[str, bytes]:
    """What belongs to a record: what its manifests list, its events, what they brought, its keys. All else stays."""
    files = {KEYS_FILE: read_bytes(folder / KEYS_FILE), **attested}
    for event in sorted((folder / EVENTS).iterdir()):
        files[f"{EVENTS}/{event.name}"] = read_bytes(event)
    for version in map(version_folder, range(1, state.version + 1)):
        manifest = read_model(Manifest, folder / version / MANIFEST_FILE)
        for name in (*manifest.files, *OUTSIDE_MANIFEST):
            files[f"{version}/{name}"] = read_bytes(folder / version / name)
    return files
