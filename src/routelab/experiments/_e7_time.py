"""E7's timed units: the expert stage of a classifier head at one expert width and batch, all ways paired."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from routelab.bench import Plan, Run, measure, provenance, threads
from routelab.model.heads import RUNS, DenseHead, ExpertHeads
from routelab.routing import NoisyTopK

HIDDEN = (64, 256, 1024, 4096, 16384)
BATCHES = (1, 16, 64, 256, 1024, 4096)
#: A cell whose dense mixture takes more operations than this is not timed on a CPU: a block of all ways would take
#: half a minute and more.
MOST_FLOPS = 2.0e10


@dataclass(frozen=True)
class HeadShape:
    """E experts d -> hidden -> C with k of them chosen; the paper's trunk has d = 512."""

    d: int = 512
    classes: int = 10
    n_experts: int = 8
    k: int = 2

    def expert_flops(self, hidden: int, pairs: int) -> int:
        """Multiplications and additions of so many (row, expert) pairs."""
        return 2 * pairs * hidden * (self.d + self.classes)


def cells(smoke: bool) -> list[tuple[int, int]]:
    """(hidden, batch) of what is timed, small ones first."""
    if smoke:
        return [(16, 8), (64, 256)]
    shape = HeadShape()
    grid = [(h, b) for h in HIDDEN for b in BATCHES]
    fits = [(h, b) for h, b in grid if shape.expert_flops(h, b * shape.n_experts) <= MOST_FLOPS]
    return sorted(fits, key=lambda cell: (cell[0] * cell[1], cell))


def skipped() -> list[tuple[int, int]]:
    """Cells of the grid that are too large for a CPU."""
    timed = set(cells(smoke=False))
    return [(h, b) for h in HIDDEN for b in BATCHES if (h, b) not in timed]


def time_cell(hidden: int, batch: int, plan: Plan, shape: HeadShape | None = None, seed: int = 0) -> dict[str, Any]:
    """All ways to run the routed head, the dense mixture and the two dense heads: a JSON object.

    One iteration is one pass over the batch without gradients; routing is drawn before, so that the expert stage alone
    is timed. `dense_total` is a dense head as wide as all experts together, `dense_active` as wide as k.
    """
    shape = shape or HeadShape()
    torch.manual_seed(seed)
    heads = ExpertHeads(shape.n_experts, shape.d, hidden, shape.classes, dropout=0.0).eval()
    router = NoisyTopK(shape.d, shape.n_experts, shape.k).eval()
    dense = {
        "dense_total": DenseHead(shape.d, shape.classes, shape.n_experts * hidden).eval(),
        "dense_active": DenseHead(shape.d, shape.classes, shape.k * hidden).eval(),
    }
    x = torch.randn(batch, shape.d)
    with torch.inference_mode(), threads(1):
        routing = router(x)
        arms: dict[str, Run] = {}
        arms |= {way: functools.partial(heads.routed, x, routing, way) for way in RUNS}
        arms |= {name: functools.partial(module, x) for name, module in dense.items()}
        same = agreement([arms[way]() for way in RUNS])
        timing = measure(arms, plan)
    pairs = routing.assignments()
    return {
        "kind": "time",
        "hidden": hidden,
        "batch": batch,
        "shape": {"d": shape.d, "classes": shape.classes, "experts": shape.n_experts, "k": shape.k},
        "flops": {
            "routed": shape.expert_flops(hidden, pairs),
            "mixture": shape.expert_flops(hidden, batch * shape.n_experts),
        },
        "distinct": routing.distinct_experts(),
        "largest_disagreement": same,
        "seconds": {arm: times.tolist() for arm, times in timing.seconds.items()},
        "seconds_beside_load": {arm: times.tolist() for arm, times in timing.beside.items()},
        "p99": dict(timing.tail),
        "conditions": timing.conditions(),
        **provenance(seed=seed),
    }


def agreement(outputs: list[Any]) -> float:
    """Largest difference between any way's output and the first's, over the first's largest value."""
    first: Tensor = outputs[0]
    size = max(float(first.abs().max()), 1e-12)
    return max(float((other - first).abs().max()) for other in outputs) / size
