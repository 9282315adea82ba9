"""What one more expert would have been worth: whether AnyExperts' importance knows which tokens need more."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.dispatch import MoELayer
from routelab.experiments._pool import pool
from routelab.experiments.evaluate import BATCH, SEED
from routelab.experiments.plan import Plan
from routelab.experiments.result import read_json, write_json
from routelab.experiments.unit import load_weights, weights_file
from routelab.model import LabModel, Questions
from routelab.routing import VISION, AnyExperts, Context, Routing

QUESTIONS = 2_000


@dataclass(frozen=True)
class OneMore:
    """One entry per (question, layer): a token of the question that got one real expert more than it was given.

    Attributes:
        importance: w of that token in that layer. gain: by how much the loss of the answer fell, in nats.
        layer: int. vision: whether it is a visual token.
    """

    importance: NDArray[np.float64]
    gain: NDArray[np.float64]
    layer: NDArray[np.int64]
    vision: NDArray[np.bool_]

    def summary(self) -> dict[str, Any]:
        """Spearman's rank correlation of importance and gain with a 95 % interval by Fisher's z, overall, by modality
        and by layer; mean gain in thirds of importance, in millinats."""
        every = np.ones(len(self.gain), bool)
        parts = {"all": every, "text": ~self.vision, "vision": self.vision}
        parts |= {f"layer {number}": self.layer == number for number in np.unique(self.layer)}
        order = np.argsort(self.importance, kind="stable")
        thirds = [float(self.gain[part].mean() * 1e3) for part in np.array_split(order, 3)]
        return {
            "n": len(self.gain),
            "spearman": {name: _rank_correlation(self.importance[p], self.gain[p]) for name, p in parts.items()},
            "gain_in_thirds_of_importance_millinats": thirds,
            "mean_gain_millinats": float(self.gain.mean() * 1e3),
        }


@torch.no_grad()
def one_more(model: LabModel, questions: Questions) -> OneMore:
    """Force K + 1 on one random token of each question, one layer at a time: what does that do to the answer's loss?

    The extra expert is the best real one that was not taken; weights are renormalised as AnyExperts does. What the
    router draws is the same with and without it. A token that has K_max real experts already gets none and is left out.

    Raises:
        BadShape: the model's routers are not AnyExperts with a softmax gate.
    """
    layers = [m for m in model.modules() if isinstance(m, MoELayer)]
    if not layers or not all(isinstance(m.router, AnyExperts) and m.router.gate_kind == "softmax" for m in layers):
        raise BadShape("one more expert for a model without AnyExperts", "give one of AnyExperts with a softmax gate")
    watched = [_Watched(cast(AnyExperts, layer.router)) for layer in layers]
    for layer, watch in zip(layers, watched, strict=True):
        layer.router = cast(Any, watch)
    model.eval()
    found: dict[str, list[Tensor]] = {"importance": [], "gain": [], "layer": [], "vision": []}
    try:
        for number, first in enumerate(range(0, len(questions), BATCH)):
            part = questions.rows(slice(first, first + BATCH))

            def losses(part: Questions = part, number: int = number) -> tuple[Tensor, Any]:
                draws = torch.Generator().manual_seed(SEED * 100_003 + number)
                output = model(part.images, part.question, part.answer, has_image=part.has_image, generator=draws)
                each = functional.cross_entropy(
                    output.logits.transpose(1, 2), part.answer, ignore_index=0, reduction="none"
                )
                return each.sum(1), output.layout

            before, layout = losses()
            key = torch.rand(layout.sample.shape[0], generator=torch.Generator().manual_seed(number))
            chosen = (layout.sample + key).argsort()  # tokens sample by sample, each in a random order
            rows = chosen[torch.searchsorted(layout.sample[chosen].contiguous(), torch.arange(len(part)))]
            for at, watch in enumerate(watched):
                watch.rows = rows
                after, _ = losses()
                watch.rows = None
                for name, values in (
                    ("importance", watch.importance), ("gain", before - after),
                    ("layer", torch.full_like(rows, at)), ("vision", layout.modality[rows] == VISION),
                ):  # fmt: skip
                    found[name].append(values[watch.given])
    finally:
        for layer, watch in zip(layers, watched, strict=True):
            layer.router = watch.router
    joined = {name: torch.cat(parts).numpy() for name, parts in found.items()}
    return OneMore(joined["importance"].astype(float), joined["gain"].astype(float), joined["layer"], joined["vision"])


def measured(plan: Plan, out: Path, progress: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """The summary for every seed of the arm `anyexperts` whose weights are there; kept in a file, by their digest."""
    path = out / plan.experiment / plan.size / "one-more-expert.json"
    known: dict[str, Any] = read_json(path) if path.exists() else {}
    summaries: dict[str, Any] = {}
    for seed in plan.seeds:
        weights = weights_file(out, plan.unit("anyexperts", seed))
        if not weights.exists():
            continue
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        if digest not in known:
            progress(f"anyexperts-{seed}: one more expert")
            test = pool(plan.data, out / "data").test
            known[digest] = one_more(load_weights(weights), test.rows(slice(0, QUESTIONS))).summary()
        summaries[str(seed)] = known[digest]
    if summaries:
        write_json(path, known)
    return summaries


def _rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, float | None]:
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"estimate": None, "low": None, "high": None}
    r = float(stats.spearmanr(x, y).statistic)
    half = 1.96 / np.sqrt(len(x) - 3)
    z = np.arctanh(np.clip(r, -0.999999, 0.999999))
    return {"estimate": r, "low": float(np.tanh(z - half)), "high": float(np.tanh(z + half))}


class _Watched(nn.Module):
    """A router that gives some rows one real expert more, and keeps their importance.

    Attributes:
        rows: int64 [m] or None. importance: float [m]. given: bool [m], which rows had room for one more.
    """

    importance: Tensor
    given: Tensor

    def __init__(self, router: AnyExperts) -> None:
        super().__init__()
        self.router = router
        self.rows: Tensor | None = None

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        routing: Routing = self.router(x, context)
        if self.rows is None:
            return routing
        u = self.router.mlp(self.router.norm(x[self.rows])).squeeze(-1)
        self.importance = torch.sigmoid(u + self.router.delta)
        number = routing.real[self.rows].sum(1)
        self.given = (number < routing.k_max) & (number > 0)
        return with_one_more(routing, self.rows[self.given])


def with_one_more(routing: Routing, rows: Tensor) -> Routing:
    """The routing in which each of these rows runs its next best real expert too, with softmax weights over all.

    With e the new entry's exp(logit) and S the sum of the old ones', every old weight (and the bypass) is multiplied by
    S / (S + e), and the new one is e / (S + e). Slots stand in the order of their logits, the first is real.
    """
    assert routing.logits is not None
    number = routing.real[rows].sum(1)
    z = routing.logits[rows].gather(1, routing.index[rows])
    more = z.gather(1, number[:, None])[:, 0]
    quotient = torch.exp(more - z[:, 0]) * routing.weight[rows, 0]  # e / S
    keep = 1 / (1 + quotient)
    weight, real = routing.weight.clone(), routing.real.clone()
    weight[rows] *= keep[:, None]
    weight[rows, number] = quotient * keep
    real[rows, number] = True
    bypass = routing.bypass
    if bypass is not None:
        bypass = bypass.clone()
        bypass[rows] *= keep[:, None].to(bypass.dtype)
    return replace(routing, weight=weight, real=real, bypass=bypass)
