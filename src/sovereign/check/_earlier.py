"""Runs of a pack that came before it was changed: are they what the record says that they were?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from pydantic import ValidationError

from sovereign.judge.outcomes import outcomes, pack_digest
from sovereign.judge.repeats import pack_changes
from sovereign.records import EarlierRun, PackSpec, Reproduction
from sovereign.records.layout import ATTESTATION_FILE, PACK_FILE, RECORD_FILE, RESULTS_FILE
from sovereign.seal import RUN_PREDICATES, SealError, digest, parse

from ._case import Case, VersionCase
from ._signatures import compare, opened


def earlier_runs(
    case: Case,
    version: VersionCase,
    prefix: str,
    at: str,
    run: Reproduction,
    now: Mapping[str, bytes],
    held: Mapping[str, bytes],
) -> None:
    """Digest, changes and outcomes of every earlier run follow from its files; no file is of none that is named.

    An earlier run that the present key did not attest carries no attestation; it speaks for nobody's verdict.

    Args:
        prefix: where the earlier runs lie in the version, `reproductions/<sha256>/earlier/`.
        now: the files of the pack as it was run last.
        held: the files of all earlier runs, by their path under `prefix`.
    """
    stated = {str(number) for number in range(1, len(run.earlier) + 1)}
    for name in held:
        if name.split("/")[0] not in stated:
            case.fault(version.where(prefix + name), "is of no earlier run that the record names")
    for index, earlier in enumerate(run.earlier):
        folder = f"{index + 1}/"
        files = {name.removeprefix(folder): data for name, data in held.items() if name.startswith(folder)}
        due = _due(case, version, prefix + folder, earlier, now, files)
        if due is not None:
            compare(case, version.where(RECORD_FILE), f"{at}[{index}]", earlier.to_json(), due)


def _due(
    case: Case,
    version: VersionCase,
    folder: str,
    earlier: EarlierRun,
    now: Mapping[str, bytes],
    files: dict[str, bytes],
) -> dict[str, object] | None:
    results, attestation = files.pop(RESULTS_FILE, None), files.pop(ATTESTATION_FILE, None)
    if results is None or PACK_FILE not in files:
        case.fault(version.where(folder + (RESULTS_FILE if results is None else PACK_FILE)), "the file is missing")
        return None
    try:
        spec = PackSpec.model_validate(tomllib.loads(files[PACK_FILE].decode("utf-8")))
        values = parse(results)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValidationError, SealError) as error:
        case.fault(version.where(folder), f"cannot be read: {error}")
        return None
    subjects = {"pack": pack_digest(files), RESULTS_FILE: digest(results)}
    if attestation is not None:
        where = version.where(folder + ATTESTATION_FILE)
        signed = opened(case, where, attestation, *RUN_PREDICATES)
        named = {} if signed is None else {name: signed.subjects.get(name) for name in subjects}
        if signed is not None:
            compare(case, where, "subject", named, subjects)
    due = earlier.to_json() if not version.same_rules else {
        "outcomes": {outcome.pack_claim: outcome.outcome.value for outcome in outcomes(spec, values)},
        "changed": list(pack_changes(files, now)),
    }  # fmt: skip
    return {
        **due,
        "pack_digest": subjects["pack"],
        "results_sha256": subjects[RESULTS_FILE],
        "version": spec.version,
    }
