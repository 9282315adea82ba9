"""Is what makes an export an RO-Crate what its files give?"""

from __future__ import annotations

from pydantic import ValidationError

from sovereign.records.layout import CRATE_FILE, EXPORT_FILE
from sovereign.seal import SealError, parse

from ._case import Case, field_path
from ._signatures import compare
from .crate import CRATE_FORM, CrateAbout, crate_metadata


def crate(case: Case) -> None:
    """An export's ro-crate-metadata.json is what its files give, byte for byte."""
    signed = next((signed for where, signed in case.signed if where == EXPORT_FILE), None)
    if case.kind != "export" or signed is None:
        return
    if CRATE_FILE not in case.files:
        case.fault(CRATE_FILE, "the file is missing")
        return
    try:
        about = CrateAbout.model_validate(signed.predicate.get("crate"))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        case.fault(f"{EXPORT_FILE}: predicate.crate.{field_path(problem['loc'])}", problem["msg"])
        return
    if about.form != CRATE_FORM:
        case.not_recomputed.append(f"{CRATE_FILE}: written in form {about.form}, this version writes {CRATE_FORM}")
        return
    newest = case.versions[max(case.versions)].record
    if newest is None or not case.events:
        return  # another check has named why
    files = {path: data for path, data in case.files.items() if path != CRATE_FILE}
    due = crate_metadata(files, newest, about, case.events[-1].at, signed.fingerprint)
    if due != case.files[CRATE_FILE]:
        try:
            compare(case, CRATE_FILE, "", parse(case.files[CRATE_FILE]), parse(due))
        except SealError as error:
            case.fault(CRATE_FILE, error.message)
