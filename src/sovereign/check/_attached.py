"""What others attest of a record: is it of this record and version, and is it what the owner's event makes of it?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sovereign.judge.attested import attested_outcomes, details_of, hardware_reason
from sovereign.records import (
    Attested,
    Event,
    Faithful,
    KeyRole,
    PackSpec,
    Party,
    Record,
    Reproduction,
    Reviewed,
    results_fault,
)
from sovereign.records.layout import (
    ATTESTATION_FILE,
    ATTESTATIONS,
    MANIFEST_FILE,
    PACK_FILE,
    REPRODUCTIONS,
    RESULTS_FILE,
    attestation_folder,
    event_file,
)
from sovereign.seal import (
    EVENT_PREDICATES,
    PREDICATE_COUNTERSIGNATURE,
    PREDICATE_DRAFT,
    PREDICATE_EXPORT,
    PREDICATE_PROOF,
    PREDICATE_REPRODUCTION,
    PREDICATE_REVIEW,
    PREDICATE_STATEMENT_FAITHFUL,
    RUN_PREDICATES,
    SealError,
    Signed,
    digest,
    open_envelope,
    parse,
)

from ._case import Case, VersionCase
from ._signatures import compare, opened

#: What only the owner's side signs: whoever signed one of these is no other party.
_OWN = frozenset({PREDICATE_DRAFT, PREDICATE_EXPORT, *EVENT_PREDICATES.values()}) - {
    PREDICATE_COUNTERSIGNATURE,
    PREDICATE_STATEMENT_FAITHFUL,
}


def attached(case: Case) -> None:
    """What others attest is whole, of this record and version, and no more than its event makes of it."""
    brought = set()
    for event in case.events:
        version, details = case.versions.get(event.version), details_of(event)
        if details is None or version is None or version.record is None:
            continue
        where = f"events/{event_file(event.number, event.type)}"
        if isinstance(details, Attested | Reviewed):
            brought.add(details.attestation)
            _statement(case, version, version.record, event, details)
        elif isinstance(details, Faithful):
            _faithful(case, version, version.record, where, details)
    for path in sorted(case.files):
        if path.startswith(f"{ATTESTATIONS}/") and path.split("/")[1] not in brought:
            case.fault(path, "no event brings it: it was added by hand, or its event was removed")


def _statement(case: Case, version: VersionCase, record: Record, event: Event, details: Attested | Reviewed) -> None:
    folder = attestation_folder(details.attestation)
    where = f"{folder}/{ATTESTATION_FILE}"
    data = case.files.get(where)
    if data is None or digest(data) != details.attestation:
        case.fault(where, "the file is missing" if data is None else f"its SHA-256 is {digest(data)}")
        return
    kind = PREDICATE_REPRODUCTION if isinstance(details, Attested) else PREDICATE_REVIEW
    signed = opened(case, where, data, kind)
    if signed is None:
        return
    at = f"events/{event_file(event.number, event.type)}"
    if signed.fingerprint != details.party.fingerprint:
        what = f"is {details.party.fingerprint}, signed by {signed.fingerprint}"
        case.fault(f"{at}: details.party.fingerprint", what)
    meant = signed.predicate.get("record")
    if meant is not None and meant != record.id:
        case.fault(f"{where}: predicate.record", f"is {meant}: it was made for another record")
    reason = _not_another(case, details.party, signed)
    if isinstance(details, Attested):
        reason = _run(case, version, record, folder, at, details, signed) or reason
        if reason and details.independent:
            case.fault(f"{at}: details.independent", f"is true, but it is a repeat: {reason}")
    else:
        subject = {f"v{version.number}/{MANIFEST_FILE}": event.manifest}
        compare(case, where, "subject", signed.subjects, subject)
        said = {name: signed.predicate.get(name) for name in ("verdict", "note")}
        compare(case, at, "details", {"verdict": details.verdict.value, "note": details.note}, said)
        if reason and details.external:
            case.fault(f"{at}: details.external", f"is true, but it is no external review: {reason}")


def _not_another(case: Case, party: Party, signed: Signed) -> str | None:
    """Why a signer is not another party than the owner, or None."""
    due = {PREDICATE_REPRODUCTION: KeyRole.SECOND_PARTY, PREDICATE_REVIEW: KeyRole.REVIEWER}[signed.predicate_type]
    if party.role is not due:
        return f"its key was not declared as a {due.value}'s"
    trust, mine = case.trust.entries, {
        one.fingerprint
        for where, one in case.signed
        if one.predicate_type in _OWN or (one.predicate_type in RUN_PREDICATES and not where.startswith(ATTESTATIONS))
    }  # fmt: skip
    if signed.fingerprint in mine:
        return f"{signed.fingerprint} also signs as the owner"
    entry = trust.get(signed.fingerprint)
    if entry is not None and entry.role not in (due, KeyRole.SECOND_PARTY, KeyRole.REVIEWER):
        return f"the trust file has {signed.fingerprint} as {entry.role.value}"
    held = {trust[one].held_by for one in mine if one in trust}
    if entry is not None and entry.held_by in held:
        return f"the trust file has {signed.fingerprint} held by the owner's own party"
    return None


def _run(
    case: Case, version: VersionCase, record: Record, folder: str, at: str, details: Attested, signed: Signed
) -> str | None:
    """Compare another's run with the pack that the record attaches; the reason why it is a repeat, or None."""
    where = f"{folder}/{ATTESTATION_FILE}"
    results = case.files.get(f"{folder}/{RESULTS_FILE}")
    run = next((one for one in record.reproductions if one.pack_digest == details.pack_digest), None)
    if run is None or results is None:
        if run is None:
            case.fault(f"{at}: details.pack_digest", f"version {version.number} attaches no run of that pack")
        else:
            case.fault(f"{folder}/{RESULTS_FILE}", "the file is missing")
        return None
    compare(case, where, "subject", signed.subjects, {"pack": run.pack_digest, RESULTS_FILE: digest(results)})
    named = {"pack": details.pack, "results_sha256": details.results_sha256}
    compare(case, at, "details", named, {"pack": run.pack, "results_sha256": digest(results)})
    spec = _spec_of(version, run)
    due = None if spec is None else _outcomes(case, f"{folder}/{RESULTS_FILE}", spec, run, results)
    if due is not None and version.same_rules:
        compare(case, at, "details.outcomes", [one.to_json() for one in details.outcomes], due)
    machines = own_machines(version.files, run)
    theirs = signed.predicate.get("machine")
    theirs = theirs if isinstance(theirs, dict) else {}
    return next((reason for ours in machines or [{}] if (reason := hardware_reason(ours, theirs))), None)


def own_machines(files: Mapping[str, bytes], run: Reproduction) -> list[dict[str, Any]]:
    """The machines that the record's own attestations of a run state; `files` are those of its version."""
    prefix = f"{REPRODUCTIONS}/{run.results_sha256}/"
    found = []
    for name, data in files.items():
        if name.startswith(prefix) and name.endswith(f"/{ATTESTATION_FILE}"):
            try:
                machine = open_envelope(data).statement["predicate"].get("machine")
            except SealError:
                continue
            if isinstance(machine, dict):
                found.append(machine)
    return found


def _spec_of(version: VersionCase, run: Reproduction) -> PackSpec | None:
    """The pack of a run; None where it cannot be read, which another check names."""
    data = version.files.get(f"{REPRODUCTIONS}/{run.results_sha256}/{PACK_FILE}", b"")
    try:
        return PackSpec.model_validate(tomllib.loads(data.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValidationError):
        return None


def _outcomes(
    case: Case, where: str, spec: PackSpec, run: Reproduction, results: bytes
) -> list[dict[str, Any]] | None:
    try:
        values = parse(results)
    except SealError as error:
        case.fault(where, error.message)
        return None
    fault = results_fault(values, spec.name, spec.seed)
    if fault is not None:
        case.fault(where, fault)
        return None
    return [one.to_json() for one in attested_outcomes(spec, values, run)]


def _faithful(case: Case, version: VersionCase, record: Record, where: str, details: Faithful) -> None:
    """A person vouches for the statement of a proof that is attached, and for claims that it settles."""
    run = next((one for one in record.reproductions if one.results_sha256 == details.results_sha256), None)
    if run is None or run.pack != details.pack:
        case.fault(f"{where}: details.results_sha256", "the record attaches no such proof")
        return
    folder = f"{REPRODUCTIONS}/{run.results_sha256}/"
    data = version.files.get(folder + ATTESTATION_FILE, b"")
    try:
        proof = open_envelope(data).statement
    except SealError:
        return  # the reproductions' check names it
    if proof["predicateType"] != PREDICATE_PROOF:
        case.fault(f"{where}: details.results_sha256", "is a run, not a proof: there is no statement to vouch for")
        return
    said = proof["predicate"].get("statement_sha256")
    held = {digest(data) for name, data in version.files.items() if name.startswith(folder)}
    if said != details.statement_sha256:
        case.fault(f"{where}: details.statement_sha256", f"is {details.statement_sha256}, the proof is of {said}")
    elif said not in held:
        case.fault(f"{where}: details.statement_sha256", "no file of the attached proof is this statement")
    settled = {claim for outcome in run.outcomes for claim in (*outcome.record_claims, outcome.measured_claim) if claim}
    for claim in sorted(set(details.claims) - settled):
        case.fault(f"{where}: details.claims", f"the proof settles no claim {claim}")
