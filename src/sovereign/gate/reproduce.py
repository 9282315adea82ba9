"""Running a pack once: what it needs is looked at first, then it runs in the sandbox, then its results are compared.

The parts are meant to be put together by others too: `run_pack` gives a `PackRun`, `attest` signs it (`attested.py`),
and `measurement` makes of both what a library stores.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sovereign.judge.outcomes import outcomes
from sovereign.records import (
    RESULTS_SCHEMA,
    BadInput,
    ClaimOutcome,
    NotFound,
    SandboxUnavailable,
    read_results,
    results_fault,
)
from sovereign.seal import SealError, canonical, digest

from ._interpreter import edited
from .errors import PackFailed
from .inputs import GivenInput, take_inputs
from .packs import PACK_FILE, Pack
from .sandbox import DATA, PACK, Finished, Job, Limits, Sandbox, SandboxReport, Watch, grade_meets

RESULTS_FILE = "results.json"
SEED_VARIABLE = "SOVEREIGN_SEED"
_INPUTS = "inputs"
_LOG_IN_MESSAGE = 600


@dataclass(frozen=True)
class PackRun:
    """A run that gave results. `results_bytes` is their canonical JSON: equal runs give equal bytes.

    `facts` is what differs between runs and machines, and so stands in the attestation only. `grade` is the isolation
    of this very run (empty: the report's). `repetition` counts from 1; run n has the pack's seed and n - 1.
    """

    pack: Pack
    results: dict[str, Any]
    results_bytes: bytes
    outcomes: tuple[ClaimOutcome, ...]
    log: str
    report: SandboxReport
    facts: dict[str, str] = field(default_factory=dict)
    grade: str = ""
    repetition: int = 1
    passed_through: tuple[str, ...] = ()

    @property
    def results_sha256(self) -> str:
        """SHA-256 of the results, by which a record names this run."""
        return digest(self.results_bytes)

    @property
    def isolation(self) -> str:
        """The grade of isolation that it ran in."""
        return self.grade or self.report.grade

    @property
    def seed(self) -> int:
        """The seed that the script was given."""
        return self.pack.spec.seed + self.repetition - 1


def run_pack(
    pack: Pack,
    sandbox: Sandbox,
    now: Callable[[], str] | None = None,
    *,
    inputs: Mapping[str, str | Path] | None = None,
    repetition: int = 1,
    watch: Watch | None = None,
) -> PackRun:
    """Run a pack in a sandbox that passed its own test on this host, and compare its results with its claims.

    Args:
        now: the current time as ISO 8601; the system's clock by default.
        inputs: name -> path of the inputs that the pack asks its owner for.
        repetition: which run of a repeated one this is, from 1; the seed follows from it.
        watch: is told while it runs how long it has run and what it printed.

    Raises:
        SandboxUnavailable: no isolation, or less than the pack accepts, so nothing was run.
        BadInput, NotFound: an input is missing or another one, or this Python or its packages will not do; nothing was
            run.
        PackFailed: the script gave no usable results: it failed, ran over a limit, or left no, broken, unsafe or
            another pack's results. Nothing of such a run is kept.
    """
    now = now or _now
    report = sandbox.probe()
    check_isolation(pack, report)
    versions = check_environment(pack)
    given = take_inputs(pack.spec, inputs or {})
    started = now()
    finished = sandbox.run(_job(pack, given, pack.spec.seed + repetition - 1), watch)
    try:
        results = _results(pack, sandbox, finished, pack.spec.seed + repetition - 1)
    finally:
        sandbox.destroy(finished)
    changed = [one.stated.name for one in given if not one.unchanged()]
    if changed:
        remedy = "let nobody write there, and run it again"
        raise PackFailed(f"the input {changed[0]} of {pack.spec.name} was changed while it ran", remedy, finished.log)
    facts = {**machine_facts(), **versions, "started_at": started, "finished_at": now()}
    facts["seconds"] = f"{finished.seconds:.1f}"
    compared = outcomes(pack.spec, results)
    grade = finished.grade if finished.grade != "none" else report.grade
    return PackRun(
        pack, results, canonical(results), compared, finished.log, report, facts, grade, repetition,
        finished.passed_through,
    )  # fmt: skip


def check_isolation(pack: Pack, report: SandboxReport) -> None:
    """Refuse to run a pack where the sandbox does not hold, or holds less than the pack accepts.

    Raises:
        SandboxUnavailable: with what is missing and what to do.
        BadInput: the pack names a grade that does not exist.
    """
    if not report.ok:
        raise SandboxUnavailable(report.reason, report.remedy)
    least = pack.spec.minimum_isolation
    if not grade_meets(report.grade, least):
        raise SandboxUnavailable(
            f"the pack {pack.spec.name} asks for the isolation grade {least}, this host gives {report.grade}",
            "see `sovereign doctor` for what would raise it, or run the pack on another host",
        )


def check_environment(pack: Pack) -> dict[str, str]:
    """The versions of what a pack needs to have installed, as facts for the attestation.

    Raises:
        BadInput: this Python is too old.
        NotFound: a distribution is not installed.
    """
    asked = pack.spec.environment
    if asked.python is not None and sys.version_info[:2] < tuple(map(int, asked.python.split("."))):
        raise BadInput(
            f"the pack {pack.spec.name} needs Python {asked.python}, this is {platform.python_version()}",
            "run Sovereign with a newer Python",
        )
    found = {}
    for name in asked.requirements:
        try:
            found[f"package {name}"] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            remedy = f"install it beside Sovereign: pip install {name}"
            raise NotFound(f"the pack {pack.spec.name} needs {name}, which is not installed", remedy) from error
        for folder in edited((name,)).values():
            found[f"code {name}"] = _code_digest(Path(folder))  # a version says little of code that is being edited
    return found


def _code_digest(folder: Path) -> str:
    """SHA-256 over the paths and contents of a folder's files, what Python itself writes left out."""
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            told.update(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n".encode())
    return told.hexdigest()


def machine_facts() -> dict[str, str]:
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


def _job(pack: Pack, given: tuple[GivenInput, ...], seed: int) -> Job:
    stated = pack.spec.limits
    limits = Limits(
        seconds=stated.seconds,
        cpu_seconds=int(stated.seconds) + 1,
        memory_mb=stated.memory_mb,
        output_mb=stated.output_mb,
        processes=stated.processes,
    )
    files = {name: content for name, content in pack.files.items() if name != PACK_FILE}
    variables = {SEED_VARIABLE: str(seed), **pack.spec.environment.variables}
    shown = {}
    for one in pack.spec.inputs:
        if one.file is not None:
            variables[one.variable] = f"{PACK}/{one.file}"
    for taken in given:
        name = taken.stated.name
        if taken.folder is not None:
            shown[name] = taken.folder
        files |= {f"{_INPUTS}/{name}/{path}" if path else f"{_INPUTS}/{name}": c for path, c in taken.files.items()}
        variables[taken.stated.variable] = f"{DATA}/{name}" if taken.folder else f"{PACK}/{_INPUTS}/{name}"
    return Job(
        files,
        pack.spec.script,
        limits,
        (RESULTS_FILE,),
        variables,
        shown,
        packages=bool(pack.spec.environment.requirements),
        edited=pack.spec.environment.requirements,
        arguments=pack.spec.command[2:],
    )


def _results(pack: Pack, sandbox: Sandbox, finished: Finished, seed: int) -> dict[str, Any]:
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
        results = read_results(content)
        canonical(results)
    except (ValueError, RecursionError, SealError) as error:
        words = error.message if isinstance(error, SealError) else str(error)
        raise PackFailed(
            f"the pack {name}: {RESULTS_FILE} is not usable JSON: {words}", _REMEDY, finished.log
        ) from error
    fault = results_fault(results, name, seed)
    if fault is not None:
        raise PackFailed(f"the pack {name}: {RESULTS_FILE}: {fault}", _REMEDY, finished.log)
    return dict(results)


_REMEDY = (
    f"write {RESULTS_FILE} into the folder that the script starts in: an object with schema ({RESULTS_SCHEMA}), pack, "
    f"seed (from ${SEED_VARIABLE}) and values, every number finite"
)


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
