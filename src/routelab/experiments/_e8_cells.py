"""E8's units: one shape, one batch, one number of threads, all precisions paired; and the numeric errors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from routelab.bench import Plan, Run, expert_bytes, measure, provenance, threads
from routelab.dispatch import DISPATCH, Experts
from routelab.dispatch.quantised import Int8Experts, int8_product
from routelab.experiments._e2_cells import _counts, _timed, sets_of, steps_of
from routelab.experiments._e2_work import Dense, Shape, copies, dense_copies
from routelab.routing import Routing, TopK

#: Inner width of the experts whose step is all overhead: same routing, same number of calls, next to no weights.
SLIGHT = 8
#: Up to this batch the dense layer of equal total width is timed.
DENSE_TOTAL = 16


def precisions() -> tuple[str, ...]:
    """Those that this build of torch has on a CPU; fp8 has no CPU product."""
    return ("fp32", "bf16", "int8") if int8_product() else ("fp32", "bf16")


def measure_cell(shape: Shape, batch: int, n_threads: int, plan: Plan, seed: int = 0) -> dict[str, Any]:
    """MoE and dense layers in each precision, one kernel for all; a JSON object."""
    tokens, routed = route(shape, batch, sets_of(batch), seed)
    steps = steps_of(batch)
    with torch.inference_mode(), threads(n_threads):
        # Every set once in the warm-up: the library behind bf16 compiles a kernel for each new number of rows.
        rounds = -(-len(tokens) // steps)
        warm = Plan(plan.blocks, max(plan.warmup, rounds), plan.block_seconds, plan.others_limit, plan.most_blocks)
        timing = measure(_arms(shape, tokens, routed, steps, batch, seed), warm)
        where = provenance(seed=seed)
    single = shape.experts()
    return {
        "kind": "time",
        "shape": shape.name,
        "batch": batch,
        "sparsity": shape.n_experts / shape.k,
        "counts": {"fixed": _counts(routed)},
        "expert_bytes": _bytes(single),
        **_timed(timing, steps),
        **where,
    }


def numeric(shape: Shape, seed: int = 0, n_tokens: int = 2048) -> dict[str, Any]:
    """Relative error of the layer's output by precision, with fp32 routing; and how many tokens choose otherwise if
    the router itself runs in bf16. No clock; a JSON object."""
    torch.manual_seed(seed)
    x = torch.randn(n_tokens, shape.d)
    router, experts = TopK(shape.d, shape.n_experts, shape.k).eval(), shape.experts()
    found: dict[str, Any] = {}
    with torch.inference_mode(), threads(1):
        routing = router(x)
        exact = DISPATCH["sorted"](x.double(), routing, experts.double())
        experts.float()
        outputs: dict[str, Tensor] = {"fp32": DISPATCH["sorted"](x, routing, experts)}
        if int8_product():
            outputs["int8"] = Int8Experts(experts)(x.bfloat16(), routing)
        outputs["bf16"] = DISPATCH["sorted"](x.bfloat16(), routing, experts.bfloat16())
        for name, y in outputs.items():
            found[name] = {"relative_rms": float((y.double() - exact).norm() / exact.norm())}
        low = (x.bfloat16() @ router.gate.weight.bfloat16().t()).float().topk(shape.k, -1).indices
    chosen = routing.index.sort(-1).values
    differs = chosen != low.sort(-1).values
    kept = torch.tensor([len(set(a) & set(b)) for a, b in zip(chosen.tolist(), low.tolist(), strict=True)])
    return {
        "kind": "numeric",
        "shape": shape.name,
        "tokens": n_tokens,
        "error": found,
        "routing_bf16": {
            "tokens_that_choose_otherwise": float(differs.any(-1).float().mean()),
            "experts_that_change": 1 - float(kept.float().mean()) / shape.k,
        },
        **provenance(seed=seed),
    }


def route(shape: Shape, batch: int, sets: int, seed: int) -> tuple[list[Tensor], list[Routing]]:
    """Token sets and their fp32 top-k routing, which all precisions share."""
    torch.manual_seed(seed)
    router = TopK(shape.d, shape.n_experts, shape.k).eval()
    tokens = [torch.randn(batch, shape.d) for _ in range(sets)]
    with torch.inference_mode():
        return tokens, [router(x) for x in tokens]


def _arms(
    shape: Shape, tokens: Sequence[Tensor], routed: Sequence[Routing], steps: int, batch: int, seed: int
) -> dict[str, Run]:
    arms: dict[str, Run] = {}
    low = [x.bfloat16() for x in tokens]
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        inputs = low if dtype == torch.bfloat16 else tokens
        experts = copies(shape, seed, dtype)
        slight = Experts(shape.n_experts, shape.d, SLIGHT).to(dtype)
        arms[f"moe/{name}"] = _pass(inputs, routed, experts, steps)
        arms[f"overhead/{name}"] = _pass(inputs, routed, [slight], steps)
        arms[f"dense_active/{name}"] = _dense(inputs, dense_copies(shape, shape.k * shape.width, seed, dtype), steps)
        if batch <= DENSE_TOTAL:
            whole = dense_copies(shape, shape.n_experts * shape.width, seed, dtype)
            arms[f"dense_total/{name}"] = _dense(inputs, whole, steps)
    if int8_product():
        # As many copies as in fp32: a quarter of its bytes would else come from cache.
        many = [Int8Experts(one) for one in copies(shape, seed) for _ in range(4)]
        turn, sets = itertools.cycle(many), itertools.cycle(list(zip(low, routed, strict=True)))

        def int8() -> None:
            for _ in range(steps):
                x, routing = next(sets)
                next(turn)(x, routing)

        arms["moe/int8"] = int8
    return arms


def _pass(tokens: Sequence[Tensor], routed: Sequence[Routing], experts: Sequence[Experts], steps: int) -> Run:
    run, turn = DISPATCH["sorted"], itertools.cycle(experts)
    sets = itertools.cycle(list(zip(tokens, routed, strict=True)))

    def once() -> None:
        for _ in range(steps):
            x, routing = next(sets)
            run(x, routing, next(turn))

    return once


def _dense(tokens: Sequence[Tensor], modules: Sequence[Dense], steps: int) -> Run:
    turn, sets = itertools.cycle(modules), itertools.cycle(tokens)

    def once() -> None:
        for _ in range(steps):
            next(turn)(next(sets))

    return once


def _bytes(experts: Experts) -> dict[str, int]:
    of = {"fp32": expert_bytes(experts)}
    if int8_product():
        of["int8"] = Int8Experts(experts).weight_bytes()
    of["bf16"] = expert_bytes(experts.bfloat16())
    return of
