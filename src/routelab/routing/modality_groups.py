"""Other ways to route by modality: groups of experts that a modality may use, and a divergence kept in a band."""

from __future__ import annotations

import math

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
)
from routelab.routing.specialisation import symmetric_divergence


def _modality(context: Context | None, n: int, who: str) -> Tensor:
    if context is None or context.modality is None or tuple(context.modality.shape) != (n,):
        raise BadShape(f"{who} without the tokens' modalities", "give context.modality, int64 [N]")
    return context.modality


class ModalityGroups(Router):
    """Softmax top-k over the experts that the token's modality may use.

    The first `text_experts` are for text, the next `vision_experts` for vision, the rest for both. Without a rest it is
    the hard partition of SMoES's tables (t32-v32: 32 and 32 of 64); with one it is like MoIIE (arXiv 2508.09779: groups
    inside modalities beside a group across them) in that tokens choose among their own group and the shared one
    together [R]. The softmax runs over the allowed experts. The balance loss is taken inside each modality over its
    allowed experts, and weighed by its share of the tokens [R].
    """

    allowed: Tensor

    def __init__(
        self, d: int, n_experts: int, k: int, *, text_experts: int, vision_experts: int, balance: float = 0.01
    ) -> None:
        super().__init__(d, n_experts, k)
        shared = n_experts - text_experts - vision_experts
        if min(text_experts, vision_experts, shared) < 0:
            raise BadShape(f"{text_experts} text and {vision_experts} vision experts of {n_experts}", "give fewer")
        if min(text_experts, vision_experts) + shared < k:
            raise BadShape(f"a modality with fewer than {k} experts", "make its group, or the shared one, larger")
        self.k, self.balance = k, balance
        self.gate = nn.Linear(d, n_experts, bias=False)
        allowed = torch.ones(2, n_experts, dtype=torch.bool)
        allowed[TEXT, text_experts : text_experts + vision_experts] = False
        allowed[VISION, :text_experts] = False
        self.register_buffer("allowed", allowed)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        modality = _modality(context, x.shape[0], "routing by groups")
        p = torch.softmax(z.masked_fill(~self.allowed[modality], -math.inf), -1)
        weight, index = p.topk(self.k, dim=-1)
        weight = weight / weight.sum(-1, keepdim=True)
        real = torch.ones_like(index, dtype=torch.bool)
        loss = z.sum() * 0
        for m in (TEXT, VISION):
            mine, may = modality == m, self.allowed[m]
            share = mine.float().mean() if x.shape[0] else 0.0
            fraction = load_fraction(index[mine], real[mine], self.n_experts)
            loss = loss + share * balance_loss(fraction[may], p[mine][:, may])
        return Routing(index, weight, real, self.n_experts, aux={"balance": self.balance * loss}, logits=z)


class SMAR(Router):
    """Softmax top-k that keeps the modalities' routing apart by a bounded divergence (SMAR, arXiv 2506.06406).

    D = half of KL(P_text || P_vision) + KL(P_vision || P_text), where P_m is the mean router probability of modality m.
    Its loss is `divergence` * (max(0, low - D) + max(0, D - high)) [R: the paper's exact regulariser was not found; it
    says that KL divergence between the modalities' routing distributions is controlled]. Routing is plain top-k.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int,
        *,
        low: float = 0.5,
        high: float = 2.0,
        divergence: float = 1e-2,
        balance: float = 0.01,
    ) -> None:
        super().__init__(d, n_experts, k)
        if not 0 <= low <= high:
            raise BadShape(f"a divergence between {low} and {high}", "give 0 <= low <= high")
        self.k, self.low, self.high, self.divergence, self.balance = k, low, high, divergence, balance
        self.gate = nn.Linear(d, n_experts, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        p = torch.softmax(z, -1)
        weight, index = p.topk(self.k, dim=-1)
        weight = weight / weight.sum(-1, keepdim=True)
        real = torch.ones_like(index, dtype=torch.bool)
        aux = {"balance": self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)}
        statistics = {}
        if self.training:
            modality = _modality(context, x.shape[0], "SMAR")
            text, vision = p[modality == TEXT], p[modality == VISION]
            if text.shape[0] and vision.shape[0]:  # one modality alone has nothing to tell apart
                apart = symmetric_divergence(torch.stack([text.mean(0), vision.mean(0)]))
                outside = (self.low - apart).clamp(min=0) + (apart - self.high).clamp(min=0)
                aux["divergence"] = self.divergence * outside
                statistics["divergence"] = apart.detach()
        return Routing(index, weight, real, self.n_experts, aux=aux, logits=z, statistics=statistics)
