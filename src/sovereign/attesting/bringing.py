"""How somebody else's answer enters a record: verified, compared with what is there, and brought by a signed event."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sovereign.check import own_machines
from sovereign.judge.attested import attested_outcomes, hardware_reason
from sovereign.records import (
    Attested,
    BadInput,
    Document,
    Event,
    EventType,
    KeyRole,
    NotFound,
    PackSpec,
    Party,
    Record,
    Reproduction,
    Reviewed,
    ReviewVerdict,
    record_id_of,
    results_fault,
)
from sovereign.records.layout import ATTESTATION_FILE, MANIFEST_FILE, PACK_FILE, REPRODUCTIONS, RESULTS_FILE
from sovereign.seal import PREDICATE_REPRODUCTION, PREDICATE_REVIEW, Key, SealError, Signed, digest, parse, verify

from ._files import now, read_answer

if TYPE_CHECKING:
    from sovereign.workspace import Workspace

_AGAIN = "ask them to sign it again for this record"


@dataclass(frozen=True)
class Brought:
    """What came of one attestation: the event, its kind, and in words what it counts for."""

    event: Event
    kind: str
    counts: bool
    reason: str


def bring(workspace: Workspace, path: Path, record_id: str | None, key: Key, note: str = "") -> tuple[Brought, ...]:
    """Verify an answer and bring each attestation in it into the record that it is of, as a signed event.

    A run by a party that the trust file declares as another, on other hardware, counts as independent. Any other
    sound run is a repeat, and is brought as that.

    Args:
        record_id: the record; needed where the answer names none.

    Raises:
        BadInput: a signature that does not hold, a revoked key, an answer for another record, pack or version, or
            results that are not what was signed. Nothing is brought then.
        NotFound: there is no such record, or it attaches no run of that pack.
    """
    keys, parts = read_answer(path)
    prepared = [_Part(workspace, keys, part, record_id) for part in parts]  # all before any of them is stored
    done = []
    for part in prepared:
        event = workspace.archive().append_event(
            part.record.id,
            part.kind,
            key=key,
            now=now(),
            note=note,
            details=part.details.to_json(),
            version=part.record.version,
            attached=part.files,
            others={keys[part.signed.fingerprint]: part.role or KeyRole.REPRODUCER},
        )
        done.append(Brought(event, part.kind.value, part.reason is None, part.why))
    return tuple(done)


class _Part:
    """One attestation of an answer, verified."""

    def __init__(
        self, workspace: Workspace, keys: Mapping[str, bytes], files: Mapping[str, bytes], record_id: str | None
    ) -> None:
        self._workspace, self.files = workspace, dict(files)
        try:
            self.signed: Signed = verify(files[ATTESTATION_FILE], keys)
        except SealError as error:
            raise BadInput(f"the attestation does not hold: {error.message}", _AGAIN) from error
        self.record = self._record(record_id)
        self.role, self._party, undeclared = self._declared()
        if self.signed.predicate_type == PREDICATE_REPRODUCTION:
            self.kind = EventType.ATTESTED
            run, machines = self._run()
            repeat = undeclared or self._repeat(machines)
            self.reason = repeat
            self.why = repeat or f"{self._party.name} ran it on other hardware"
            self.details: Document = self._attested(run)
        elif self.signed.predicate_type == PREDICATE_REVIEW:
            self.kind = EventType.REVIEWED
            self.reason = undeclared or self._no_reviewer()
            self.why = self.reason or f"{self._party.name} is another party, and declared as a reviewer"
            self.details = self._reviewed()
        else:
            raise BadInput(f"{self.signed.predicate_type} is neither a run nor a review", _AGAIN)

    def _record(self, given: str | None) -> Record:
        meant = self.signed.predicate.get("record")
        if given is None and not isinstance(meant, str):
            raise BadInput("the answer names no record", "say for which: --record ID")
        record = self._workspace.archive().load(given or str(meant))
        if isinstance(meant, str) and record_id_of(meant) != record.id:
            raise BadInput(f"it was made for {meant}, not for {record.id}", _AGAIN)
        return record

    def _declared(self) -> tuple[KeyRole | None, Party, str | None]:
        """What the workspace's trust file says of the signer; why it is nobody else, or None."""
        fingerprint = self.signed.fingerprint
        store = self._workspace.keystore()
        entry = store.known(fingerprint)
        if entry is None:
            nobody = Party(fingerprint=fingerprint, name="", role=None)
            return None, nobody, f"the key {fingerprint} is not declared: `sovereign keys trust` would say whose it is"
        if entry.revoked is not None:
            raise BadInput(f"the key {entry.id} is revoked: {entry.revoked.reason}", "ask them to sign with another")
        party = Party(fingerprint=fingerprint, name=entry.held_by, role=entry.role)
        moment = self.signed.predicate.get("attested_at") or self.signed.predicate.get("at")
        if not entry.holds_at(moment if isinstance(moment, str) else None):
            raise BadInput(f"the key {entry.id} does not hold at {moment}, when it signed", "ask them to sign again")
        own = store.own()
        if any(one.fingerprint == fingerprint for one in own):
            mine = party.model_copy(update={"name": "the owner"})
            return entry.role, mine, f"the key {entry.id} is a key of your own: a repeat, whichever of them signs"
        if any(one.held_by == entry.held_by for one in own):
            return entry.role, party, f"the key {entry.id} is held by your own party"
        return entry.role, party, None

    def _run(self) -> tuple[Reproduction, list[dict[str, Any]]]:
        """The attached run of the same pack, and the machines that our own attestations of it state."""
        pack = self.signed.subjects.get("pack")
        run = next((one for one in self.record.reproductions if one.pack_digest == pack), None)
        if run is None:
            named = self.signed.predicate.get("pack")
            remedy = "only the very pack that was run here is reproduced; ask them to run the request anew"
            raise NotFound(f"{self.record.id} attaches no run of this pack ({named}, digest {str(pack)[:12]})", remedy)
        results = self.files.get(RESULTS_FILE, b"")
        if self.signed.subjects != {"pack": pack, RESULTS_FILE: digest(results)}:
            raise BadInput("the results are not those that were signed", _AGAIN)
        folder = self._workspace.archive().path(self.record.id, self.record.version)
        root = folder / REPRODUCTIONS / run.results_sha256
        held = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        self._spec = PackSpec.model_validate(tomllib.loads((root / PACK_FILE).read_text(encoding="utf-8")))
        return run, own_machines(held, run)

    def _repeat(self, machines: list[dict[str, Any]]) -> str | None:
        if self.role is not KeyRole.SECOND_PARTY:
            return f"the key is declared as {self.role.value if self.role else 'nobody'}, not as a second party"
        theirs = self.signed.predicate.get("machine")
        theirs = theirs if isinstance(theirs, dict) else {}
        return next((reason for ours in machines or [{}] if (reason := hardware_reason(ours, theirs))), None)

    def _no_reviewer(self) -> str | None:
        if self.role is not KeyRole.REVIEWER:
            return f"the key is declared as {self.role.value if self.role else 'nobody'}, not as a reviewer"
        return None

    def _attested(self, run: Reproduction) -> Attested:
        results = self.files[RESULTS_FILE]
        try:
            values = parse(results)
            fault = results_fault(values, self._spec.name, self._spec.seed)
        except SealError as error:
            fault = error.message
        if fault is not None:
            raise BadInput(f"their results cannot be used: {fault}", _AGAIN)
        return Attested(
            attestation=digest(self.files[ATTESTATION_FILE]),
            results_sha256=digest(results),
            pack=run.pack,
            pack_digest=run.pack_digest,
            party=self._party,
            independent=self.reason is None,
            reason=self.why,
            outcomes=attested_outcomes(self._spec, values, run),
        )

    def _reviewed(self) -> Reviewed:
        version = f"v{self.record.version}"
        folder = self._workspace.archive().path(self.record.id, self.record.version)
        due = {f"{version}/{MANIFEST_FILE}": digest((folder / MANIFEST_FILE).read_bytes())}
        if self.signed.subjects != due:
            raise BadInput(f"the review is of another version than {version} as it lies here", _AGAIN)
        try:
            return Reviewed(
                attestation=digest(self.files[ATTESTATION_FILE]),
                party=self._party,
                external=self.reason is None,
                reason=self.why,
                verdict=ReviewVerdict(str(self.signed.predicate.get("verdict"))),
                note=self.signed.predicate.get("note", ""),
            )
        except (ValueError, ValidationError) as error:
            raise BadInput(f"the review cannot be used: {str(error).splitlines()[0]}", _AGAIN) from error
