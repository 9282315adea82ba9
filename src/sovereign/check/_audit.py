"""The chain of what the run did: each row names the one before it, the last is the one that the record names."""

from __future__ import annotations

from pydantic import ValidationError

from sovereign.records import AuditRow
from sovereign.records.layout import AUDIT_FILE, RECORD_FILE
from sovereign.seal import SealError, digest, parse

from ._case import Case, VersionCase, field_path


def audit(case: Case) -> None:
    """Rows are canonical, numbered from 1, chained by hash, and end where the record says."""
    for version in case.versions.values():
        data = version.files.get(AUDIT_FILE)
        if data is not None:
            _chain(case, version, data)


def _chain(case: Case, version: VersionCase, data: bytes) -> None:
    previous: str | None = None
    lines = data.split(b"\n")
    if lines.pop() != b"":
        case.fault(version.where(AUDIT_FILE), "the last row has no line end")
        return
    for number, line in enumerate(lines, start=1):
        where = version.where(AUDIT_FILE, f"row {number}")
        try:
            row = AuditRow.model_validate(parse(line), strict=True)
        except SealError as error:
            case.fault(where, error.message)
            return
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            case.fault(f"{where}.{field_path(problem['loc'])}", problem["msg"])
            return
        if row.seq != number:
            case.fault(f"{where}.seq", f"is {row.seq}")
            return
        if row.previous != previous:
            case.fault(f"{where}.previous", f"is {row.previous}, the row before it has SHA-256 {previous}")
            return
        previous = digest(line)
    if version.record is not None and version.record.provenance.audit_head != previous:
        said = version.record.provenance.audit_head
        case.fault(version.where(RECORD_FILE, "provenance.audit_head"), f"is {said}, the chain ends at {previous}")
