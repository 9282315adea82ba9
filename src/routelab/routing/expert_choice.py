"""Expert Choice: experts pick tokens, not tokens experts; and a threshold form of it that decoding can use."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import VISION, Context, Router, Routing, check_logits, with_statistics


class ExpertChoice(Router):
    """Each expert takes its best N c / E tokens (Zhou et al., arXiv 2202.09368).

    S = softmax over experts of X W; every expert takes the n c / E tokens with its highest scores among the n tokens of
    a group; weight = S. Loads are equal, tokens get any number of experts, some none, and there is no balance loss.
    A token's experts depend on its companions: not causal, and in decoding it degenerates.

    Reconstruction: n c / E is rounded down, to 1 at least; `per_sample` chooses inside each sample, not in the batch;
    with `text_k` only visual tokens are chosen, text tokens have top-k of their own (weights renormalised), so that a
    model stays causal over text; `threshold` takes, outside of training, every token whose score reaches the expert's
    threshold, a moving average (decay 0.99) of the lowest score it took in training, as in Mixture-of-Depths: causal.
    `shift`, the budget knob, is subtracted from the thresholds.

    Args:
        c: capacity factor, mean experts per token; 2 is comparable to top-2.
    """

    causal = False
    bar: Tensor

    def __init__(
        self,
        d: int,
        n_experts: int,
        c: float = 2.0,
        *,
        per_sample: bool = False,
        text_k: int | None = None,
        mode: Literal["choice", "threshold"] = "choice",
    ) -> None:
        super().__init__(d, n_experts, n_experts)
        if not 0 < c <= n_experts or (text_k is not None and not 1 <= text_k <= n_experts):
            raise BadShape(f"capacity {c} and text k {text_k} of {n_experts} experts", "choose both in 1 .. E")
        if mode not in ("choice", "threshold"):
            raise BadShape(f"there is no mode {mode!r}", "choose choice or threshold")
        self.c, self.per_sample, self.text_k, self.mode = c, per_sample, text_k, mode
        self.shift = 0.0
        self.gate = nn.Linear(d, n_experts, bias=False)
        self.register_buffer("bar", torch.zeros(n_experts))

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        s = torch.softmax(z, -1)
        n = x.shape[0]
        among = torch.ones(n, dtype=torch.bool, device=x.device)
        if self.text_k is not None:
            among = need(context.modality if context else None, n, "modality") == VISION
        if self.mode == "threshold" and not self.training:
            chosen = (s >= self.bar - self.shift) & among[:, None]
        else:
            group = torch.zeros(n, dtype=torch.int64, device=x.device)
            if self.per_sample:
                group = need(context.sample if context else None, n, "sample")
            chosen = torch.zeros_like(s, dtype=torch.bool)
            chosen[among] = take(s[among].detach(), group[among], self.c / self.n_experts)
            if self.training and bool(chosen.any()):
                self.learn_bar(s.detach(), chosen)
        weight = torch.where(chosen, s, 0.0)
        if self.text_k is not None:
            best, index = s.topk(self.text_k, dim=-1)
            of_text = torch.zeros_like(s).scatter(1, index, best / best.sum(-1, keepdim=True))
            weight = torch.where(among[:, None], weight, of_text)
            chosen = torch.where(among[:, None], chosen, of_text > 0)
        index = torch.arange(self.n_experts, device=x.device).expand(n, -1)
        routing = Routing(index, weight, chosen, self.n_experts, logits=z)
        return with_statistics(routing, without_expert=(~chosen.any(1)).sum() / max(n, 1))

    @torch.no_grad()
    def learn_bar(self, s: Tensor, chosen: Tensor) -> None:
        """Move each expert's threshold towards the lowest score that it took; the first time, set it."""
        taken = chosen.any(0)
        lowest = torch.where(chosen, s, 2.0).amin(0)
        moved = torch.where(self.bar > 0, 0.99 * self.bar + 0.01 * lowest, lowest)
        self.bar.copy_(torch.where(taken, moved, self.bar))


def need(of_tokens: Tensor | None, n: int, name: str) -> Tensor:
    if of_tokens is None or tuple(of_tokens.shape) != (n,):
        raise BadShape(f"Expert Choice by {name} without it", f"give context.{name}, int64 [{n}]")
    return of_tokens


def take(s: Tensor, group: Tensor, share: float) -> Tensor:
    """Which tokens each expert takes: bool [n, E]; of each group of m tokens the max(1, floor(m share)) best.

    Args:
        s: scores [n, E]. group: int64 [n], from 0. share: c / E.
    """
    n, experts = s.shape
    if n == 0:
        return torch.zeros_like(s, dtype=torch.bool)
    size = torch.bincount(group)
    first = size.cumsum(0) - size
    most = (size.double() * share + 1e-9).floor().clamp(min=1)  # 1e-9: a product just under a whole number
    by_score = torch.argsort(s, dim=0, descending=True, stable=True)
    by_group = torch.argsort(group[by_score], dim=0, stable=True)  # groups together, the best first
    order = by_score.gather(0, by_group)
    place = torch.arange(n, device=s.device)[:, None] - first[group[order]]
    return torch.zeros(n, experts, dtype=torch.bool, device=s.device).scatter(0, order, place < most[group[order]])
