"""All that is said of the record, computed again from its evidence and compared field by field."""

from __future__ import annotations

from sovereign._version import __version__
from sovereign.judge import assess
from sovereign.records import Judgement
from sovereign.records.layout import RECORD_FILE

from ._case import Case, first_difference, shown


def judgement(case: Case) -> None:
    """Tribunal, decision, gate verdict, level, tier, dimensions and counts follow from the evidence and the texts."""
    for version in case.versions.values():
        record = version.record
        if record is None:
            continue
        due = assess(record.evidence(), version.text).to_json()
        stored = record.to_json()
        faults = len(case.faults)
        for name in Judgement.model_fields:
            different = first_difference(stored[name], due[name], name)
            if different:
                at, left, right = different
                where = version.where(RECORD_FILE, at)
                case.fault(where, f"says {shown(left)}; the evidence gives {shown(right)}")
        made_by = record.provenance.code_version
        if len(case.faults) > faults and made_by != __version__:
            # Not excused: naming another version would otherwise be the way around this check.
            case.notes.append(
                f"v{version.number} was judged by version {made_by}, this is {__version__}: if its rules were others, "
                "check it with that version"
            )
