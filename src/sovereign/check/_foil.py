"""What the reference method or an imported text prints, computed again from the claims and the texts."""

from __future__ import annotations

from sovereign.judge import BY_CODE, TextMissing, foil_again
from sovereign.records.layout import RECORD_FILE

from ._case import Case, first_difference, shown


def foil(case: Case) -> None:
    """A foil's cosines, ticks, counts, cuts and findings follow from claims and texts; no other record has one."""
    for version in case.versions.values():
        record = version.record
        if record is None or not version.same_rules:  # `judgement` says that nothing of it was recomputed
            continue
        try:
            due = foil_again(record.evidence(), version.text)
        except TextMissing:
            continue  # a fault of `texts` already
        except ValueError as error:
            case.fault(version.where(RECORD_FILE, "sources[0]"), f"is no text of the earlier system: {error}")
            continue
        stored = {"foil": record.foil.to_json() if record.foil else None}
        different = first_difference(stored, {"foil": due.to_json() if due else None})
        if different:
            at, left, right = different
            case.fault(version.where(RECORD_FILE, at), f"says {shown(left)}; the texts give {shown(right)}")
        for what, by in (("claims are worded", "extracted_by"), ("reviews are those", "reviewed_by")):
            model = getattr(record.foil, by, "")
            if model not in ("", BY_CODE):
                case.notes.append(
                    f"v{version.number}: the foil's {what} by {model}, kept as they came; no judgement of the record "
                    "rests on them"
                )
