"""Running a pack, signing what came out, and handing it to the library as a measurement."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from sovereign.judge.outcomes import outcomes
from sovereign.records import ClaimOutcome, SandboxUnavailable
from sovereign.seal import PREDICATE_REPRODUCTION, Key, SealError, canonical, digest, sign, statement

from .errors import PackFailed
from .packs import PACK_FILE, Pack
from .sandbox import Finished, Job, Limits, Sandbox, SandboxReport

RESULTS_FILE = "results.json"
RESULTS_SCHEMA = "sovereign-results-v1"
SEED_VARIABLE = "SOVEREIGN_SEED"
_LOG_IN_MESSAGE = 600


@dataclass(frozen=True)
class PackRun:
    """A run that gave results. `results_bytes` is their canonical JSON: equal runs give equal bytes.

    `facts` is what differs between runs and machines, and so stands in the attestation only.
    """

    pack: Pack
    results: dict[str, Any]
    results_bytes: bytes
    outcomes: tuple[ClaimOutcome, ...]
    log: str
    report: SandboxReport
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def results_sha256(self) -> str:
        """SHA-256 of the results, by which a record names this run."""
        return digest(self.results_bytes)


def run_pack(pack: Pack, sandbox: Sandbox, now: Callable[[], str] | None = None) -> PackRun:
    """Run a pack in a sandbox that passed its own test on this host, and compare its results with its claims.

    Args:
        now: the current time as ISO 8601; the system's clock by default.

    Raises:
        SandboxUnavailable: no isolation, so nothing was run.
        PackFailed: the script gave no usable results: it failed, ran over a limit, or left no, broken, unsafe or
            another pack's results. Nothing of such a run is kept.
    """
    now = now or _now
    report = sandbox.probe()
    if not report.ok:
        raise SandboxUnavailable(report.reason, report.remedy)
    started = now()
    finished = sandbox.run(_job(pack))
    try:
        results = _results(pack, sandbox, finished)
    finally:
        sandbox.destroy(finished)
    facts = {**_machine(), "started_at": started, "finished_at": now(), "seconds": f"{finished.seconds:.1f}"}
    compared = outcomes(pack.spec, results)
    return PackRun(pack, results, canonical(results), compared, finished.log, report, facts)


def attest(run: PackRun, key: Key, now: str) -> bytes:
    """A signed in-toto Statement (DSSE) on a run: pack and results as subjects, isolation and machine as predicate."""
    predicate = {
        "pack": run.pack.spec.name,
        "pack_version": run.pack.spec.version,
        "seed": run.pack.spec.seed,
        "isolation": run.report.grade,
        "sandbox": run.report.to_json(),
        "limits": run.pack.spec.limits.to_json(),
        "machine": run.facts,
        "outcomes": [outcome.to_json() for outcome in run.outcomes],
        "attested_at": now,
    }
    subjects = {"pack": run.pack.digest, RESULTS_FILE: run.results_sha256}
    return sign(statement(PREDICATE_REPRODUCTION, subjects, predicate), key)


def measurement(run: PackRun, envelope: bytes) -> dict[str, Any]:
    """The arguments of `Library.add_measurement`: the results as a source, and what a record attaches of the run."""
    spec = run.pack.spec
    words = [spec.title, spec.description, spec.facets.subject, spec.facets.metric, *spec.bears_on]
    return {
        "source_id": spec.source,
        "title": spec.title,
        "text": run.results_bytes.decode("utf-8"),
        "meta": {
            "pack": spec.to_json(),
            "pack_digest": run.pack.digest,
            "outcomes": [outcome.to_json() for outcome in run.outcomes],
            "isolation": run.report.grade,
            "files": {name: content.decode("utf-8") for name, content in run.pack.files.items()},
            "attestation": envelope.decode("utf-8"),
        },
        "index_text": "\n".join([word for word in words if word] + [claim.statement for claim in spec.claims]),
    }


def _job(pack: Pack) -> Job:
    stated = pack.spec.limits
    limits = Limits(
        seconds=stated.seconds,
        cpu_seconds=int(stated.seconds) + 1,
        memory_mb=stated.memory_mb,
        output_mb=stated.output_mb,
        processes=stated.processes,
    )
    script = {name: content for name, content in pack.files.items() if name != PACK_FILE}
    return Job(script, pack.spec.script, limits, (RESULTS_FILE,), {SEED_VARIABLE: str(pack.spec.seed)})


def _results(pack: Pack, sandbox: Sandbox, finished: Finished) -> dict[str, Any]:
    """The parsed results of a run that ended well. The script is not trusted with any of it."""
    name = pack.spec.name
    if not finished.ok:
        tail = finished.log.strip()[-_LOG_IN_MESSAGE:]
        said = f"; it printed: {tail}" if tail else ""
        remedy = "mend the script, or raise its limits in pack.toml (which makes it another pack)"
        raise PackFailed(f"the pack {name} gave no results: {finished.said()}{said}", remedy, finished.log)
    try:
        content = sandbox.collect(finished).get(RESULTS_FILE)
    except PackFailed as error:
        raise PackFailed(f"the pack {name}: {error.message}", error.remedy, finished.log) from error
    if content is None:
        raise PackFailed(f"the pack {name} ended well and left no {RESULTS_FILE}", _REMEDY, finished.log)
    try:
        results = json.loads(content.decode("utf-8"), parse_constant=_no_constant)
        canonical(results)
    except (ValueError, RecursionError, SealError) as error:
        words = error.message if isinstance(error, SealError) else str(error)
        raise PackFailed(
            f"the pack {name}: {RESULTS_FILE} is not usable JSON: {words}", _REMEDY, finished.log
        ) from error
    due = {"schema": RESULTS_SCHEMA, "pack": name, "seed": pack.spec.seed}
    if not isinstance(results, dict) or not isinstance(results.get("values"), dict):
        raise PackFailed(f"the pack {name}: {RESULTS_FILE} is no object with `values`", _REMEDY, finished.log)
    for key, value in due.items():
        if results.get(key) != value or isinstance(results.get(key), bool):
            shown = json.dumps(results.get(key))[:80]
            raise PackFailed(f"the pack {name}: `{key}` of its results is {shown}, not {value}", _REMEDY, finished.log)
    return results


_REMEDY = (
    f"write {RESULTS_FILE} into the folder that the script starts in: an object with schema ({RESULTS_SCHEMA}), pack, "
    f"seed (from ${SEED_VARIABLE}) and values, every number finite"
)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _machine() -> dict[str, str]:
    """What a reader needs to know of the machine; never its name or its owner's."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "processors": str(os.cpu_count() or 0),
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()[:80]
    except OSError:
        pass
    return platform.processor() or "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
