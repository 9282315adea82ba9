"""E8: batch, precision and sparsity, after the protocol of DEEP-GAP (arXiv 2604.14552): 3 repeats, medians, P99.

Its confound, a change of engine with the precision, is not copied: one kernel serves all precisions. One machine, so
nothing is said of one device against another. Energy is not read: the counters are not open to a plain process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from routelab.bench import Plan, provenance
from routelab.experiments._code import digest_of
from routelab.experiments._criteria import criteria
from routelab.experiments._e2_cells import BATCHES, shape_of
from routelab.experiments._e2_work import TINY
from routelab.experiments._e8_cells import measure_cell, numeric, precisions
from routelab.experiments._e8_judge import judge, knees, times, variation
from routelab.experiments._measured import kept_units, run_units, tried
from routelab.experiments.result import Result

EXPERIMENT = "E8"
SHAPES = ("32/6", "64/6")


def units(size: str) -> list[str]:
    """Names of what is measured: `numeric:SHAPE`, and `time:SHAPE:BATCH:THREADS`."""
    full = size == "full"
    shapes, batches = (SHAPES, BATCHES) if full else ((TINY.name,), (1, 4, 16))
    n_threads = criteria(EXPERIMENT).document["timing"]["threads"] if full else [1]
    timed = [f"time:{shape}:{batch}:{n}" for n in n_threads for shape in shapes for batch in batches]
    return [f"numeric:{shape}" for shape in shapes] + timed


def run(
    size: str,
    out: Path,
    *,
    processes: int = 1,  # noqa: ARG001 all experiments are run alike; what is timed must not run beside itself
    progress: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Measure the units that are missing or were not quiet, one at a time, then judge."""

    def unit(name: str) -> dict[str, Any]:
        return measure_unit(size, name)

    return conclude(size, run_units(EXPERIMENT, size, units(size), out, unit, lambda _name: code_digest(), progress))


def measure_unit(size: str, name: str) -> dict[str, Any]:
    """One unit, as a JSON object."""
    kind, shape, *rest = name.split(":")
    if kind == "numeric":
        return numeric(shape_of(shape), n_tokens=2048 if size == "full" else 64)
    full = size == "full"
    blocks = int(criteria(EXPERIMENT).document["timing"]["quiet_blocks"]) if full else 6
    plan = Plan(blocks, warmup=1, most_blocks=tried(blocks) if full else blocks, block_seconds=0.4 if full else 0.02)
    return measure_cell(shape_of(shape), int(rest[0]), int(rest[1]), plan)


def kept(out: Path) -> tuple[dict[str, dict[str, Any]], dict[Path, str]]:
    """What is published beside the result: the units of the full run, and no checkpoint."""
    return kept_units(EXPERIMENT, units("full"), out), {}


def conclude(size: str, measured: Sequence[Mapping[str, Any]]) -> Result:
    """The result that these units come to."""
    frozen = criteria(EXPERIMENT)
    findings, ratios = judge(measured, frozen)
    where = provenance()
    timed = [unit for unit in measured if "conditions" in unit]
    quiet = sum(bool(unit["conditions"]["valid"]) for unit in timed)
    notes = ["fp8 has no product on a CPU", *([] if size == "full" else ["not a result"])]
    if "int8" not in precisions():
        notes.append("this build of torch has no int8 weight product")
    if quiet < len(timed):
        notes.append(f"{len(timed) - quiet} of {len(timed)} timed units were not quiet")
    arms = sorted({arm for unit in timed for arm in unit["seconds"]})
    share = float(frozen["knee"]["share"])
    return Result(
        experiment=EXPERIMENT,
        size=size,
        tier="C",
        criteria_sha256=frozen.sha256,
        arms=tuple(arms),
        seeds=(0,),
        values={
            "units": {unit["unit"]: _summary(unit) for unit in measured},
            "knees": {arm: found for arm in arms if (found := knees(timed, arm, share))},
        },
        findings=tuple(findings),
        ratios=tuple(ratios),
        versions=measured[0]["versions"] if measured else where["versions"],
        machine=measured[0]["machine"] if measured else where["machine"],
        load={"quiet_units": quiet, "timed_units": len(timed), "average_when_judged": where["load"]},
        whole=len(measured) == len(units(size)),
        notes=tuple(notes),
    )


@functools.cache
def code_digest() -> str:
    """Digest of what decides a unit's numbers."""
    kernels = ("_plan", "experts", "quantised", "sorted")
    own = ("_e2_cells", "_e2_work", "_e8_cells")
    return digest_of(
        ["bench/timer.py", *(f"experiments/{name}.py" for name in own), *(f"dispatch/{name}.py" for name in kernels)]
    )


def _summary(unit: Mapping[str, Any]) -> dict[str, Any]:
    if unit["kind"] == "numeric":
        return {name: unit[name] for name in ("kind", "shape", "tokens", "error", "routing_bf16")}
    arms = {}
    for arm in unit["seconds"]:
        seconds = times(unit, arm)
        if seconds:
            ordered = sorted(seconds)
            median = ordered[len(ordered) // 2]
            arms[arm] = {"median": median, "least": ordered[0], "tokens_per_second": unit["batch"] / median}
            if len(seconds) >= 3:
                arms[arm]["variation"] = variation(seconds)
            if unit["conditions"]["valid"]:
                arms[arm]["p99"] = unit["p99"][arm]
    told = {name: unit[name] for name in ("kind", "shape", "batch", "threads", "counts", "expert_bytes", "conditions")}
    return {**told, "arms": arms}
