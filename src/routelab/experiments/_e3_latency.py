"""E3's clock: prefill of the first seed's models, paired, by the timing rules of `routelab.bench`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from routelab.bench import Plan as Timed
from routelab.bench import measure, paired_ratio, provenance, threads
from routelab.experiments._criteria import criteria
from routelab.experiments._pool import pool
from routelab.experiments.plan import Plan
from routelab.experiments.result import read_json, write_json
from routelab.experiments.unit import load_weights, weights_file

ARMS = ("topk", "smoes_attention", "hard_50", "dense_active")


def times_file(plan: Plan, out: Path) -> Path:
    return out / plan.experiment / plan.size / "latency.json"


def read_times(plan: Plan, out: Path) -> dict[str, Any] | None:
    """What was measured, or None."""
    path = times_file(plan, out)
    return read_json(path) if path.exists() else None


def time_models(plan: Plan, out: Path, progress: Callable[[str], None]) -> None:
    """Time the models that are there, unless a valid timing is there already."""
    before = read_times(plan, out)
    if before is not None and before["valid"]:
        return
    files = {arm: weights_file(out, plan.unit(arm, plan.seeds[0])) for arm in ARMS}
    models = {arm: load_weights(path).eval() for arm, path in files.items() if path.exists()}
    if not {"topk", "smoes_attention"} <= set(models):
        return
    batch = int(criteria("E3")["latency"]["batch"])
    test = pool(plan.data, out / "data").test.rows(slice(0, batch))

    def prefill(arm: str) -> Callable[[], object]:
        return lambda: models[arm].prefill(test.images, test.question, has_image=test.has_image)

    progress(f"{plan.experiment}: timing prefill at batch {batch}")
    full = plan.size == "full"
    with torch.no_grad(), threads(1):
        timing = measure({arm: prefill(arm) for arm in models}, _plan(full))
    enough = len(timing.shares) >= 2
    ratio = paired_ratio(timing.seconds["smoes_attention"], timing.seconds["topk"]) if enough else None
    write_json(
        times_file(plan, out),
        {
            **timing.conditions(),
            "batch": batch,
            "precision": "fp32",
            "backend": models["topk"].config.backend,
            "seconds": {arm: timing.median(arm) for arm in models} if enough else {},
            "ratio": ratio.as_json() if ratio else None,
            "provenance": provenance(),
        },
    )


def _plan(full: bool) -> Timed:
    return Timed(most_seconds=240) if full else Timed(blocks=2, most_blocks=2, block_seconds=0.02)
