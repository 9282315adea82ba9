"""The files of one version of a record, as bytes: built whole in memory before anything touches the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError

from sovereign.records import (
    BadInput,
    Event,
    EventType,
    Evidence,
    Judgement,
    Manifest,
    Record,
    Reproduction,
    Times,
)
from sovereign.records.layout import (
    ATTESTATION_FILE,
    AUDIT_FILE,
    HAND_FILE,
    MANIFEST_FILE,
    RECORD_FILE,
    REPRODUCTIONS,
    SEAL_FILE,
    text_file,
    version_folder,
)
from sovereign.seal import (
    EVENT_PREDICATES,
    PREDICATE_DRAFT,
    Key,
    SealError,
    body_digest,
    canonical,
    digest,
    sign,
    statement,
    verify,
)

Texts = Callable[[str], str | None]
Artifacts = Mapping[str, Mapping[str, bytes]]

_NO_DIGEST = "0" * 64


def make_record(record_id: str, version: int, evidence: Evidence, judgement: Judgement, now: str) -> Record:
    """Evidence and judgement under a name, with the digest of the body.

    Raises:
        BadInput: a field that a record does not take.
    """
    fields = {name: getattr(evidence, name) for name in Evidence.model_fields}
    fields |= {name: getattr(judgement, name) for name in Judgement.model_fields}
    fields |= {"id": record_id, "version": version, "times": Times(created_at=now), "body_digest": _NO_DIGEST}
    try:
        record = Record.model_validate(fields)
    except ValidationError as error:
        raise BadInput(f"this is no record: {error}", "this is a fault of ours; please report it") from error
    return record.model_copy(update={"body_digest": body_digest(record)})


def version_files(
    record: Record,
    texts: Texts,
    audit_lines: Iterable[bytes],
    artifacts: Artifacts,
    key: Key,
    hand: Sequence[bytes] = (),
) -> dict[str, bytes]:
    """Every file of a version, path relative to its folder -> content, manifest and seal included.

    Raises:
        BadInput: a text that is not at hand or not the one that was read, artifacts that are not those of the
            record's reproductions or not attested by `key`, entries of the owner's hand that are not the record's, or
            an audit chain that does not end where the record says.
    """
    if tuple(map(digest, hand)) != tuple(given.sha256 for given in record.hand):
        raise BadInput("these are not the record's entries of the owner's hand", "ask the question once more")
    files = {RECORD_FILE: canonical(record), AUDIT_FILE: _audit(record, tuple(audit_lines))}
    for source in record.sources:
        text = texts(source.sha256)
        data = None if text is None else text.encode("utf-8", "surrogatepass")
        if data is None or digest(data) != source.sha256:
            what = "is not at hand" if data is None else "is not the one that was read"
            raise BadInput(f"the text of {source.id} {what}", "add the source to the library again and ask once more")
        files[text_file(source.sha256)] = data
    if hand:
        files[HAND_FILE] = b"".join(envelope + b"\n" for envelope in hand)
    files |= _artifact_files(record.reproductions, artifacts, key)
    manifest = canonical(
        Manifest(
            record=record.id,
            version=record.version,
            body_digest=record.body_digest,
            files={name: digest(data) for name, data in files.items()},
        )
    )
    files[MANIFEST_FILE] = manifest
    files[SEAL_FILE] = seal(record, digest(manifest), digest(files[RECORD_FILE]), key)
    return files


def seal(record: Record, manifest: str, record_file: str, key: Key) -> bytes:
    """`seal.json`: the signed statement over manifest.json and record.json, given their SHA-256."""
    predicate = {
        "record": record.id,
        "version": record.version,
        "body_digest": record.body_digest,
        "library_digest": record.library_digest,
        "code_version": record.provenance.code_version,
        "at": record.times.created_at,
        "by": key.fingerprint,
    }
    return sign(statement(PREDICATE_DRAFT, {MANIFEST_FILE: manifest, RECORD_FILE: record_file}, predicate), key)


def event_envelope(event: Event, key: Key, files: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """The signed statement of one event over the manifest of its version, and over `files` (path -> SHA-256)."""
    subjects = {f"{version_folder(event.version)}/{MANIFEST_FILE}": event.manifest, **files}
    return sign(statement(EVENT_PREDICATES[event.type], subjects, event.to_json()), key)


def opening(version: int, given: EventType | None) -> EventType:
    """The event that brings a version into being: drafted for the first; revised for later ones unless told."""
    return given or (EventType.DRAFTED if version == 1 else EventType.REVISED)


def _audit(record: Record, lines: tuple[bytes, ...]) -> bytes:
    head = digest(lines[-1]) if lines else None
    if head != record.provenance.audit_head:
        raise BadInput(
            f"the audit chain ends at {head}, the record says {record.provenance.audit_head}",
            "this is a fault of ours; please report it",
        )
    return b"".join(line + b"\n" for line in lines)


def _artifact_files(reproductions: tuple[Reproduction, ...], artifacts: Artifacts, key: Key) -> dict[str, bytes]:
    due = {run.results_sha256 for run in reproductions}
    if due != set(artifacts):
        missing, over = sorted(due - set(artifacts)), sorted(set(artifacts) - due)
        raise BadInput(
            f"artifacts must be those of the record's reproductions (missing {missing}, of no reproduction {over})",
            "run the pack again",
        )
    for results, attached in artifacts.items():
        try:
            verify(attached.get(ATTESTATION_FILE, b""), {key.fingerprint: key.public_bytes})
        except SealError as error:
            raise BadInput(
                f"the attestation of the results {results[:12]} cannot be attached: {error.message}",
                "run the pack again with `sovereign reproduce`, so that the present key attests it",
            ) from error
    return {
        f"{REPRODUCTIONS}/{results}/{name}": data
        for results, files in artifacts.items()
        for name, data in files.items()
    }
