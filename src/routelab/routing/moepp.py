"""MoE++: experts that cost nothing (zero, copy, constant) beside those that compute, and a gating residual."""

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

Weights = Literal["released", "normalised", "softmax"]


class MoEPlusPlus(Router):
    """Top-k over E experts, c constant experts, one copy and one zero expert (Jin et al., arXiv 2410.07348).

    Entries in this order: E experts that compute, constants, copy, zero. z_l = W_r x + W_g z_{l-1}: the router logits
    of the layer before come from `context.previous_logits`. Output of the entries without compute, through `bypass`:
    zero 0; copy x; constant a_1 x + a_2 v with a = softmax(W_c x), v learned. Balance loss: load and probability of
    entries that compute count 1, of the others tau (times E + c + 2, so that it is 1 when uniform and tau = 1).
    Slots of constants cost a little, and are counted in the statistics by themselves.

    Not taken over: the capacity that the paper splits by tau (nothing is dropped here), and the factor k that the
    released code multiplies the tokens by. Reconstruction: `shift`, the budget knob, added to the computing logits.

    Args:
        k: slots over all entries together.
        n_constant: c, 2 in the released configuration.
        tau: below 1 more tokens go to the entries without compute; 0.75 by default, as released.
        weights: of the chosen entries. `released`: softmax over all entries, the zero expert's set to 0, the rest
            renormalised; `normalised`: renormalised with the zero expert's in it; `softmax`: as the softmax gives them.
        gate: `linear`, or `tanh` for the two layers with 8 (E + c + 2) tanh units between of the released code.
        residual: whether there is a W_g.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int,
        *,
        n_constant: int = 2,
        tau: float = 0.75,
        balance: float = 0.01,
        weights: Weights = "released",
        gate: Literal["linear", "tanh"] = "linear",
        residual: bool = True,
    ) -> None:
        super().__init__(d, n_experts, k)
        if n_constant < 0 or tau <= 0:
            raise BadShape(f"{n_constant} constants with tau {tau}", "give 0 or more constants and a positive tau")
        if weights not in ("released", "normalised", "softmax") or gate not in ("linear", "tanh"):
            raise BadShape(f"there are no weights {weights!r} or no gate {gate!r}", "see the options of MoEPlusPlus")
        self.k, self.n_constant, self.tau, self.balance, self.weights = k, n_constant, tau, balance, weights
        self.n_entries = n_experts + n_constant + 2
        self.shift = 0.0
        self.gate: nn.Module
        if gate == "linear":
            self.gate = nn.Linear(d, self.n_entries, bias=False)
        else:
            width = 8 * self.n_entries
            self.gate = nn.Sequential(
                nn.Linear(d, width, bias=False), nn.Tanh(), nn.Linear(width, self.n_entries, bias=False)
            )
        self.residual = nn.Linear(self.n_entries, self.n_entries, bias=False) if residual else None
        self.constant = nn.Parameter(torch.randn(n_constant, d))
        self.mix = nn.Parameter(torch.randn(n_constant, 2, d) / d**0.5)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = self.gate(self.check_tokens(x)).float()
        before = context.previous_logits if context else None
        if self.residual is not None and before is not None:
            if tuple(before.shape) != tuple(z.shape):
                raise BadShape(f"logits {tuple(before.shape)} of the layer before, here {tuple(z.shape)}")
            z = z + self.residual(before.to(self.residual.weight.dtype)).float()
        z = check_logits(z)
        computes = torch.arange(self.n_entries, device=z.device) < self.n_experts
        p = torch.softmax(z + self.shift * computes if self.shift else z, -1)
        weight, entry = p.topk(self.k, dim=-1)
        real = entry < self.n_experts
        if self.weights == "released":
            weight = torch.where(entry == self.n_entries - 1, 0.0, weight)
        if self.weights != "softmax":
            total = weight.sum(-1, keepdim=True)
            weight = weight / torch.where(total > 0, total, 1.0)
        fraction = load_fraction(entry, torch.ones_like(real), self.n_entries)
        eta = torch.where(computes, 1.0, self.tau)
        routing = Routing(
            entry.where(real, 0),
            torch.where(real, weight, 0.0),
            real,
            self.n_experts,
            bypass=self.without_compute(x, entry, weight),
            aux={"balance": self.balance * balance_loss(eta * fraction, p)},
            logits=z,
        )
        return with_statistics(
            routing,
            constant_share=fraction[self.n_experts : -2].sum(),
            copy_share=fraction[-2],
            zero_share=fraction[-1],
        )

    def without_compute(self, x: Tensor, entry: Tensor, weight: Tensor) -> Tensor:
        """What the chosen constants and the copy add to the output: [N, d], of the tokens' type.

        Args:
            entry, weight: [N, k], which entries with which weight.
        """
        share = weight.new_zeros(x.shape[0], self.n_entries).scatter(1, entry, weight)
        constant, copy = share[:, self.n_experts : -2], share[:, -2:-1]
        a = torch.softmax(torch.einsum("nd,cad->nca", x, self.mix.to(x.dtype)).float(), -1)
        of_token = copy + (constant * a[..., 0]).sum(-1, keepdim=True)
        of_vector = constant * a[..., 1]
        added: Tensor = of_token.to(x.dtype) * x + of_vector.to(x.dtype) @ self.constant.to(x.dtype)
        return added
