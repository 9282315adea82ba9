"""Who signed what: the seal of each version, the chain of events, the list of an export."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sovereign.judge.history import OPENING, HistoryFault, fold
from sovereign.records import DETAILS, Attested, Countersigned, Event, EventType, Reviewed
from sovereign.records.layout import (
    CRATE_FILE,
    EVENTS,
    EXPORT_FILE,
    MANIFEST_FILE,
    RECORD_FILE,
    SEAL_FILE,
    attestation_folder,
    event_file,
    event_of,
    version_folder,
)
from sovereign.seal import (
    EVENT_PREDICATES,
    PREDICATE_DRAFT,
    PREDICATE_EXPORT,
    SealError,
    Signed,
    digest,
    verify,
)

from ._case import Case, field_path, first_difference, shown


def seals(case: Case) -> None:
    """Each version's seal is signed and is over its manifest and its record."""
    for version in case.versions.values():
        where = version.where(SEAL_FILE)
        signed = opened(case, where, version.files.get(SEAL_FILE), PREDICATE_DRAFT)
        if signed is None:
            continue
        due = {name: digest(version.files[name]) for name in (MANIFEST_FILE, RECORD_FILE) if name in version.files}
        _subjects(case, where, signed, due, f"v{version.number}/")
        if version.record is not None:
            record = version.record
            about = {
                "record": record.id,
                "version": record.version,
                "body_digest": record.body_digest,
                "library_digest": record.library_digest,
                "code_version": record.provenance.code_version,
                "at": record.times.created_at,
                "by": signed.fingerprint,
            }
            compare(case, where, "predicate", signed.predicate, about)


def events(case: Case) -> None:
    """Events are signed, chained by hash, in order, each over its version's manifest; each version has its own."""
    if not case.has_events:
        case.notes.append("a version folder alone: its events were not looked at")
        return
    previous: str | None = None
    names = sorted((named, path) for path in case.files if (named := _event_name(path)) is not None)
    for (number, kind), path in names:
        data = case.files[path]
        signed = opened(case, path, data, *_types_of(kind))
        event = None if signed is None else _event(case, path, signed.predicate)
        if signed is not None and event is not None:
            if (event.number, event.type.value) != (number, kind):
                case.fault(f"{path}: number", f"the event is {event_file(event.number, event.type)}")
            if event.previous != previous:
                case.fault(f"{path}: previous", f"is {event.previous}, the event before it has SHA-256 {previous}")
            if event.by != signed.fingerprint:
                case.fault(f"{path}: by", f"is {event.by}, signed by {signed.fingerprint}")
            _subject(case, path, event, signed)
            _gate_verdict(case, path, event)
            case.events.append(event)
        previous = digest(data)
    _history(case, len(names))


def export(case: Case) -> None:
    """An export's signed list names every other file of it, each with its digest."""
    if EXPORT_FILE not in case.files:
        return
    signed = opened(case, EXPORT_FILE, case.files[EXPORT_FILE], PREDICATE_EXPORT)
    if signed is None:
        return
    due = {path: digest(data) for path, data in case.files.items() if path != EXPORT_FILE}
    if case.kind != "export" and CRATE_FILE in signed.subjects:
        due[CRATE_FILE] = signed.subjects[CRATE_FILE]  # it lies beside the folder of an export that was unpacked
    _subjects(case, EXPORT_FILE, signed, due, "")
    if case.events:
        last = case.events[-1]
        about = {"record": last.record, "version": last.version, "events": last.number, "by": signed.fingerprint}
        said = {name: value for name, value in signed.predicate.items() if name != "crate"}
        compare(case, EXPORT_FILE, "predicate", said, about)


def opened(case: Case, where: str, data: bytes | None, *predicate_types: str) -> Signed | None:
    """A statement whose signature holds and which is of a kind that belongs here; None after a fault."""
    if data is None:
        return None
    try:
        signed = verify(data, case.keys)
    except SealError as error:
        case.fault(where, error.message)
        return None
    if signed.predicate_type not in predicate_types:
        due = " or ".join(sorted(predicate_types)) or "that of any event"
        case.fault(f"{where}: predicateType", f"is {signed.predicate_type}, not {due}")
        return None
    case.signed.append((where, signed))
    return signed


def compare(case: Case, where: str, at: str, stored: Any, due: Any) -> None:
    """A fault that names the first field in which two values differ."""
    different = first_difference(stored, due, at)
    if different:
        path, left, right = different
        case.fault(f"{where}: {path}", f"says {shown(left)}, it must be {shown(right)}")


def _subjects(case: Case, where: str, signed: Signed, due: dict[str, str], prefix: str) -> None:
    """What was signed is what is here; a fault names the file that is not what was signed."""
    for name in sorted(signed.subjects.keys() - due.keys()):
        case.fault(prefix + name, f"{where} names it, and it is missing")
    for name, sha256 in due.items():
        said = signed.subjects.get(name)
        if said is None:
            case.fault(prefix + name, f"{where} does not name it: it was added after the signature")
        elif said != sha256:
            case.fault(prefix + name, f"its SHA-256 is {sha256}, {where} was signed over {said}")


def _types_of(kind: str) -> tuple[str, ...]:
    """The predicate type of an event of this kind; none for a kind that there is not."""
    return (EVENT_PREDICATES[EventType(kind)],) if kind in set(EventType) else ()


def _event_name(path: str) -> tuple[int, str] | None:
    return event_of(path.removeprefix(f"{EVENTS}/")) if path.startswith(f"{EVENTS}/") else None


def _event(case: Case, path: str, predicate: dict[str, Any]) -> Event | None:
    try:
        event = Event.model_validate(predicate)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False)[:10]:
            case.fault(f"{path}: {field_path(problem['loc'])}", problem["msg"])
        return None
    compare(case, path, "predicate", predicate, event.to_json())
    return event


def _subject(case: Case, path: str, event: Event, signed: Signed) -> None:
    name = f"{version_folder(event.version)}/{MANIFEST_FILE}"
    compare(case, path, "subject", signed.subjects, {name: event.manifest, **_signed_over(case, path, event)})
    data = case.files.get(name)
    if data is None:
        case.fault(f"{path}: version", f"is {event.version}, and there is no such version")
    elif digest(data) != event.manifest:
        case.fault(f"{path}: manifest", f"is {event.manifest}, {name} has SHA-256 {digest(data)}")


def _gate_verdict(case: Case, path: str, event: Event) -> None:
    """An event that says what the gate came to says what its version does."""
    version = case.versions.get(event.version)
    said = event.details.get("gate_verdict")
    if event.type is EventType.REPRODUCED and version is not None and version.record is not None:
        due = version.record.gate_verdict.status.value
        if said != due:
            case.fault(f"{path}: details.gate_verdict", f"is {shown(said)}, the record's is {due!r}")


def _signed_over(case: Case, path: str, event: Event) -> dict[str, str]:
    """The files beside the manifest that an event must be signed over: what it brought, or what it countersigns."""
    kind = DETAILS.get(event.type)
    if kind is None:
        return {}
    try:
        details = kind.model_validate(event.details)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        case.fault(f"{path}: details.{field_path(problem['loc'])}", problem["msg"])
        return {}
    compare(case, path, "details", event.details, details.to_json())
    if isinstance(details, Countersigned):
        return dict(details.files)
    if isinstance(details, Attested | Reviewed):
        place = f"{attestation_folder(details.attestation)}/"
        return {name: digest(data) for name, data in case.files.items() if name.startswith(place)}
    return {}


def _history(case: Case, files: int) -> None:
    if len(case.events) != files or not case.events:
        return
    try:
        fold(case.events)
    except HistoryFault as error:
        case.fault(EVENTS, error.message)
    opened_by = [event.version for event in case.events if event.type in OPENING]
    for version in case.versions.values():
        if version.number not in opened_by:
            case.fault(f"v{version.number}", "no event opens it: its writing was cut off, or its event was removed")
        if version.record is not None and version.record.id != case.events[0].record:
            case.fault(version.where(RECORD_FILE, "id"), f"the events are of {case.events[0].record}")
