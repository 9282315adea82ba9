"""The checks of a record, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sovereign.judge.attested import current_level, details_of
from sovereign.records import Attested, Reviewed
from sovereign.records.layout import ATTESTATIONS

from ._attached import attached
from ._audit import audit
from ._case import Case, Step
from ._container import read
from ._copy import earlier_copy
from ._crate import crate
from ._documents import body, documents, keys, layout, manifest
from ._evidence import quotes, references, texts
from ._foil import foil
from ._hand import hand
from ._judgement import judgement
from ._notes import notes
from ._reproductions import marks, reproductions
from ._rounds import rounds
from ._signatures import events, export, seals
from ._signers import signers
from ._trust import Trust, read_trust
from .report import Report

#: Name of each check and how it is made, in order. What each asks is the first line of its docstring.
STEPS: dict[str, Step] = {
    "layout": layout,
    "keys": keys,
    "documents": documents,
    "manifest": manifest,
    "body digest": body,
    "seal": seals,
    "events": events,
    "texts": texts,
    "quotes": quotes,
    "references": references,
    "reproductions": reproductions,
    "reproduction marks": marks,
    "audit chain": audit,
    "judgement": judgement,
    "rounds": rounds,
    "foil": foil,
    "export": export,
    "crate": crate,
    "earlier copy": earlier_copy,
    "attached": attached,
    "hand": hand,
    "signers": signers,
}

#: Name of each check -> what it asks, for people and for the documentation.
CHECKS: dict[str, str] = {
    "container": "An export is safe to unpack and is byte for byte what its content gives; a folder holds no links.",
    **{name: (step.__doc__ or "").strip() for name, step in STEPS.items()},
}


def check_path(
    path: str | Path, *, trust: Sequence[str | Path] = (), earlier: str | Path | None = None
) -> Report:
    """Check a record offline: everything that can be computed again is, and compared with what is stored.

    Args:
        path: a record's folder, the folder of one version, or an exported file.
        trust: fingerprints (`SHA256:...`) or files that name keys; the record is trusted if all its signers are named.
        earlier: a copy of the record from before, that the caller kept: nothing in it may be gone.

    Raises:
        NotFound: there is no record at `path`, or a trusted key's file is missing.
        BadInput: something in `trust` names no key.
    """
    trusted = read_trust(trust)
    case = read(Path(path), trusted)
    if earlier is not None:
        case.earlier = read(Path(earlier), trusted)
    report = Report(path=str(path), kind=case.kind, checks=["container"])
    if not case.faults:
        for name, step in STEPS.items():
            case.check = name
            report.checks.append(name)
            _guarded(step, case)
    _conclude(report, case, trusted)
    return report


def _guarded(step: Step, case: Case) -> None:
    """Run a check. Whatever a hostile record makes it raise is a fault of the record, never a crash."""
    try:
        step(case)
    except Exception as error:
        case.fault(case.check, f"could not be checked: {type(error).__name__}: {error}")


def _conclude(report: Report, case: Case, trusted: Trust) -> None:
    report.faults, report.notes = case.faults, [*case.notes, *notes(case)]
    report.not_recomputed = case.not_recomputed
    report.versions = tuple(case.versions)
    records = [version.record for version in case.versions.values() if version.record is not None]
    report.record_id = records[-1].id if records else None
    report.signers = tuple(sorted({signed.fingerprint for _, signed in case.signed}))
    seals_by = [signed.fingerprint for where, signed in case.signed if where.endswith("/seal.json")]
    report.signer = seals_by[-1] if seals_by else None
    declared = _declared(case)
    unknown = [signer for signer in report.signers if signer not in trusted.fingerprints | set(declared)]
    report.trusted = bool(report.signers) and not unknown and not case.faults
    for signer in unknown:
        report.notes.append(f"signer unknown: {signer}; compare it with what its owner publishes, then use --trust")
    for signer, name in sorted(declared.items()):
        if signer not in trusted.fingerprints:
            report.notes.append(f"{signer} is {name or 'another party'}, as the owner says; you did not name that key")
    _level(report, case)
    report.cannot_know = _cannot_know(case)
    for unused in sorted(set(case.keys) - set(report.signers) - set(trusted.keys)):
        report.notes.append(f"keys.json names {unused}, which signed nothing here")


def _declared(case: Case) -> dict[str, str]:
    """Keys that signed nothing here but what an event of the owner brings as another party's: fingerprint -> name."""
    parties = [one.party for event in case.events if isinstance(one := details_of(event), Attested | Reviewed)]
    others = {party.fingerprint: party.name for party in parties if party.role is not None}
    elsewhere = {one.fingerprint for where, one in case.signed if not where.startswith(f"{ATTESTATIONS}/")}
    return {signer: name for signer, name in others.items() if signer not in elsewhere}


def _level(report: Report, case: Case) -> None:
    """Where the newest version stands with what others added to it; only a record without a fault stands anywhere."""
    newest = case.versions.get(max(case.versions, default=0))
    if case.faults or newest is None or newest.record is None or not newest.same_rules:
        return
    evidence = newest.record.evidence()
    report.level, report.level_basis = current_level(evidence, newest.number, case.events)


def _cannot_know(case: Case) -> list[str]:
    """What no check of these files can tell, whoever signed them."""
    if not case.events:
        return ["whether other versions and events of this record exist: a version folder has no events of its own"]
    last = case.events[-1]
    at = f"version {last.version}, event {last.number}, {last.at}"
    found = [f"whether a newer version or a later event exists; the newest here is {at}"]
    if case.kind == "record":
        found.append("whether the newest events of this folder were cut off; an export is signed as a whole")
    parties = sorted({
        one.party.name or one.party.fingerprint
        for event in case.events
        if isinstance(one := details_of(event), Attested | Reviewed) and one.party.role is not None
    })  # fmt: skip
    if parties:
        found.append(f"whether {', '.join(parties)} is another party than the owner, whose word that is; ask them")
    return found
