"""Is what an earlier copy of the record holds still there? It shows a history whose newest part was cut off."""

from __future__ import annotations

from sovereign.records.layout import ATTESTATIONS, EVENTS, version_of
from sovereign.seal import digest

from ._case import Case


def earlier_copy(case: Case) -> None:
    """Every version, event and attestation of an earlier copy that you hold is still there, byte for byte."""
    if case.earlier is None:
        return
    for fault in case.earlier.faults:
        case.fault(f"earlier copy: {fault.where}", fault.what)
    if case.earlier.name != case.name and case.has_events:
        case.fault("earlier copy", f"is of {case.earlier.name}, this is {case.name}")
        return
    for path, data in sorted(case.earlier.files.items()):
        head = path.split("/")[0]
        if head not in (EVENTS, ATTESTATIONS) and version_of(head) is None:
            continue
        here = case.files.get(path)
        if here is None:
            case.fault(path, "your earlier copy has it, and it is missing: it was removed since")
        elif here != data:
            case.fault(path, f"its SHA-256 is {digest(here)}, in your earlier copy {digest(data)}")
