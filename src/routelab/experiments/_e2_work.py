"""What E2 runs: layer shapes, routers with one set of weights, token draws, and the routings that they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from routelab.bench import expert_bytes, last_level_cache
from routelab.dispatch import Experts
from routelab.routing import AnyExperts, Context, FractionalK, Router, Routing, TopK, calibrate, set_budget

#: Standard deviation that the importance logit gets: w then spreads over most of (0, 1), the case in which on-demand
#: slots differ most from fixed ones. (A trained model may well spread less: E1 says how much.)
SPREAD = 2.0
CUT = 0.10


@dataclass(frozen=True)
class Shape:
    """E experts of inner width F for hidden size d, fixed k, and on-demand slots in k .. 1.5 k."""

    name: str
    n_experts: int
    d: int
    width: int
    k: int
    k_max: int

    def experts(self, dtype: torch.dtype = torch.float32) -> Experts:
        return Experts(self.n_experts, self.d, self.width).to(dtype)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("8/2", 8, 256, 512, 2, 3),
        Shape("32/6", 32, 256, 256, 6, 9),
        Shape("64/6", 64, 512, 256, 6, 9),
        Shape("128/8", 128, 512, 256, 8, 12),
    )
}
#: For smoke runs and tests.
TINY = Shape("tiny", 8, 16, 16, 2, 3)


@dataclass(frozen=True)
class Routers:
    """Routers that share one gate, so that they rank a token's experts alike."""

    topk: TopK
    fractional: FractionalK
    on_demand: AnyExperts


def routers(shape: Shape, seed: int) -> Routers:
    """Random weights; the importance of AnyExperts gets the spread above."""
    torch.manual_seed(seed)
    d, e = shape.d, shape.n_experts
    on_demand = AnyExperts(d, e, shape.k, shape.k_max, cap_rounding="stochastic").eval()
    topk = TopK(d, e, shape.k).eval()
    fractional = FractionalK(d, e, float(shape.k), most=shape.k_max).eval()
    with torch.no_grad():
        last = on_demand.mlp[2]
        assert isinstance(last, nn.Linear)
        last.weight.normal_()
        u = on_demand.mlp(on_demand.norm(torch.randn(4096, d)))
        last.weight.mul_(SPREAD / u.std())
        last.bias.sub_(u.mean() * SPREAD / u.std())
        for router in (topk, fractional):
            router.gate.weight.copy_(on_demand.gate.weight[:e])
    return Routers(topk, fractional, on_demand)


@dataclass(frozen=True)
class Draw:
    """Token sets and what each arm routes them to, set by set.

    `fixed`: top-k; `on_demand`: AnyExperts at mean k; `fractional`: with on_demand's assignments in each set;
    `..._cut`: the same two at 0.9 k.
    """

    tokens: list[Tensor]
    arms: dict[str, list[Routing]]
    delta: dict[str, tuple[float, int]]

    def mean_real(self, arm: str) -> float:
        """Real experts per token over all sets."""
        routed = self.arms[arm]
        return sum(r.assignments() for r in routed) / sum(r.index.shape[0] for r in routed)

    def distinct(self, arm: str) -> list[int]:
        """T of each set."""
        return [r.distinct_experts() for r in self.arms[arm]]


def draw(shape: Shape, routed_by: Routers, batch: int, sets: int, seed: int) -> Draw:
    """`sets` batches of random tokens, routed by each arm; budgets are calibrated on these very tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens = [torch.randn(batch, shape.d, generator=generator) for _ in range(sets)]
    together = torch.cat(tokens)
    on_demand = routed_by.on_demand

    def route(router: Router, x: Tensor, salt: int = 0) -> Routing:
        with torch.no_grad():
            return _plain(router(x, Context(generator=torch.Generator().manual_seed(seed + salt))))

    arms: dict[str, list[Routing]] = {"fixed": [route(routed_by.topk, x) for x in tokens]}
    delta = {}
    for name, budget in (("", 1.0), ("_cut", 1 - CUT)):
        found = calibrate([on_demand], lambda: route(on_demand, together).mean_real_experts(), budget * shape.k)
        delta[f"on_demand{name}"] = (found.delta, found.lowered)
        # Routed together and then split: the draws of the cap are then those that the calibration saw.
        whole = route(on_demand, together)
        arms[f"on_demand{name}"] = [_rows(whole, i * batch, (i + 1) * batch) for i in range(sets)]
        arms[f"fractional{name}"] = []
        for i, (x, like) in enumerate(zip(tokens, arms[f"on_demand{name}"], strict=True)):
            routed_by.fractional.set_mean(max(1.0, like.mean_real_experts()))
            arms[f"fractional{name}"].append(route(routed_by.fractional, x, salt=1 + i))
    set_budget([on_demand], *delta["on_demand"])
    routed_by.fractional.set_mean(float(shape.k))
    return Draw(tokens, arms, delta)


def first_again(routing: Routing) -> Routing:
    """Masked slots name the expert of the token's first slot: padding that touches no further expert."""
    return replace(routing, index=torch.where(routing.real, routing.index, routing.index[:, :1]))


def skewed(shape: Shape, k: int, zipf: float, batch: int, sets: int, seed: int) -> list[Routing]:
    """Routings of `batch` tokens with k experts each, drawn without replacement in proportion to rank^-zipf (Gumbel
    top-k); equal weights. zipf = 0 is uniform."""
    generator = torch.Generator().manual_seed(seed)
    popularity = -zipf * torch.arange(1, shape.n_experts + 1).double().log()
    routed = []
    for _ in range(sets):
        uniform = torch.rand(batch, shape.n_experts, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
        index = (popularity - (-uniform.log()).log()).topk(k, -1).indices
        weight, real = torch.full((batch, k), 1 / k), torch.ones(batch, k, dtype=torch.bool)
        routed.append(Routing(index, weight, real, shape.n_experts))
    return routed


def copies(shape: Shape, seed: int, dtype: torch.dtype = torch.float32, most: int = 16) -> list[Experts]:
    """Expert sets to go through in turn, three times the last-level cache together: each layer-step then reads its
    weights from memory, as a layer of a deep model does."""
    torch.manual_seed(seed)
    first = shape.experts(dtype)
    wanted = 3 * (last_level_cache() or 2**25)
    number = min(most, max(1, math.ceil(wanted / (shape.n_experts * expert_bytes(first)))))
    return [first, *(shape.experts(dtype) for _ in range(number - 1))]


class Dense(nn.Module):
    """A feed-forward layer of some width, for the dense lines: W2 gelu(W1 x)."""

    def __init__(self, d: int, width: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.one = Experts(1, d, width).to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.one.one(0, x)


def dense_copies(
    shape: Shape, width: int, seed: int, dtype: torch.dtype = torch.float32, most: int = 16
) -> Sequence[Dense]:
    """As `copies`, for a dense layer of this inner width."""
    torch.manual_seed(seed)
    first = Dense(shape.d, width, dtype)
    wanted = 3 * (last_level_cache() or 2**25)
    number = min(most, max(1, math.ceil(wanted / expert_bytes(first.one))))
    return [first, *(Dense(shape.d, width, dtype) for _ in range(number - 1))]


def _plain(routing: Routing) -> Routing:
    return replace(routing, aux={}, logits=None, statistics={})


def _rows(routing: Routing, start: int, end: int) -> Routing:
    return replace(
        routing,
        index=routing.index[start:end],
        weight=routing.weight[start:end],
        real=routing.real[start:end],
        bypass=None if routing.bypass is None else routing.bypass[start:end],
        inputs=None if routing.inputs is None else routing.inputs[start:end],
    )
