"""Training-free routing of visual tokens with fewer experts: skipping by a threshold, or another k."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import (
    TEXT,
    VISION,
    Context,
    Router,
    Routing,
    balance_loss,
    check_logits,
    load_fraction,
    with_statistics,
)


class PostHocSkip(Router):
    """Top-k whose unimportant slots are skipped, after MoDES (arXiv 2511.15690; from notes, its code was not read).

    p = softmax(W_r x); S = the k largest; g = p_S / sum p_S; a slot's score is alpha g, alpha the layer's sensitivity
    (`layer_sensitivity`); it is skipped where the score is below the threshold of the token's modality. Its state is
    `gate.weight`, as in `TopK`: the weights of a trained top-k model are run with it.

    Reconstruction: the weights of the slots that are left stay as they were (`renormalise` makes them sum to 1 again);
    a token may lose all of its slots (`keep_first` leaves it the best one).

    Args:
        alpha: sensitivity of this layer. tau_text, tau_vision: thresholds; 0 skips nothing.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int,
        *,
        alpha: float = 1.0,
        tau_text: float = 0.0,
        tau_vision: float = 0.0,
        renormalise: bool = False,
        keep_first: bool = False,
        normalise: bool = True,
        balance: float = 0.0,
    ) -> None:
        super().__init__(d, n_experts, k)
        if alpha < 0 or tau_text < 0 or tau_vision < 0:
            raise BadShape(f"alpha {alpha} with thresholds {tau_text} and {tau_vision}", "give none below 0")
        self.k, self.alpha, self.tau_text, self.tau_vision = k, alpha, tau_text, tau_vision
        self.renormalise, self.keep_first, self.normalise, self.balance = renormalise, keep_first, normalise, balance
        self.gate = nn.Linear(d, n_experts, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        return self.route(check_logits(self.gate(self.check_tokens(x)).float()), context)

    def route(self, z: Tensor, context: Context | None = None) -> Routing:
        """The routing that logits z [N, E] give.

        Raises:
            BadShape: the thresholds differ and the context does not tell the tokens' modality.
        """
        p = torch.softmax(z, -1)
        weight, index = p.topk(self.k, dim=-1)
        share = weight / weight.sum(-1, keepdim=True)
        if self.normalise:
            weight = share
        real = self.alpha * share >= self.threshold(z, context)
        if self.keep_first:
            real[:, 0] = True
        weight = torch.where(real, weight, 0.0)
        if self.renormalise:
            total = weight.sum(-1, keepdim=True)
            weight = weight / torch.where(total > 0, total, 1.0)
        aux = {}
        if self.balance:
            aux["balance"] = self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)
        routing = Routing(index, weight, real, self.n_experts, aux=aux, logits=z)
        return with_statistics(routing, skipped=(~real).sum() / max(real.numel(), 1))

    def threshold(self, z: Tensor, context: Context | None) -> Tensor:
        """Of each token: [N, 1]."""
        if self.tau_text == self.tau_vision:
            return z.new_full((z.shape[0], 1), self.tau_text)
        return of_modality(z, context, self.tau_text, self.tau_vision)


class ModalityK(Router):
    """Top-k with a k for text and one for visual tokens: training-free, FastMMoE (arXiv 2511.17885) without pruning.

    p = softmax(W_r x); S = the k largest, k of the token's modality; weight = p_S / sum p_S. State as in `TopK`.
    """

    def __init__(self, d: int, n_experts: int, k_text: int, k_vision: int, *, balance: float = 0.0) -> None:
        super().__init__(d, n_experts, max(k_text, k_vision))
        if min(k_text, k_vision) < 0:
            raise BadShape(f"k {k_text} for text and {k_vision} for images", "give none below 0")
        self.k_text, self.k_vision, self.balance = k_text, k_vision, balance
        self.gate = nn.Linear(d, n_experts, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        return self.route(check_logits(self.gate(self.check_tokens(x)).float()), context)

    def route(self, z: Tensor, context: Context | None = None) -> Routing:
        """The routing that logits z [N, E] give."""
        p = torch.softmax(z, -1)
        weight, index = p.topk(self.k_max, dim=-1)
        real = torch.arange(self.k_max, device=z.device) < of_modality(z, context, self.k_text, self.k_vision)
        weight = torch.where(real, weight, 0.0)
        total = weight.sum(-1, keepdim=True)
        weight = weight / torch.where(total > 0, total, 1.0)
        aux = {}
        if self.balance:
            aux["balance"] = self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)
        return Routing(index, weight, real, self.n_experts, aux=aux, logits=z)


def of_modality(z: Tensor, context: Context | None, text: float, vision: float) -> Tensor:
    """A number of each token by its modality: [N, 1].

    Raises:
        BadShape: the context does not tell it.
    """
    modality = context.modality if context else None
    if modality is None or tuple(modality.shape) != (z.shape[0],):
        raise BadShape(
            f"routing of {z.shape[0]} tokens by modality without theirs", "give context.modality, int64 [N]"
        )
    return torch.where(modality == VISION, vision, text).unsqueeze(1).to(z.dtype)


def layer_sensitivity(stock: Tensor, skipped: Tensor) -> float:
    """alpha of a layer: mean KL(stock || skipped) of the model's outputs, in nats (MoDES).

    Args:
        stock: output logits of the model as it is, [M, vocabulary].
        skipped: the same with that layer's experts skipped.
    """
    if stock.shape != skipped.shape or stock.dim() != 2 or not len(stock):
        raise BadShape(f"outputs {tuple(stock.shape)} and {tuple(skipped.shape)}", "give two of [M, vocabulary]")
    p, q = torch.log_softmax(stock.double(), -1), torch.log_softmax(skipped.double(), -1)
    return float((p.exp() * (p - q)).sum(-1).mean())


@dataclass(frozen=True)
class Thresholds:
    """A point of the frontier: thresholds, the share of slots that they skip, and the loss that they were given."""

    tau_text: float
    tau_vision: float
    skipped: float
    loss: float


def threshold_frontier(
    scores: Sequence[Tensor], modality: Tensor, target: float, steps: int = 100
) -> list[tuple[float, float]]:
    """Pairs (tau_text, tau_vision) that skip at least `target` of the slots, each with the least tau_vision that does.

    The share skipped grows with either threshold, so one walk along the frontier finds all of them: D + D looks at the
    scores for D steps, not D squared (MoDES, frontier search, D = 100).

    Args:
        scores: alpha g of each layer, [N, k], from a run without skipping. That skipping in one layer does not change
            the scores of the next is reconstruction. modality: int64 [N].
        target: share of all slots, in [0, 1]. steps: D; the grid has D + 1 quantiles of each modality's scores.
    """
    if not 0 <= target <= 1 or steps < 1 or not scores:
        raise BadShape(f"a frontier of {len(scores)} layers at {target} with {steps} steps", "give a share in [0, 1]")
    of_text = torch.cat([s[modality == TEXT].flatten() for s in scores]).float().sort().values
    of_vision = torch.cat([s[modality == VISION].flatten() for s in scores]).float().sort().values
    total = max(of_text.numel() + of_vision.numel(), 1)

    def grid(values: Tensor) -> list[float]:
        if not values.numel():
            return [0.0]
        at = (torch.linspace(0, 1, steps + 1, dtype=torch.float64) * (values.numel() - 1)).round().long()
        beyond = float(torch.nextafter(values[-1], values.new_tensor(float("inf"))))  # skips the last one too
        return sorted({0.0, *values[at].tolist(), beyond})

    def below(values: Tensor, tau: float) -> int:
        return int(torch.searchsorted(values, torch.tensor(tau, dtype=values.dtype), side="left"))

    visions = grid(of_vision)
    place = len(visions) - 1
    pairs = []
    for tau in grid(of_text):
        text = below(of_text, tau)
        if text + below(of_vision, visions[place]) < target * total:
            continue
        while place and text + below(of_vision, visions[place - 1]) >= target * total:
            place -= 1
        pairs.append((tau, visions[place]))
    return pairs


def search_thresholds(
    scores: Sequence[Tensor],
    modality: Tensor,
    target: float,
    loss: Callable[[float, float], float],
    steps: int = 100,
) -> Thresholds:
    """The point of the frontier with the least loss; of equals the first.

    Args:
        loss: of the model run with tau_text and tau_vision, on calibration data. The others: see `threshold_frontier`.
    """
    best: Thresholds | None = None
    for tau_text, tau_vision in threshold_frontier(scores, modality, target, steps):
        cost = loss(tau_text, tau_vision)
        if best is None or cost < best.loss:
            gone = sum(int((s[modality == TEXT] < tau_text).sum()) for s in scores)
            gone += sum(int((s[modality == VISION] < tau_vision).sum()) for s in scores)
            best = Thresholds(tau_text, tau_vision, gone / max(sum(s.numel() for s in scores), 1), cost)
    assert best is not None  # the last grid point skips everything
    return best
