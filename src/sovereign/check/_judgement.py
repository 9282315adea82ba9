"""All that is said of the record, computed again from its evidence and compared field by field."""

from __future__ import annotations

from sovereign.judge import RULES, assess
from sovereign.records import Judgement
from sovereign.records.layout import RECORD_FILE

from ._case import Case, first_difference, shown


def judgement(case: Case) -> None:
    """Tribunal, decision, gate verdict, level, tier, dimensions and counts follow from the evidence and the texts."""
    for version in case.versions.values():
        record = version.record
        if record is None:
            continue
        if not version.same_rules:
            # Neither a fault nor a pass: naming other rules must not be the way around this check.
            by = f"rules {record.provenance.rules}" if record.provenance.rules else "rules that had no number yet"
            case.not_recomputed.append(f"v{version.number}: judged by {by}, this version carries {RULES}")
            continue
        due = assess(record.evidence(), version.text).to_json()
        stored = record.to_json()
        for name in Judgement.model_fields:
            different = first_difference(stored[name], due[name], name)
            if different:
                at, left, right = different
                where = version.where(RECORD_FILE, at)
                case.fault(where, f"says {shown(left)}; the evidence gives {shown(right)}")
