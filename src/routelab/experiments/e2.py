"""E2: latency and throughput of on-demand routing against fixed top-k, across batch sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from routelab.bench import Plan, provenance
from routelab.experiments import _e2_model
from routelab.experiments._code import digest_of
from routelab.experiments._criteria import criteria
from routelab.experiments._e2_cells import BATCHES, MEASURES, shape_of
from routelab.experiments._e2_judge import judge
from routelab.experiments._e2_work import SHAPES, TINY
from routelab.experiments._measured import kept_units, run_units, tried
from routelab.experiments.result import Result

EXPERIMENT = "E2"


def units(size: str) -> list[str]:
    """Names of what is measured, in order: kind, shape and batch."""
    shapes = list(SHAPES) if size == "full" else [TINY.name]
    batches = BATCHES if size == "full" else (1, 4, 16)
    layers = [f"{kind}:{shape}:{batch}" for kind in MEASURES for shape in shapes for batch in batches]
    samples = _e2_model.BATCHES if size == "full" else (1, 4)
    return layers + [f"model:{form}:{batch}" for form in _e2_model.FORMATS for batch in samples]


def run(
    size: str,
    out: Path,
    *,
    processes: int = 1,  # noqa: ARG001 all experiments are run alike; what is timed must not run beside itself
    progress: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Measure the units that are missing or were not quiet, one at a time, then judge. Ctrl-C loses the unit in hand
    only."""
    return conclude(
        size, run_units(EXPERIMENT, size, units(size), out, lambda name: measure_unit(size, name), code_of, progress)
    )


def measure_unit(size: str, name: str) -> dict[str, Any]:
    """One unit, as a JSON object."""
    kind, shape, batch = name.split(":")
    full = size == "full"
    blocks = int(criteria(EXPERIMENT).document["timing"]["quiet_blocks"]) if full else 4
    plan = Plan(blocks, warmup=1, most_blocks=tried(blocks) if full else blocks, block_seconds=0.4 if full else 0.02)
    if kind == "model":
        return _e2_model.measure_model(shape, int(batch), plan)
    return MEASURES[kind](shape_of(shape), int(batch), plan, 0)


def kept(out: Path) -> tuple[dict[str, dict[str, Any]], dict[Path, str]]:
    """What is published beside the result: the units of the full run, and no checkpoint."""
    return kept_units(EXPERIMENT, units("full"), out), {}


def conclude(size: str, measured: Sequence[Mapping[str, Any]]) -> Result:
    """The result that these units come to."""
    frozen = criteria(EXPERIMENT)
    findings, ratios, fits = judge(measured, frozen)
    where = provenance()
    timed = [unit for unit in measured if "conditions" in unit]
    quiet = sum(bool(unit["conditions"]["valid"]) for unit in timed)
    notes = [] if quiet == len(timed) else [f"{len(timed) - quiet} of {len(timed)} timed units were not quiet"]
    if size != "full":
        notes.insert(0, "not a result")
    return Result(
        experiment=EXPERIMENT,
        size=size,
        tier="C",
        criteria_sha256=frozen.sha256,
        arms=tuple(sorted({arm for unit in timed for arm in unit["seconds"] if unit["kind"] == "cell"})),
        seeds=(0,),
        values={"units": {unit["unit"]: _summary(unit) for unit in measured}, "fits": fits},
        findings=tuple(findings),
        ratios=tuple(ratios),
        versions=measured[0]["versions"] if measured else where["versions"],
        machine=measured[0]["machine"] if measured else where["machine"],
        load={"quiet_units": quiet, "timed_units": len(timed), "average_when_judged": where["load"]},
        whole=len(measured) == len(units(size)),
        notes=tuple(notes),
    )


def code_of(name: str) -> str:
    """Digest of what decides a unit's numbers."""
    return model_digest() if name.startswith("model:") else code_digest()


@functools.cache
def model_digest() -> str:
    """That of the units that run the lab's model."""
    return digest_of(["experiments/_e2_model.py", "bench/timer.py", "model", "routing", "dispatch"])


@functools.cache
def code_digest() -> str:
    """That of the units that run one layer."""
    routers = ("routing/anyexperts.py", "routing/budget.py", "routing/fractional.py", "routing/topk.py")
    kernels = ("_plan", "experts", "gather", "grouped", "loop", "padded", "sorted", "layer")
    own = ("experiments/_e2_cells.py", "experiments/_e2_work.py", "bench/timer.py")
    return digest_of([*own, *routers, *(f"dispatch/{name}.py" for name in kernels)])


def _summary(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Median, least and 99th percentile in seconds per layer-step and tokens per second, by arm, with the counts."""
    told = {name: unit[name] for name in ("kind", "shape", "batch", "counts")}
    if unit["kind"] == "count":
        return {**told, "expected_saving": unit["expected_saving"]}
    valid, arms = bool(unit["conditions"]["valid"]), {}
    for arm in unit["seconds"]:
        times = unit["seconds"][arm] if valid else [*unit["seconds"][arm], *unit["seconds_beside_load"].get(arm, [])]
        if times:
            median = float(np.median(times))
            rate = "samples_per_second" if unit["kind"] == "model" else "tokens_per_second"
            arms[arm] = {"median": median, "least": min(times), rate: unit["batch"] / median}
            if valid:
                arms[arm]["p99"] = unit["p99"][arm]
    memory = {"memory": unit["memory"]} if unit["kind"] == "model" else {}
    return {**told, **memory, "arms": arms, "conditions": unit["conditions"]}
