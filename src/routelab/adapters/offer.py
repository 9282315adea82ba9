"""What a real model's router offers a strategy: its scores, and how it turns a choice of experts into weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from routelab._errors import BadShape
from routelab.routing import Routing


@dataclass(frozen=True)
class Offer:
    """One layer's router on one step's tokens.

    Attributes:
        tokens: float [N, d], what the router saw.
        logits: float32 [N, E].
        selection: float32 [N, E], what the stock router takes the k largest of; -inf where it forbids (groups).
        mass: float32 [N, E], what it makes weights of: softmax or sigmoid scores, without a selection bias.
        normalise: whether chosen masses are divided by their sum. scale: what weights are multiplied by at the end.
        index, weight: its own choice, int64 and float [N, k].
    """

    tokens: Tensor
    logits: Tensor
    selection: Tensor
    mass: Tensor
    normalise: bool
    scale: float
    index: Tensor
    weight: Tensor

    @property
    def k(self) -> int:
        return self.index.shape[1]

    @property
    def n_experts(self) -> int:
        return self.logits.shape[1]

    def best(self, n: int) -> Tensor:
        """The n experts of largest selection score, the best first; int64 [N, n]."""
        return self.selection.topk(n, dim=-1).indices

    def share(self, index: Tensor) -> Tensor:
        """Masses of these experts over the sum of the stock choice's; [N, n]."""
        return self.mass.gather(1, index) / self.mass.gather(1, self.index).sum(-1, keepdim=True).clamp(min=1e-20)

    def routing(self, index: Tensor, real: Tensor | None = None) -> Routing:
        """The routing of a choice, with the weights that the stock router would have given it.

        Args:
            index: int64 [N, n], no expert twice among real slots. real: bool [N, n]; all, if not given.
        """
        if real is None:
            real = torch.ones_like(index, dtype=torch.bool)
        weight = self.mass.gather(1, index) * real
        if self.normalise:
            weight = weight / weight.sum(-1, keepdim=True).clamp(min=1e-20)
        return Routing(index, weight * self.scale, real, self.n_experts, logits=self.logits)


def _groups(selection: Tensor, gate: Any, best_of: int) -> Tensor:
    """Selection with all but the best groups forbidden; a group's score is the sum of its `best_of` best experts."""
    groups, kept = int(gate.num_group or 1), int(gate.topk_group or 1)
    if groups == 1:
        return selection
    scores = selection.view(-1, groups, selection.shape[1] // groups).topk(best_of, dim=-1).values.sum(-1)
    allowed = torch.zeros_like(scores, dtype=torch.bool).scatter(1, scores.topk(kept, dim=-1).indices, True)
    return selection.masked_fill(~allowed.repeat_interleave(selection.shape[1] // groups, dim=1), float("-inf"))


#: Selection, mass, whether to normalise, and scale.
Scores = tuple[Tensor, Tensor, bool, float]


def _softmax(logits: Tensor, normalise: bool) -> Scores:
    p = torch.softmax(logits, -1)
    return p, p, normalise, 1.0


def _always(gate: Any, logits: Tensor) -> Scores:
    return _softmax(logits, True)


def _as_configured(gate: Any, logits: Tensor) -> Scores:
    return _softmax(logits, bool(gate.norm_topk_prob))


def _deepseek_v2(gate: Any, logits: Tensor) -> Scores:
    p = torch.softmax(logits, -1)
    selection = _groups(p, gate, 1) if gate.topk_method == "group_limited_greedy" else p
    return selection, p, False, float(gate.routed_scaling_factor)


def _deepseek_v3(gate: Any, logits: Tensor) -> Scores:
    s = torch.sigmoid(logits)
    selection = _groups(s + gate.e_score_correction_bias, gate, 2)
    return selection, s, bool(gate.norm_topk_prob), float(gate.routed_scaling_factor)


#: How each family scores, by the `model_type` of its (text) configuration.
FAMILIES: dict[str, Callable[[Any, Tensor], Scores]] = {
    "deepseek_v2": _deepseek_v2,
    "deepseek_v3": _deepseek_v3,
    "mixtral": _always,
    "olmoe": _as_configured,
    "qwen3_moe": _as_configured,
    "qwen3_vl_moe_text": _always,
}


def offer_of(family: str, gate: Any, tokens: Tensor, output: tuple[Tensor, Tensor, Tensor]) -> Offer:
    """The offer behind a stock router's output (logits, weights, indices) on tokens [.., d].

    Raises:
        BadShape: the family is not known.
    """
    if family not in FAMILIES:
        raise BadShape(f"a model of type {family!r}", f"the adapter knows: {', '.join(sorted(FAMILIES))}")
    raw, weight, index = output
    logits = raw.float()
    selection, mass, normalise, scale = FAMILIES[family](gate, logits)
    return Offer(tokens.reshape(logits.shape[0], -1), logits, selection, mass, normalise, scale, index, weight)
