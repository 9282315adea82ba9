"""Routers that learn nothing: random experts, a frozen random gate, and a hash of the token's id."""

from __future__ import annotations

import torch
from torch import Tensor

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, balance_loss, check_logits, load_fraction


class RandomK(Router):
    """k experts drawn uniformly without replacement for each token, anew in each call, with weights 1/k.

    (Stochastic experts: THOR, arXiv 2110.04260, section 3, with k experts instead of one.) The draw comes from the
    context's generator; so a text decoded token by token is routed otherwise than in one pass.
    """

    def __init__(self, d: int, n_experts: int, k: int) -> None:
        super().__init__(d, n_experts, k)
        self.k = k

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        n = self.check_tokens(x).shape[0]
        draw = torch.rand(n, self.n_experts, generator=context.generator if context else None, device=x.device)
        index = draw.topk(self.k, dim=-1).indices
        return _equal(index, self.n_experts, x)


class FrozenRandom(Router):
    """Softmax top-k through a random gate that is never trained (the control of arXiv 2106.04426, section 5).

    The gate is a buffer: drawn once from `seed`, saved with the model, without a gradient.
    """

    gate: Tensor

    def __init__(self, d: int, n_experts: int, k: int, *, seed: int = 0, balance: float = 0.0) -> None:
        super().__init__(d, n_experts, k)
        self.k, self.balance = k, balance
        draw = torch.randn(n_experts, d, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("gate", draw / d**0.5)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(torch.nn.functional.linear(self.check_tokens(x).float(), self.gate.float()))
        p = torch.softmax(z, -1)
        weight, index = p.topk(self.k, dim=-1)
        weight = weight / weight.sum(-1, keepdim=True)
        real = torch.ones_like(index, dtype=torch.bool)
        aux = {}
        if self.balance:  # moves the model below the gate, not the gate
            aux["balance"] = self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)
        return Routing(index, weight, real, self.n_experts, aux=aux, logits=z)


class Hash(Router):
    """Hash layer (Roller et al., arXiv 2106.04426, section 3, "random hash"): experts from the token's id alone.

    A table drawn once from `seed` gives each id (modulo `buckets`) k distinct experts, with weights 1/k. The ids come
    from `context.token`. Visual tokens have no vocabulary; the model names them by their position.
    """

    table: Tensor

    def __init__(self, d: int, n_experts: int, k: int, *, buckets: int = 4096, seed: int = 0) -> None:
        super().__init__(d, n_experts, k)
        if buckets < 1:
            raise BadShape(f"a hash with {buckets} buckets", "give at least one")
        self.k = k
        draw = torch.rand(buckets, n_experts, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("table", draw.argsort(stable=True)[:, :k].contiguous())

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        n = self.check_tokens(x).shape[0]
        token = context.token if context else None
        if token is None or tuple(token.shape) != (n,):
            given = "no ids" if token is None else f"ids of shape {tuple(token.shape)}"
            raise BadShape(f"hash routing of {n} tokens with {given}", "give their ids in context.token, int64 [N]")
        return _equal(self.table[token % self.table.shape[0]], self.n_experts, x)


def _equal(index: Tensor, n_experts: int, x: Tensor) -> Routing:
    """All slots real, each with weight 1/k, in float32 as the other routers' weights."""
    weight = torch.full(index.shape, 1 / index.shape[1], device=x.device)
    return Routing(index, weight, torch.ones_like(index, dtype=torch.bool), n_experts)
