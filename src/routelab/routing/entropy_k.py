"""Entropy-driven k, after GeMoE: the less sure the router is of a token, the more experts the token gets."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import (
    Context,
    Router,
    Routing,
    balance_loss,
    check_logits,
    load_fraction,
    with_statistics,
)


class EntropyK(Router):
    """k from the entropy of the router's softmax (GeMoE, arXiv 2606.26287; from notes, no code found).

    H = entropy of p in nats; q = softmax(a H + b) over k in 1..K_max; expected k = sum k q_k; k = that, rounded, with a
    straight-through gradient; S = the k most probable experts; weight = p_S / sum p_S. Hinge: a token with higher
    entropy must get more experts, mean over pairs of max(0, 1.2 (H_i - H_j) - (k_i - k_j)) where H_i > H_j, weight 1.

    Reconstruction: rounding halves up; the gradient reaches k through the weights, slot j (from 0) times
    sigmoid(k - j - 0.5) straight through; the pairs are each token and the one half a batch further (`all` takes every
    pair, N^2 of them); `shift`, the budget knob at inference, is added to the expected k.

    Args:
        k_max: K_max, 8 in the paper, where the model was trained with top-8.
        margin: experts per nat of entropy, 1.2. hinge: its weight. balance: weight of the balance loss.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k_max: int,
        *,
        margin: float = 1.2,
        hinge: float = 1.0,
        balance: float = 0.001,
        pairs: Literal["half", "all"] = "half",
    ) -> None:
        super().__init__(d, n_experts, k_max)
        if pairs not in ("half", "all"):
            raise BadShape(f"there are no pairs {pairs!r}", "choose half or all")
        self.margin, self.hinge, self.balance, self.pairs = margin, hinge, balance, pairs
        self.shift = 0.0
        self.gate = nn.Linear(d, n_experts, bias=False)
        self.head = nn.Linear(1, k_max)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        p = torch.softmax(z, -1)
        h = torch.special.entr(p).sum(-1)
        slot = torch.arange(self.k_max, device=z.device)
        q = torch.softmax(self.head(h.unsqueeze(-1).to(self.head.weight.dtype)).float(), -1)
        expected = (q * (slot + 1)).sum(-1)
        k = (expected.detach() + self.shift + 0.5).floor().clamp(1, self.k_max)
        real = slot < k.unsqueeze(-1)
        soft = torch.sigmoid(expected.unsqueeze(-1) - slot - 0.5)
        chosen, index = p.topk(self.k_max, dim=-1)
        weight = torch.where(real, chosen * (1 + soft - soft.detach()), 0.0)
        weight = weight / weight.sum(-1, keepdim=True)
        aux = {"balance": self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)}
        if self.hinge:
            aux["monotone"] = self.hinge * self.monotone(h, expected)
        routing = Routing(index, weight, real, self.n_experts, aux=aux, logits=z)
        n = max(x.shape[0], 1)
        return with_statistics(routing, entropy=h.sum() / n, k_std=((k - k.sum() / n).square().sum() / n).sqrt())

    def monotone(self, h: Tensor, k: Tensor) -> Tensor:
        """The hinge on entropies h and expected experts k, both [N]: a scalar, 0 without a pair."""
        n = h.shape[0]
        if n < 2:
            return (h + k).sum() * 0.0
        if self.pairs == "all":
            more, fewer = h.unsqueeze(1) - h.unsqueeze(0), k.unsqueeze(1) - k.unsqueeze(0)
            pairs = n * (n - 1) / 2  # each unordered pair stands once with h_i > h_j
        else:
            more, fewer = h - h.roll(n // 2), k - k.roll(n // 2)
            more, fewer = more.abs(), fewer * torch.sign(more)  # the one with more entropy first
            pairs = n
        return torch.where(more > 0, torch.relu(self.margin * more - fewer), 0.0).sum() / pairs
