"""E6's clock: a decode step of models trained with each k, paired, with the distinct experts that each step touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from routelab.bench import Plan as Timed
from routelab.bench import measure, provenance, threads
from routelab.experiments._pool import pool
from routelab.experiments.plan import Plan
from routelab.experiments.result import read_json, write_json
from routelab.experiments.unit import load_weights, weights_file
from routelab.model import LabModel

BATCHES = (1, 8, 32, 128)


def times_file(plan: Plan, out: Path) -> Path:
    return out / plan.experiment / plan.size / "latency.json"


def read_times(plan: Plan, out: Path) -> dict[str, Any] | None:
    """What was measured, or None."""
    path = times_file(plan, out)
    return read_json(path) if path.exists() else None


def time_models(plan: Plan, out: Path, progress: Callable[[str], None]) -> None:
    """Time one decode step of every model of the first seed that is there, by batch, unless that was done validly."""
    before = read_times(plan, out)
    if before is not None and before["valid"]:
        return
    names = [arm.name for arm in plan.arms if arm.name[1:].isdigit()] + ["dense_active"]
    files = {name: weights_file(out, plan.unit(name, plan.seeds[0])) for name in names}
    models = {name: load_weights(path).eval() for name, path in files.items() if path.exists()}
    if len(models) < 4:
        return
    test = pool(plan.data, out / "data").test
    cells: list[dict[str, Any]] = []
    conditions: list[dict[str, Any]] = []
    full = plan.size == "full"
    for batch in BATCHES:
        progress(f"{plan.experiment}: timing decoding at batch {batch}")
        part = test.rows(slice(0, batch))
        with torch.no_grad(), threads(1):
            steps = {name: _decoding(model, part.images, part.question) for name, model in models.items()}
            counts = {name: _counted(model, part.images, part.question) for name, model in models.items()}
            timing = measure(steps, _plan(full))
        conditions.append(timing.conditions())
        for name in models:
            if len(timing.seconds[name]):
                cells.append({"arm": name, "batch": batch, "seconds": timing.median(name), **counts[name]})
    valid = all(c["valid"] for c in conditions)
    why = "; ".join(c["why_not"] for c in conditions if c["why_not"])
    document = {"valid": valid, "why_not": why, "conditions": conditions, "cells": cells, "provenance": provenance()}
    write_json(times_file(plan, out), document)


def _decoding(model: LabModel, images: Tensor, question: Tensor) -> Callable[[], object]:
    logits, prefix, _ = model.prefill(images, question)
    token = logits.argmax(-1).clamp(min=1)
    return lambda: model.step(token, prefix)


def _counted(model: LabModel, images: Tensor, question: Tensor) -> dict[str, float]:
    """Mean over layers of distinct experts T and of assignments n_a in that step; zeros for a dense model."""
    logits, prefix, _ = model.prefill(images, question)
    _, _, routings = model.step(logits.argmax(-1).clamp(min=1), prefix)
    n = max(1, len(routings))
    return {
        "distinct": sum(r.distinct_experts() for r in routings) / n,
        "assignments": sum(r.assignments() for r in routings) / n,
    }


def _plan(full: bool) -> Timed:
    return Timed(most_seconds=120) if full else Timed(blocks=2, most_blocks=2, block_seconds=0.02)
