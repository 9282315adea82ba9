"""E2 on a GPU (tier G): the same questions at the layer shapes of real models. Needs a CUDA device; E2 is the CPU's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from routelab.bench import Plan, provenance
from routelab.experiments._code import digest_of
from routelab.experiments._criteria import Criteria, criteria
from routelab.experiments._e2_gpu_cells import DECODE, MODEL_SHAPES, PREFILL, count, measure_cell, measure_law
from routelab.experiments._e2_judge import judge
from routelab.experiments._e2_work import TINY, Shape
from routelab.experiments._measured import run_units
from routelab.experiments.result import Finding, Outcome, Result

EXPERIMENT = "E2G"
NO_GPU = "no GPU is to be had, so nothing is measured; E2 is the same on a CPU"
MEASURES: dict[str, Callable[[Shape, int, Plan, str], dict[str, Any]]] = {
    "count": count,
    "law": measure_law,
    "cell": measure_cell,
}
_RAGGED = ("loop", "sorted", "grouped", "grouped_fixed", "gather", "triton", "graph")


def units(size: str) -> list[str]:
    """Names of what is measured, in order: kind, shape and tokens."""
    if size != "full":
        return [f"{kind}:{TINY.name}:{tokens}" for kind in MEASURES for tokens in (1, 4)]
    names = [f"{kind}:{shape}:{tokens}" for kind in ("count", "law") for shape in MODEL_SHAPES for tokens in DECODE]
    return names + [f"cell:{shape}:{tokens}" for shape in MODEL_SHAPES for tokens in (*DECODE, *PREFILL)]


def run(
    size: str,
    out: Path,
    *,
    processes: int = 1,  # noqa: ARG001 all experiments are run alike; what is timed must not run beside itself
    progress: Callable[[str], None] = lambda _line: None,
    device: str = "cuda",
) -> Result:
    """Measure the units that are missing or were not quiet, one at a time, then judge. Without a GPU nothing is
    measured, and the result, which is not whole, says so."""
    if device == "cuda" and not torch.cuda.is_available():
        progress(f"{EXPERIMENT}: {NO_GPU}")
        return conclude(size, [])

    def unit(name: str) -> dict[str, Any]:
        kind, shape, tokens = name.split(":")
        found = TINY if shape == TINY.name else MODEL_SHAPES[shape]
        full = size == "full"
        blocks = int(criteria(EXPERIMENT).document["timing"]["quiet_blocks"]) if full else 4
        # On a GPU other processes of the host disturb less than on a CPU; a block is thrown away from a core on.
        plan = Plan(blocks, warmup=5 if full else 1, block_seconds=0.2 if full else 0.005, others_limit=1.0)
        return MEASURES[kind](found, int(tokens), plan, device)

    return conclude(size, run_units(EXPERIMENT, size, units(size), out, unit, lambda _name: code_digest(), progress))


def conclude(size: str, measured: Sequence[Mapping[str, Any]]) -> Result:
    """The result that these units come to."""
    frozen = criteria(EXPERIMENT)
    decode = [unit for unit in measured if unit.get("phase") != "prefill"]
    findings, ratios, fits = judge(decode, frozen)
    timed = [unit for unit in measured if "conditions" in unit]
    quiet = sum(bool(unit["conditions"]["valid"]) for unit in timed)
    where = provenance()
    notes = [] if size == "full" else ["not a result"]
    if not measured:
        notes.append(NO_GPU)
    if quiet < len(timed):
        notes.append(f"{len(timed) - quiet} of {len(timed)} timed units were not quiet")
    return Result(
        experiment=EXPERIMENT,
        size=size,
        tier="G",
        criteria_sha256=frozen.sha256,
        arms=tuple(sorted({arm for unit in timed for arm in unit["seconds"] if unit["kind"] == "cell"})),
        seeds=(0,),
        values={"units": {unit["unit"]: _summary(unit) for unit in measured}, "fits": fits},
        findings=(*findings, _floor(frozen, [unit for unit in decode if unit["kind"] == "cell"])),
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
    routers = ("routing/anyexperts.py", "routing/budget.py", "routing/fractional.py", "routing/topk.py")
    own = ("_e2_cells", "_e2_work", "_e2_gpu_cells")
    return digest_of(["bench/timer.py", "dispatch", *routers, *(f"experiments/{name}.py" for name in own)])


def _floor(frozen: Criteria, cells: Sequence[Mapping[str, Any]]) -> Finding:
    most, rows, over = float(frozen["floor"]["most"]), {}, []
    for cell in cells:
        times = {k: cell["seconds"][f"on_demand/{k}"] for k in _RAGGED if cell["seconds"].get(f"on_demand/{k}")}
        if times:
            kernel = min(times, key=lambda name: float(np.median(times[name])))
            seconds, floor = float(np.median(times[kernel])), float(cell["floor_seconds"]["on_demand"])
            over.append(seconds / floor)
            row = {"kernel": kernel, "seconds": seconds, "floor": floor, "over_floor": over[-1]}
            rows[f"{cell['shape']}, batch {cell['batch']}"] = row
    if not over:
        return Finding("floor", frozen.claim("floor"), Outcome.VOID, "Nothing was timed quietly.")
    good = sum(ratio <= most for ratio in over)
    outcome = Outcome.SUPPORTED if good == len(over) else Outcome.REFUTED
    said = f"{good} of {len(over)} latencies are within {most} times their floor"
    said += f", from {min(over):.2f} to {max(over):.2f}."
    return Finding("floor", frozen.claim("floor"), outcome, said, rows)


def _summary(unit: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: unit[name] for name in ("kind", "shape", "batch", "counts")}
    if unit["kind"] == "count":
        return {**told, "expected_saving": unit["expected_saving"]}
    arms = {}
    for arm, times in unit["seconds"].items():
        if times:
            median = float(np.median(times))
            arms[arm] = {"median": median, "tokens_per_second": unit["batch"] / median, "p99": unit["p99"][arm]}
    floors = {"floor_seconds": unit["floor_seconds"]} if unit["kind"] == "cell" else {}
    return {**told, **floors, "arms": arms, "conditions": unit["conditions"]}
