"""Fractional k: a mean number of experts that need not be an integer, the control of every router with variable K."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, balance_loss, check_logits, load_fraction


class FractionalK(Router):
    """Top-k in which each token gets floor(m) or ceil(m) experts, by a draw that knows nothing of the token.

    It is what a router of variable K has to beat at the same mean: the same work, no importance. Of N tokens,
    floor((m - floor m) * N + u) get ceil(m), u uniform in [0, 1), and which of them is a random permutation: the mean
    is m in expectation for any N, also for one token, and off by less than 1/N in each batch.
    p = softmax(W_r x); S = the K_i largest; weight = p_S / sum p_S.

    Its state is `gate.weight`, as in `TopK`: the weights of a top-k model can be run with a smaller mean.

    Args:
        mean_k: m, 1 <= m <= E. balance: coefficient of the balance loss.
        most: most slots of a token, for `set_mean` later; ceil(mean_k) if not given.
    """

    def __init__(
        self, d: int, n_experts: int, mean_k: float, *, most: int | None = None, balance: float = 0.01
    ) -> None:
        if not math.isfinite(mean_k):
            raise BadShape(f"a mean of {mean_k} experts", f"choose a number in 1 .. {n_experts}")
        super().__init__(d, n_experts, math.ceil(mean_k) if most is None else most)
        self.balance = balance
        self.gate = nn.Linear(d, n_experts, bias=False)
        self.set_mean(mean_k)

    def set_mean(self, mean_k: float) -> None:
        """Route with another mean from now on.

        Raises:
            BadShape: it is not in 1 .. k_max.
        """
        if not 1 <= mean_k <= self.k_max:
            raise BadShape(f"a mean of {mean_k} experts in {self.k_max} slots", f"choose a number in 1 .. {self.k_max}")
        self.mean_k = float(mean_k)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        p = torch.softmax(z, -1)
        weight, index = p.topk(self.k_max, dim=-1)
        slots = draw_slots(x.shape[0], self.mean_k, context.generator if context else None, x.device)
        real = torch.arange(self.k_max, device=x.device) < slots[:, None]
        weight = weight * real
        weight = weight / weight.sum(-1, keepdim=True)
        aux = {"balance": self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)}
        return Routing(index, weight, real, self.n_experts, aux=aux, logits=z)


def draw_slots(n: int, mean: float, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """K_i of n tokens: floor(mean) or one more, so that their mean is `mean`; int64 [n]."""
    low = math.floor(mean)
    shift = torch.rand((), generator=generator, device=device, dtype=torch.float64)
    more = torch.floor((mean - low) * n + shift)
    rank = torch.randperm(n, generator=generator, device=device)
    return low + (rank < more).long()
