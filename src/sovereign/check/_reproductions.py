"""Does what a run is said to show follow from its results, and was that run of that pack attested?"""

from __future__ import annotations

import tomllib

from pydantic import ValidationError

from sovereign.judge import reproduction_status
from sovereign.judge.outcomes import outcomes, pack_digest, settled_claims
from sovereign.records import PackSpec, Record, Reproduction
from sovereign.records.layout import ATTESTATION_FILE, PACK_FILE, RECORD_FILE, REPRODUCTIONS, RESULTS_FILE
from sovereign.seal import RUN_PREDICATES, SealError, digest, parse

from ._case import Case, VersionCase, field_path
from ._signatures import compare, opened


def reproductions(case: Case) -> None:
    """Pack, results, attestation and outcomes of every run hold together, and its source is its results."""
    for version in case.versions.values():
        record = version.record
        if record is None:
            continue
        for index, run in enumerate(record.reproductions):
            _run(case, version, record, index, run)


def marks(case: Case) -> None:
    """A claim is marked as the attached runs say of it, and a run speaks of every claim that its pack settles."""
    for version in case.versions.values():
        record = version.record
        if record is None or not version.same_rules:
            continue
        for index, claim in enumerate(record.claims):
            due = reproduction_status(claim, record.reproductions)
            if claim.reproduction is not due:
                where = version.where(RECORD_FILE, f"claims[{index}].reproduction")
                case.fault(where, f"is {claim.reproduction.value}, the attached runs say {due.value}")


def _run(case: Case, version: VersionCase, record: Record, index: int, run: Reproduction) -> None:
    at = f"reproductions[{index}]"
    prefix = f"{REPRODUCTIONS}/{run.results_sha256}/"
    files = {name.removeprefix(prefix): data for name, data in version.files.items() if name.startswith(prefix)}
    results = files.pop(RESULTS_FILE, None)
    attestation = files.pop(ATTESTATION_FILE, None)
    spec = _spec(case, version, prefix, files)
    if results is None or attestation is None or spec is None:
        for name, data in ((RESULTS_FILE, results), (ATTESTATION_FILE, attestation)):
            if data is None:
                case.fault(version.where(prefix + name), "the file is missing")
        return
    said = {"pack": run.pack, "pack_digest": run.pack_digest, "results_sha256": run.results_sha256}
    found = {"pack": spec.name, "pack_digest": pack_digest(files), "results_sha256": digest(results)}
    said["source"], found["source"] = run.source, spec.source
    for name in said:
        if said[name] != found[name]:
            where = version.where(RECORD_FILE, f"{at}.{name}")
            case.fault(where, f"is {said[name]}, the attached files say {found[name]}")
    source = record.source(run.source)
    if source is None or source.sha256 != digest(results):
        case.fault(version.where(RECORD_FILE, f"{at}.source"), f"{run.source} was not read as these results")
    _attested(case, version, prefix, run, spec, attestation)
    _outcomes(case, version, at, record, run, spec, results)


def _spec(case: Case, version: VersionCase, prefix: str, files: dict[str, bytes]) -> PackSpec | None:
    where = version.where(prefix + PACK_FILE)
    if PACK_FILE not in files:
        case.fault(where, "the file is missing")
        return None
    try:
        spec = PackSpec.model_validate(tomllib.loads(files[PACK_FILE].decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        case.fault(where, f"not TOML: {error}")
        return None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        case.fault(f"{where}: {field_path(problem['loc'])}", problem["msg"])
        return None
    if spec.script not in files:
        case.fault(version.where(prefix + spec.script), "the script is missing")
        return None
    return spec


def _attested(case: Case, version: VersionCase, prefix: str, run: Reproduction, spec: PackSpec, data: bytes) -> None:
    """The attestation is of this pack and these results, and says of them what the record says."""
    where = version.where(prefix + ATTESTATION_FILE)
    signed = opened(case, where, data, *RUN_PREDICATES)
    if signed is None:
        return
    compare(case, where, "subject", signed.subjects, {"pack": run.pack_digest, RESULTS_FILE: run.results_sha256})
    outcomes_alone = [{**outcome.to_json(), "record_claims": []} for outcome in run.outcomes]
    due = {
        "pack": run.pack,
        "pack_version": spec.version,
        "seed": spec.seed,
        "isolation": run.isolation,
        "outcomes": outcomes_alone,
    }
    compare(case, where, "predicate", {name: signed.predicate.get(name) for name in due}, due)


def _outcomes(
    case: Case, version: VersionCase, at: str, record: Record, run: Reproduction, spec: PackSpec, results: bytes
) -> None:
    where = version.where(f"{REPRODUCTIONS}/{run.results_sha256}/{RESULTS_FILE}")
    try:
        values = parse(results)
    except SealError as error:
        case.fault(where, error.message)
        return
    if not isinstance(values, dict):
        case.fault(where, "not an object")
        return
    named = {name: values.get(name) for name in ("pack", "seed")}
    compare(case, where, "", named, {"pack": spec.name, "seed": spec.seed})
    if not version.same_rules:
        return
    due = [
        {**outcome.to_json(), "record_claims": list(settled_claims(spec, outcome, record.claims))}
        for outcome in outcomes(spec, values)
    ]
    stated = [outcome.to_json() for outcome in run.outcomes]
    compare(case, version.where(RECORD_FILE), f"{at}.outcomes", stated, due)
