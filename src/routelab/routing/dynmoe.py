"""DynMoE: any number of experts per token by learned thresholds, and a number of experts that adapts in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, with_statistics


class DynMoE(Router):
    """Top-any gating with adaptive experts (Guo et al., arXiv 2405.14297, and its code).

    s_e = sigmoid(cos(x, W_e) t), t = exp(tau) at most 100; expert e fires where s_e > sigmoid(t G_e), G_e a learned
    threshold; the sign passes gradients straight through to s_e - sigmoid(t G_e) of experts that fire;
    weight = 1 / (number that fire). In training a token may have none; outside of training it then gets the best.

    Losses, times `balance`: ||cos(W, W) - I|| over active experts, mean ||W_e||, E sum_e f_e P_e (f_e the share of
    tokens with an expert that have e; P_e the mean of the normalised gates), and the mean gate (efficiency).

    `begin_record`, then after some steps `adapt`: experts that no token had are put out of use, and if some tokens had
    none, one unused expert takes W_e = their mean direction, G_e = 0. E is the size of the pool.

    Reconstruction: mean ||W_e|| over active experts (the code takes the pool); t is not learned (as in one of the two
    released gates); `shift`, the budget knob at inference, is added to s_e.

    Args:
        start: experts in use at first; None for all. temperature: 1 / t at the start, 1 as released.
    """

    active: Tensor
    fired: Tensor
    lost: Tensor

    def __init__(
        self, d: int, n_experts: int, *, start: int | None = None, temperature: float = 1.0, balance: float = 0.01
    ) -> None:
        super().__init__(d, n_experts, n_experts)
        start = n_experts if start is None else start
        if not 1 <= start <= n_experts or temperature <= 0:
            raise BadShape(f"{start} of {n_experts} experts at temperature {temperature}", "start with 1 .. E of them")
        self.balance, self.shift = balance, 0.0
        self.scale = min(1 / temperature, 100.0)
        self.direction = nn.Parameter(torch.empty(n_experts, d))
        nn.init.orthogonal_(self.direction)
        self.threshold = nn.Parameter(torch.zeros(n_experts))
        self.register_buffer("active", torch.arange(n_experts) < start)
        self.register_buffer("fired", torch.zeros(n_experts), persistent=False)
        self.register_buffer("lost", torch.zeros(d), persistent=False)
        self.recording = False

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        rows = self.check_tokens(x).float()
        if not bool(torch.isfinite(rows).all()):
            raise BadShape("tokens that are not finite", "lower the learning rate")
        w = functional.normalize(self.direction.float(), dim=1)
        s = torch.sigmoid(functional.normalize(rows, dim=1) @ w.T * self.scale) * self.active
        over = torch.relu(s + self.shift * self.active - torch.sigmoid(self.threshold.float() * self.scale))
        gate = over + (torch.sign(over) - over).detach()
        if self.recording:
            self.record(rows.detach(), over.detach() > 0)
        aux = {"dynmoe": self.balance * self.losses(gate, w)} if self.balance else {}
        if not self.training:
            none = ~(gate > 0).any(1, keepdim=True)
            gate = gate + none * functional.one_hot(s.argmax(1), self.n_experts) if len(rows) else gate
        real = gate > 0
        weight = torch.where(real, gate / real.sum(1, keepdim=True).clamp(min=1), 0.0)
        index = torch.arange(self.n_experts, device=x.device).expand(x.shape[0], -1)
        routing = Routing(index, weight, real, self.n_experts, aux=aux, logits=s)
        return with_statistics(routing, in_use=self.active.sum(), without_expert=(~real.any(1)).float().sum())

    def losses(self, gate: Tensor, w: Tensor) -> Tensor:
        """Diversity + norm + balance + efficiency of gates [N, E] and unit directions w [E, d]: a scalar."""
        both = self.active[:, None] & self.active
        same = (w @ w.T - torch.eye(self.n_experts, device=w.device)) * both
        norms = self.direction.float().norm(dim=1)
        loss = torch.linalg.vector_norm(same) + (norms * self.active).sum() / self.active.sum()
        with_one = gate[(gate > 0).any(1)]
        if len(with_one):
            mean = (with_one / with_one.sum(1, keepdim=True)).mean(0)
            loss = loss + self.n_experts * (mean * (with_one.detach() > 0).float().mean(0)).sum()
        whole: Tensor = loss + gate.sum() / max(gate.numel(), 1)
        return whole

    def begin_record(self) -> None:
        """Count from now on which experts fire, and sum the tokens that have none."""
        self.fired.zero_()
        self.lost.zero_()
        self.recording = True

    @torch.no_grad()
    def record(self, x: Tensor, fires: Tensor) -> None:
        self.fired += fires.sum(0)
        self.lost += x[~fires.any(1)].sum(0)

    @torch.no_grad()
    def adapt(self) -> tuple[list[int], int | None]:
        """Put experts out of use that never fired, take one into use for the tokens without any; recording ends.

        Returns:
            The experts put out of use, and the one taken into use, if any. One expert always stays.

        Raises:
            BadShape: nothing was recorded.
        """
        if not self.recording:
            raise BadShape("nothing was recorded", "call begin_record some steps before")
        self.recording = False
        gone = self.active & (self.fired == 0)
        if bool((gone == self.active).all()):
            gone[int(self.active.nonzero()[0])] = False
        self.active &= ~gone
        new = None
        spare = (~self.active).nonzero()
        if bool(self.lost.any()) and len(spare):
            new = int(spare[0])
            self.active[new] = True
            self.direction[new] = (self.lost / self.lost.norm()).to(self.direction.dtype)
            self.threshold[new] = 0.0
        return [int(e) for e in gone.nonzero()], new
