"""E2's units on a GPU: one MoE layer at the shapes of real models, bf16, each latency beside its bandwidth floor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from routelab.bench import Plan, Run, expert_bytes, flush, measure, provenance, read_bandwidth
from routelab.dispatch import DISPATCH, Backend, Experts
from routelab.dispatch import transformers_experts as peers
from routelab.dispatch import triton_decode as triton
from routelab.experiments._e2_cells import ZIPF, _counts, _numbers, _timed, count_cell
from routelab.experiments._e2_work import Draw, Shape, draw, first_again, routers, skewed
from routelab.routing import Routing


@dataclass(frozen=True)
class ModelShape(Shape):
    """Experts of a real model: gated (SwiGLU), random weights."""

    def experts(self, dtype: torch.dtype = torch.bfloat16) -> Experts:
        return Experts(self.n_experts, self.d, self.width, "swiglu").to(dtype)


#: From the models' configurations; K_max = 1.5 k.
MODEL_SHAPES = {
    shape.name: shape
    for shape in (
        ModelShape("128/8 qwen3-vl-30b", 128, 2048, 768, 8, 12),
        ModelShape("64/6 kimi-vl", 64, 2048, 1408, 6, 9),  # DeepSeek-VL2-Small's too
        ModelShape("64/6 deepseek-vl2-tiny", 64, 1280, 896, 6, 9),
        ModelShape("72/6 deepseek-vl2", 72, 2560, 1536, 6, 9),
        ModelShape("256/8 ling-mini", 256, 2048, 512, 8, 12),
        ModelShape("4/2 moe-llava-stablelm", 4, 2048, 5632, 2, 3),
    )
}
DECODE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
PREFILL = (196, 576, 1000, 2160, 4096, 16384)
#: Above this batch a kernel that copies weights per assignment, or waits per expert, is not timed.
SMALL = 64
SETS = 4


def measure_cell(shape: Shape, tokens: int, plan: Plan, device: str, seed: int = 0) -> dict[str, Any]:
    """All arms of one shape at one number of tokens, cold (the cache is flushed before each iteration); JSON."""
    drawn = draw(shape, routers(shape, seed), tokens, SETS, seed + 1)
    experts = _on(shape, device, seed)
    with torch.inference_mode():
        arms = _arms(shape, drawn, experts, tokens, device)
        timing = measure(arms, plan, before=flush(device))
    return {
        "kind": "cell",
        "shape": shape.name,
        "batch": tokens,
        "phase": "decode" if tokens in DECODE else "prefill",
        "counts": {arm: _counts(routed) for arm, routed in drawn.arms.items()},
        "floor_seconds": _floors(drawn, experts, device),
        **_timed(timing, 1),
        **provenance(seed=seed, precision="bf16", device=device),
    }


def measure_law(shape: Shape, tokens: int, plan: Plan, device: str, seed: int = 0) -> dict[str, Any]:
    """The grouped kernel over skews and numbers of experts per token; a JSON object."""
    experts = _on(shape, device, seed)
    generator = torch.Generator().manual_seed(seed)
    x = [torch.randn(tokens, shape.d, generator=generator).bfloat16().to(device) for _ in range(SETS)]
    arms, counts = {}, {}
    for zipf, k in itertools.product(ZIPF, _numbers(shape.k)):
        routed = skewed(shape, k, zipf, tokens, SETS, seed + 10 * k)
        name = f"zipf{zipf}/k{k}"
        counts[name] = _counts(routed)
        arms[name] = _pass(x, [_moved(routing, device) for routing in routed], experts, DISPATCH["grouped"])
    with torch.inference_mode():
        timing = measure(arms, plan, before=flush(device))
    return {
        "kind": "law",
        "shape": shape.name,
        "batch": tokens,
        "counts": counts,
        **_timed(timing, 1),
        **provenance(seed=seed, precision="bf16", device=device),
    }


def count(shape: Shape, tokens: int, plan: Plan, _device: str, seed: int = 0) -> dict[str, Any]:
    """Distinct experts, counted on the host."""
    return count_cell(shape, tokens, plan, seed)


def kernels(tokens: int, device: str) -> dict[str, Backend]:
    """Ragged kernels and peers by name, as far as they run here."""
    found: dict[str, Backend] = {name: DISPATCH[name] for name in ("sorted", "grouped", "grouped_fixed")}
    if tokens <= SMALL:
        found |= {"loop": DISPATCH["loop"], "gather": DISPATCH["gather"]}
        if triton.why_not(torch.device(device)) is None and device == "cuda":
            found["triton"] = triton.triton_decode
    if peers.why_not() is None:
        found["transformers_grouped"] = peers.transformers_experts("grouped_mm")
        if tokens <= SMALL:
            found["transformers_batched"] = peers.transformers_experts("batched_mm")
    return found


def _arms(shape: Shape, drawn: Draw, experts: Experts, tokens: int, device: str) -> dict[str, Run]:
    x = [one.bfloat16().to(device) for one in drawn.tokens]
    routed = {arm: [_moved(routing, device) for routing in of] for arm, of in drawn.arms.items()}
    found = kernels(tokens, device)
    arms: dict[str, Run] = {}
    for arm in ("fixed", "on_demand"):
        for kernel, run in found.items():
            arms[f"{arm}/{kernel}"] = _pass(x, routed[arm], experts, run)
        if device == "cuda":
            arms[f"{arm}/graph"] = _graph(x[0], routed[arm][0], experts)
    for kernel in ("sorted", "grouped"):
        arms[f"on_demand/padded_{kernel}"] = _pass(x, routed["on_demand"], experts, DISPATCH[f"padded_{kernel}"])
        arms[f"fractional/{kernel}"] = _pass(x, routed["fractional"], experts, DISPATCH[kernel])
    if tokens <= SMALL:
        arms["on_demand/padded_gather"] = _pass(x, routed["on_demand"], experts, DISPATCH["padded_gather"])
    cheap = [first_again(routing) for routing in routed["on_demand"]]
    arms["on_demand_first/padded_grouped"] = _pass(x, cheap, experts, DISPATCH["padded_grouped"])
    for arm in ("on_demand_cut", "fractional_cut"):
        arms[f"{arm}/grouped"] = _pass(x, routed[arm], experts, DISPATCH["grouped"])
    dense = Experts(1, shape.d, shape.k * shape.width, "swiglu").to(device, torch.bfloat16)
    turn = itertools.cycle(x)
    arms["dense_active"] = lambda: dense.one(0, next(turn))
    return arms


def _floors(drawn: Draw, experts: Experts, device: str) -> dict[str, float]:
    """Seconds that reading the weights of the distinct experts takes at the measured bandwidth, by arm."""
    per_expert = expert_bytes(experts) / read_bandwidth(device, 2**30 if device == "cuda" else 2**24)
    return {arm: per_expert * sum(drawn.distinct(arm)) / len(drawn.tokens) for arm in drawn.arms}


def _on(shape: Shape, device: str, seed: int) -> Experts:
    torch.manual_seed(seed)
    with torch.device(device):
        return shape.experts(torch.bfloat16)


def _moved(routing: Routing, device: str) -> Routing:
    return replace(
        routing,
        index=routing.index.to(device),
        weight=routing.weight.to(device),
        real=routing.real.to(device),
        bypass=None,
        inputs=None,
    )


def _pass(x: Sequence[Tensor], routed: Sequence[Routing], experts: Experts, run: Backend) -> Run:
    turn = itertools.cycle(list(zip(x, routed, strict=True)))

    def once() -> None:
        one, routing = next(turn)
        run(one, routing, experts)

    return once


def _graph(x: Tensor, routing: Routing, experts: Experts) -> Run:
    """One layer-step captured in a CUDA graph: `grouped_fixed`, whose shapes do not depend on the routing."""
    stream: Any = torch.cuda.Stream
    side = stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            DISPATCH["grouped_fixed"](x, routing, experts)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        DISPATCH["grouped_fixed"](x, routing, experts)
    return graph.replay
