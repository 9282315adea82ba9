"""E2's timed units: one layer shape at one batch size, all arms paired."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from routelab.bench import Plan, Run, Timing, expected_distinct, measure, provenance, threads
from routelab.dispatch import DISPATCH, Experts, MoELayer
from routelab.experiments._e2_work import (
    SHAPES,
    TINY,
    Draw,
    Routers,
    Shape,
    copies,
    dense_copies,
    draw,
    first_again,
    routers,
    skewed,
)
from routelab.routing import Router, Routing

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
ZIPF = (0.0, 0.5, 1.0, 1.5)
#: Up to so many assignments the gathering kernel is timed; beyond, it copies gigabytes of weights per layer-step.
GATHERED = 96
#: Up to this batch the dense layer of equal total width is timed.
DENSE_TOTAL = 8
COUNTED = 64


def shape_of(name: str) -> Shape:
    return TINY if name == TINY.name else SHAPES[name]


def sets_of(batch: int) -> int:
    """Token sets that an arm goes through in turn."""
    return 16 if batch <= 8 else 8


def steps_of(batch: int) -> int:
    """Layer-steps of one timed iteration, each on the next set; times are given per step."""
    return 4 if batch <= 4 else 2 if batch <= 16 else 1


def measure_cell(shape: Shape, batch: int, plan: Plan, seed: int = 0) -> dict[str, Any]:
    """All arms of one shape at one batch, timed and counted; a JSON object."""
    sets = sets_of(batch)
    routed_by = routers(shape, seed)
    drawn = draw(shape, routed_by, batch, sets, seed + 1)
    with torch.inference_mode(), threads(1):
        timing = measure(_arms(shape, routed_by, drawn, batch, seed + 2), plan)
        where = provenance(seed=seed)
    return {
        "kind": "cell",
        "shape": shape.name,
        "batch": batch,
        "counts": {arm: _counts(routed) for arm, routed in drawn.arms.items()},
        "knob": {arm: list(knob) for arm, knob in drawn.delta.items()},
        **_timed(timing, steps_of(batch)),
        **where,
    }


def count_cell(shape: Shape, batch: int, _plan: Plan, seed: int = 0) -> dict[str, Any]:
    """Distinct experts of each arm over many draws of tokens: no clock, so no load can spoil it; a JSON object."""
    drawn = draw(shape, routers(shape, seed), batch, COUNTED, seed + 3)
    fixed, cut, e = drawn.mean_real("fixed"), drawn.mean_real("fractional_cut"), shape.n_experts
    return {
        "kind": "count",
        "shape": shape.name,
        "batch": batch,
        "counts": {arm: _counts(routed) for arm, routed in drawn.arms.items()},
        "distinct": {arm: drawn.distinct(arm) for arm in drawn.arms},
        "knob": {arm: list(knob) for arm, knob in drawn.delta.items()},
        "expected_saving": 1 - expected_distinct(e, [cut] * batch) / expected_distinct(e, [fixed] * batch),
        **provenance(seed=seed),
    }


def measure_law(shape: Shape, batch: int, plan: Plan, seed: int = 0) -> dict[str, Any]:
    """The grouped kernel over skews and numbers of experts per token, so that T and n_a vary apart; a JSON object."""
    sets, steps = sets_of(batch), steps_of(batch)
    experts = copies(shape, seed)
    tokens = [torch.randn(batch, shape.d, generator=torch.Generator().manual_seed(seed + i)) for i in range(sets)]
    arms, counts = {}, {}
    for zipf, k in itertools.product(ZIPF, _numbers(shape.k)):
        routed = skewed(shape, k, zipf, batch, sets, seed + 10 * k)
        name = f"zipf{zipf}/k{k}"
        arms[name], counts[name] = _stage(tokens, routed, experts, "grouped", steps), _counts(routed)
    with torch.inference_mode(), threads(1):
        timing = measure(arms, plan)
        where = provenance(seed=seed)
    return {
        "kind": "law",
        "shape": shape.name,
        "batch": batch,
        "counts": counts,
        **_timed(timing, steps),
        **where,
    }


def _arms(shape: Shape, routed_by: Routers, drawn: Draw, batch: int, seed: int) -> Mapping[str, Run]:
    experts, steps = copies(shape, seed), steps_of(batch)
    arms: dict[str, Run] = {}

    def add(arm: str, routed: Sequence[Routing], kernels: Sequence[str]) -> None:
        for kernel in kernels:
            arms[f"{arm}/{kernel}"] = _stage(drawn.tokens, routed, experts, kernel, steps)

    gathered = ["gather"] if batch * shape.k_max <= GATHERED else []
    on_demand = drawn.arms["on_demand"]
    add("on_demand", on_demand, ["loop", "sorted", "grouped", *gathered])
    add("on_demand", on_demand, ["padded_sorted", "padded_grouped", *(f"padded_{kernel}" for kernel in gathered)])
    add("on_demand_first", [first_again(routing) for routing in on_demand], ["padded_grouped"])
    add("fractional", drawn.arms["fractional"], ["sorted", "grouped"])
    add("fixed", drawn.arms["fixed"], ["grouped"])
    add("on_demand_cut", drawn.arms["on_demand_cut"], ["grouped"])
    add("fractional_cut", drawn.arms["fractional_cut"], ["grouped"])
    arms["dense_active"] = _through(drawn.tokens, dense_copies(shape, shape.k * shape.width, seed), steps)
    if batch <= DENSE_TOTAL:
        arms["dense_total"] = _through(drawn.tokens, dense_copies(shape, shape.n_experts * shape.width, seed), steps)
    layers: dict[str, Router] = {
        "fixed": routed_by.topk,
        "fractional": routed_by.fractional,
        "on_demand": routed_by.on_demand,
    }
    for name, router in layers.items():
        stack = [MoELayer(router, one, "grouped") for one in experts]
        arms[f"layer_{name}/grouped"] = _through(drawn.tokens, stack, steps)
    return arms


def _stage(
    tokens: Sequence[Tensor], routed: Sequence[Routing], experts: Sequence[Experts], kernel: str, steps: int
) -> Run:
    """So many layer-steps of the expert stage alone; sets and expert copies in turn."""
    run, turn = DISPATCH[kernel], itertools.cycle(experts)
    inputs = [x if r.inputs is None else r.inputs for x, r in zip(tokens, routed, strict=True)]
    sets = itertools.cycle(list(zip(inputs, routed, strict=True)))

    def once() -> None:
        for _ in range(steps):
            x, routing = next(sets)
            run(x, routing, next(turn))

    return once


def _through(tokens: Sequence[Tensor], modules: Sequence[nn.Module], steps: int) -> Run:
    turn, sets = itertools.cycle(modules), itertools.cycle(tokens)

    def once() -> None:
        for _ in range(steps):
            next(turn)(next(sets))

    return once


def _timed(timing: Timing, steps: int) -> dict[str, Any]:
    def numbers(values: Any) -> list[float]:
        return [float(f"{value / steps:.5g}") for value in values]

    return {
        "seconds": {arm: numbers(values) for arm, values in timing.seconds.items()},
        "seconds_beside_load": {arm: numbers(values) for arm, values in timing.beside.items()},
        "p99": {arm: value / steps for arm, value in timing.tail.items()},
        "inner": dict(timing.inner),
        "conditions": timing.conditions(),
    }


def _counts(routed: Sequence[Routing]) -> dict[str, float]:
    tokens = sum(routing.index.shape[0] for routing in routed)
    return {
        "mean_real": sum(routing.assignments() for routing in routed) / tokens,
        "assignments": sum(routing.assignments() for routing in routed) / len(routed),
        "distinct": sum(routing.distinct_experts() for routing in routed) / len(routed),
        "slots": sum(routing.index.numel() for routing in routed) / len(routed),
        "tokens": tokens / len(routed),
    }


def _numbers(k: int) -> list[int]:
    """Numbers of experts per token of the law's sweep: about a quarter, a half and all of k."""
    return sorted({max(1, k // 4), max(1, k // 2), k})


#: What a unit's name stands for.
MEASURES: dict[str, Callable[[Shape, int, Plan, int], dict[str, Any]]] = {
    "count": count_cell,
    "law": measure_law,
    "cell": measure_cell,
}
