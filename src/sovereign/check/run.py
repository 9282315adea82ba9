"""The checks of a record, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ._audit import audit
from ._case import Case, Step
from ._container import read
from ._documents import body, documents, keys, layout, manifest
from ._evidence import quotes, references, texts
from ._foil import foil
from ._judgement import judgement
from ._reproductions import marks, reproductions
from ._signatures import events, export, seals
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
    "foil": foil,
    "export": export,
}

#: Name of each check -> what it asks, for people and for the documentation.
CHECKS: dict[str, str] = {
    "container": "An export is safe to unpack and is byte for byte what its content gives; a folder holds no links.",
    **{name: (step.__doc__ or "").strip() for name, step in STEPS.items()},
}


def check_path(path: str | Path, *, trust: Sequence[str | Path] = ()) -> Report:
    """Check a record offline: everything that can be computed again is, and compared with what is stored.

    Args:
        path: a record's folder, the folder of one version, or an exported file.
        trust: fingerprints (`SHA256:...`) or files that name keys; the record is trusted if all its signers are named.

    Raises:
        NotFound: there is no record at `path`, or a trusted key's file is missing.
        BadInput: something in `trust` names no key.
    """
    trusted = read_trust(trust)
    case = read(Path(path), trusted.keys)
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
    report.faults, report.notes = case.faults, case.notes
    report.not_recomputed = case.not_recomputed
    report.versions = tuple(case.versions)
    records = [version.record for version in case.versions.values() if version.record is not None]
    report.record_id = records[-1].id if records else None
    report.signers = tuple(sorted({signed.fingerprint for _, signed in case.signed}))
    seals_by = [signed.fingerprint for where, signed in case.signed if where.endswith("/seal.json")]
    report.signer = seals_by[-1] if seals_by else None
    unknown = [signer for signer in report.signers if signer not in trusted.fingerprints]
    report.trusted = bool(report.signers) and not unknown and not case.faults
    for signer in unknown:
        report.notes.append(f"signer unknown: {signer}; compare it with what its owner publishes, then use --trust")
    for unused in sorted(set(case.keys) - set(report.signers) - set(case.trusted_keys)):
        report.notes.append(f"keys.json names {unused}, which signed nothing here")
