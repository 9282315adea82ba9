"""AdaMoE: null experts without compute make the number of real experts depend on the token."""

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


class AdaMoE(Router):
    """Top-k' over E real and m null experts (Zeng et al., arXiv 2406.13233, and its code).

    p = softmax over E + m logits; S = the k' largest; weight = p_S / sum of p over the REAL entries of S. The balance
    loss treats the nulls as one: each counts with the nulls' mean load, so that it does not matter which null is taken.

    Reconstruction: where all k' entries are null the experts add nothing (the residual carries on); `shift`, the budget
    knob at inference, is subtracted from the null logits, so that more of it means more real experts.

    Args:
        k: k', slots over real and null experts together.
        n_null: m.
        balance: coefficient of the balance loss over all E + m entries.
        null_load: `averaged` as the paper says; `released` as its code computes it, where the line that averages the
            nulls' load indexes another dimension and changes nothing.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int,
        *,
        n_null: int,
        balance: float = 0.01,
        null_load: Literal["averaged", "released"] = "averaged",
    ) -> None:
        super().__init__(d, n_experts, k)
        if n_null < 1:
            raise BadShape(f"{n_null} null experts", "give at least one, or use topk")
        if null_load not in ("averaged", "released"):
            raise BadShape(f"there is no null_load {null_load!r}", "choose averaged or released")
        self.k, self.n_null, self.balance, self.null_load = k, n_null, balance, null_load
        self.shift = 0.0
        self.gate = nn.Linear(d, n_experts + n_null, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        if self.shift:
            z = torch.cat([z[:, : self.n_experts], z[:, self.n_experts :] - self.shift], -1)
        p = torch.softmax(z, -1)
        chosen, entry = p.topk(self.k, dim=-1)
        real = entry < self.n_experts
        weight = torch.where(real, chosen, 0.0)
        total = weight.sum(-1, keepdim=True)
        weight = weight / torch.where(total > 0, total, 1.0)  # all null: the row stays 0, and so does its gradient
        fraction = load_fraction(entry, torch.ones_like(real), self.n_experts + self.n_null)
        if self.null_load == "averaged":
            fraction[self.n_experts :] = fraction[self.n_experts :].mean()
        routing = Routing(
            entry.where(real, 0),
            weight,
            real,
            self.n_experts,
            aux={"balance": self.balance * balance_loss(fraction, p)},
            logits=z,
        )
        return with_statistics(routing, null_share=fraction[self.n_experts :].sum())
