"""Signatures of one's own on what is there: a person vouches for a formal statement, a key stands behind another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sovereign.check import check_path
from sovereign.records import (
    BadInput,
    Countersigned,
    Event,
    EventType,
    Faithful,
    NotFound,
    StorageError,
    record_id_of,
)
from sovereign.records.layout import ATTESTATION_FILE, EVENTS, REPRODUCTIONS, SEAL_FILE
from sovereign.seal import PREDICATE_PROOF, Key, digest, open_envelope

from ._files import now

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


def vouch(workspace: Workspace, record_id: str, pack: str, claims: tuple[str, ...], note: str, key: Key) -> Event:
    """Sign that the formal statement of an attached proof means these claims (all that it settles, if none is named).

    Raises:
        NotFound: the record attaches no proof of that name.
        BadInput: a claim that the proof does not settle.
    """
    archive = workspace.archive()
    state = archive.state(record_id_of(record_id))
    record = archive.load(state.record)
    for run in record.reproductions:
        path = archive.path(record.id, record.version) / REPRODUCTIONS / run.results_sha256 / ATTESTATION_FILE
        proof = open_envelope(path.read_bytes()).statement
        if run.pack != pack or proof["predicateType"] != PREDICATE_PROOF:
            continue
        settled = {c for one in run.outcomes for c in (*one.record_claims, one.measured_claim) if c is not None}
        stray = sorted(set(claims) - settled)
        if stray or not settled:
            what = f"the proof {pack} settles {'no claim here' if not stray else 'no claim ' + stray[0]}"
            raise BadInput(what, f"it settles {', '.join(sorted(settled)) or 'none'}")
        details = Faithful(
            pack=pack,
            results_sha256=run.results_sha256,
            statement_sha256=proof["predicate"]["statement_sha256"],
            claims=tuple(sorted(claims or settled)),
        )
        return archive.append_event(
            record.id,
            EventType.FAITHFUL,
            key=key,
            now=now(),
            note=note,
            details=details.to_json(),
            version=state.version,
        )
    raise NotFound(f"{record.id} attaches no proof {pack!r}", "see `sovereign review show`")


def countersign(workspace: Workspace, record_id: str, key: Key, note: str) -> Event:
    """Stand with `key` behind everything in a record that other keys signed: seals, runs, attestations, events.

    Raises:
        NotFound: there is no such record.
        StorageError: the record has a fault; what does not hold is not countersigned.
        BadInput: nothing in it was signed by another key.
    """
    archive = workspace.archive()
    state = archive.state(record_id_of(record_id))
    folder = archive.path(state.record)
    report = check_path(folder)
    if report.faults:
        first = report.faults[0]
        what = f"{state.record} has a fault: {first.where}: {first.what}"
        raise StorageError(what, f"see `sovereign check {folder}`")
    files = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        signed = path.parent.name == EVENTS or path.name in (SEAL_FILE, ATTESTATION_FILE)
        if signed and open_envelope(data := path.read_bytes()).signatures[0][0] != key.fingerprint:
            files[name] = digest(data)
    if not files:
        raise BadInput(f"all of {state.record} is signed by this key", "countersign with another: --key ID")
    return archive.append_event(
        state.record,
        EventType.COUNTERSIGNED,
        key=key,
        now=now(),
        note=note,
        details=Countersigned(files=files).to_json(),
        version=state.version,
        signed_over=files,
    )
