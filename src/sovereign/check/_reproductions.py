"""Does what a run is said to show follow from its results, and was that run of that pack attested?"""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import ValidationError

from sovereign.judge import reproduction_status
from sovereign.judge.outcomes import isolation_meets, measured_claim, outcomes, pack_digest, settled_claims
from sovereign.judge.repeats import combined_outcomes, combined_results
from sovereign.records import ClaimOutcome, PackSpec, Record, Reproduction, results_fault
from sovereign.records.layout import (
    ATTESTATION_FILE,
    EARLIER,
    PACK_FILE,
    RECORD_FILE,
    REPRODUCTIONS,
    RESULTS_FILE,
    RUNS,
)
from sovereign.seal import RUN_PREDICATES, SealError, canonical, digest, parse

from ._case import Case, VersionCase, field_path
from ._earlier import earlier_runs
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
    single = _taken(files, RUNS)
    before = _taken(files, EARLIER)
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
    if not isolation_meets(run.isolation, spec.minimum_isolation):
        where = version.where(RECORD_FILE, f"{at}.isolation")
        case.fault(where, f"is {run.isolation}, the pack asks for {spec.minimum_isolation}")
    repeated = _Repeated(case, version, prefix, run, spec)
    repeated.attested(ATTESTATION_FILE, attestation, spec.seed, repeated.subjects(results, single), run.outcomes)
    parsed = repeated.results_of(results, single)
    if parsed is not None and version.same_rules:
        due = [
            {
                **outcome.to_json(),
                "record_claims": list(settled_claims(spec, outcome, record.claims)),
                "measured_claim": measured_claim(spec, outcome, record.claims),
            }
            for outcome in combined_outcomes(spec, parsed)
        ]
        stated = [outcome.to_json() for outcome in run.outcomes]
        compare(case, version.where(RECORD_FILE), f"{at}.outcomes", stated, due)
    earlier_runs(case, version, f"{prefix}{EARLIER}/", f"{at}.earlier", run, files, before)


def _taken(files: dict[str, bytes], folder: str) -> dict[str, bytes]:
    """Take the files of a sub-folder out; their names from there on."""
    prefix = f"{folder}/"
    return {name.removeprefix(prefix): files.pop(name) for name in sorted(files) if name.startswith(prefix)}


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
    missing = [path for path in spec.paths if path not in files]
    for path in missing:
        case.fault(version.where(prefix + path), "a file that the pack names is missing")
    return None if missing else spec


class _Repeated:
    """The runs behind one reproduction: one, or several that were combined."""

    def __init__(self, case: Case, version: VersionCase, prefix: str, run: Reproduction, spec: PackSpec) -> None:
        self._case, self._version, self._prefix, self._run, self._spec = case, version, prefix, run, spec

    def subjects(self, results: bytes, single: dict[str, bytes]) -> dict[str, str]:
        """What the attestation over the whole must name."""
        named = {"pack": self._run.pack_digest, RESULTS_FILE: digest(results)}
        each = {f"{RUNS}/{n}": digest(data) for n, data in single.items() if n.endswith(f"/{RESULTS_FILE}")}
        return {**named, **each}

    def attested(
        self, name: str, data: bytes, seed: int, subjects: dict[str, str], outcomes: tuple[ClaimOutcome, ...] | None
    ) -> None:
        """An attestation is of this pack and these results, and says of them what the record says."""
        where = self._version.where(self._prefix + name)
        signed = opened(self._case, where, data, *RUN_PREDICATES)
        if signed is None:
            return
        compare(self._case, where, "subject", signed.subjects, subjects)
        due: dict[str, object] = {"pack": self._run.pack, "pack_version": self._spec.version, "seed": seed}
        due["isolation"] = self._run.isolation
        if outcomes is not None:
            alone: dict[str, object] = {"record_claims": [], "measured_claim": None}
            due["outcomes"] = [{**outcome.to_json(), **alone} for outcome in outcomes]
        compare(self._case, where, "predicate", {field: signed.predicate.get(field) for field in due}, due)

    def results_of(self, whole: bytes, single: dict[str, bytes]) -> list[dict[str, Any]] | None:
        """The results of every run, each attested, together giving the whole; None where they cannot be read."""
        if self._run.runs == 1:
            for name in single:
                self._case.fault(self._version.where(f"{self._prefix}{RUNS}/{name}"), "is of no repeated run")
            read = self._read(RESULTS_FILE, whole, self._spec.seed)
            return None if read is None else [read]
        found = []
        due = [f"{n}/{name}" for n in range(1, self._run.runs + 1) for name in (ATTESTATION_FILE, RESULTS_FILE)]
        if sorted(single) != sorted(due):
            where = self._version.where(f"{self._prefix}{RUNS}")
            held = ", ".join(sorted(single)) or "nothing"
            self._case.fault(where, f"holds {held}, not the files of {self._run.runs} runs")
            return None
        for n in range(1, self._run.runs + 1):
            seed, name = self._spec.seed + n - 1, f"{RUNS}/{n}/{RESULTS_FILE}"
            results = single[f"{n}/{RESULTS_FILE}"]
            read = self._read(name, results, seed)
            if read is None:
                return None
            found.append(read)
            subjects = {"pack": self._run.pack_digest, RESULTS_FILE: digest(results)}
            each = outcomes(self._spec, read) if self._version.same_rules else None
            attestation = single[f"{n}/{ATTESTATION_FILE}"]
            self.attested(f"{RUNS}/{n}/{ATTESTATION_FILE}", attestation, seed, subjects, each)
        if self._version.same_rules and canonical(combined_results(found)) != whole:
            self._case.fault(self._version.where(self._prefix + RESULTS_FILE), "is not what its runs give together")
        return found

    def _read(self, name: str, data: bytes, seed: int) -> dict[str, Any] | None:
        where = self._version.where(self._prefix + name)
        try:
            values = parse(data)
        except SealError as error:
            self._case.fault(where, error.message)
            return None
        fault = results_fault(values, self._spec.name, seed)
        if fault is not None:
            self._case.fault(where, fault)
            return None
        return dict(values)
