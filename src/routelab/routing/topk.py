"""Plain top-k: softmax with a balance loss, and sigmoid scores with a bias that selects but does not weigh."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, balance_loss, check_logits, load_fraction, z_loss


class TopK(Router):
    """Softmax top-k (Shazeer et al., arXiv 1701.06538, eq. 3 without noise; balance loss of arXiv 2101.03961, eq. 4).

    p = softmax(W_r x); S = the k largest; weight = p_S / sum p_S, or p_S with `normalise=False` (OLMoE).
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int,
        *,
        normalise: bool = True,
        balance: float = 0.01,
        z_coefficient: float = 0.0,
    ) -> None:
        super().__init__(d, n_experts, k)
        self.k, self.normalise, self.balance, self.z_coefficient = k, normalise, balance, z_coefficient
        self.gate = nn.Linear(d, n_experts, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        p = torch.softmax(z, -1)
        weight, index = p.topk(self.k, dim=-1)
        if self.normalise:
            weight = weight / weight.sum(-1, keepdim=True)
        real = torch.ones_like(index, dtype=torch.bool)
        aux = {"balance": self.balance * balance_loss(load_fraction(index, real, self.n_experts), p)}
        if self.z_coefficient:
            aux["z"] = self.z_coefficient * z_loss(z)
        return Routing(index, weight, real, self.n_experts, aux=aux, logits=z)


class SigmoidBias(Router):
    """Sigmoid scores with a selection bias and no auxiliary loss (DeepSeek-V3, arXiv 2412.19437, eq. 13-16).

    s = sigmoid(W_r x); S = the k largest of s + b; weight = scale * s_S / sum s_S. After each training step
    `update_bias` moves b_e by `step` towards balance. DeepSeek-VL2 base has scale 2.0, Kimi-VL 2.446.
    """

    bias: Tensor
    load_since: Tensor

    def __init__(self, d: int, n_experts: int, k: int, *, scale: float = 1.0, step: float = 1e-3) -> None:
        super().__init__(d, n_experts, k)
        if scale <= 0 or step < 0:
            raise BadShape(f"scale {scale} and step {step}", "give a positive scale and a step that is not negative")
        self.k, self.scale, self.step = k, scale, step
        self.gate = nn.Linear(d, n_experts, bias=False)
        self.register_buffer("bias", torch.zeros(n_experts))
        self.register_buffer("load_since", torch.zeros(n_experts), persistent=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        s = torch.sigmoid(z)
        index = (s + self.bias).topk(self.k, dim=-1).indices
        chosen = s.gather(1, index)
        weight = self.scale * chosen / chosen.sum(-1, keepdim=True)
        routing = Routing(index, weight, torch.ones_like(index, dtype=torch.bool), self.n_experts, logits=z)
        if self.training:
            self.load_since += routing.load()
        return routing

    def after_step(self) -> None:
        self.update_bias()

    @torch.no_grad()
    def update_bias(self) -> None:
        """Move each bias by `step`: up where an expert had less than the mean load since the last call, else down."""
        self.bias += self.step * torch.sign(self.load_since.mean() - self.load_since)
        self.load_since.zero_()
