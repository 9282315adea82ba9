"""Noisy top-k, as the CIFAR paper's sparse head has it, and with the load estimator that it meant to have."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, check_logits, with_statistics


class NoisyTopK(Router):
    """Noisy top-k (Shazeer et al., arXiv 1701.06538, eq. 3-5) in the form of arXiv 2601.15021 and its released code.

    g = W_g x + b, standardised over the experts of each sample (deviation with E - 1, plus 1e-5);
    h = g + eps * (softplus(W_n x + b_n) + 0.3), eps standard normal, in training; S = the k largest of h;
    weight = softmax of h_S. Penalties: coefficient times the squared coefficient of variation (population variance over
    squared mean) of the experts' importance, the sum of their weights, and of their load.

    Args:
        load_estimator: `released` takes the sum of the weights for the load too, so that both penalties are the same
            number; `shazeer` is the smooth estimator of 1701.06538, appendix A: the sum over samples of the probability
            that the expert is chosen when its own noise is drawn anew, Phi((g_i - k-th largest h but h_i) / deviation).
        noise_at_inference: an earlier state of the released code draws noise then too.
        input_dropout, logit_dropout: on x before the gate, and on h before the choice; 0.1 each in the released code.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int = 2,
        *,
        importance: float = 0.2,
        load: float = 0.2,
        load_estimator: Literal["released", "shazeer"] = "released",
        noise_at_inference: bool = False,
        input_dropout: float = 0.0,
        logit_dropout: float = 0.0,
    ) -> None:
        super().__init__(d, n_experts, k)
        if load_estimator not in ("released", "shazeer"):
            raise BadShape(f"there is no load estimator {load_estimator!r}", "choose released or shazeer")
        if n_experts < 2:
            raise BadShape("one expert, whose logits have no deviation", "give two or more")
        self.k, self.importance, self.load, self.load_estimator = k, importance, load, load_estimator
        self.noise_at_inference = noise_at_inference
        self.input_dropout, self.logit_dropout = nn.Dropout(input_dropout), nn.Dropout(logit_dropout)
        self.gate = nn.Linear(d, n_experts)
        self.noise = nn.Linear(d, n_experts)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        x = self.input_dropout(self.check_tokens(x))
        g = check_logits(self.gate(x).float())
        g = g - g.mean(-1, keepdim=True)
        spread = torch.linalg.vector_norm(g, dim=-1, keepdim=True) / math.sqrt(self.n_experts - 1)
        g = g / (spread + 1e-5)
        deviation = functional.softplus(self.noise(x).float()) + 0.3
        h = g
        if self.training or self.noise_at_inference:
            generator = context.generator if context else None
            eps = torch.randn(g.shape, generator=generator, dtype=g.dtype, device=g.device)
            h = g + eps * deviation
        h = self.logit_dropout(h)
        best, index = h.topk(self.k, dim=-1)
        weight = torch.softmax(best, -1)
        share = torch.zeros_like(h).scatter(1, index, weight).sum(0)
        load = share
        if self.load_estimator == "shazeer":
            load = smooth_load(g, h, deviation, self.k)
        aux = {"importance": self.importance * squared_variation(share), "load": self.load * squared_variation(load)}
        routing = Routing(index, weight, torch.ones_like(index, dtype=torch.bool), self.n_experts, aux=aux, logits=g)
        return with_statistics(routing, importance=share, load=load)


def squared_variation(v: Tensor) -> Tensor:
    """Population variance over squared mean of v [E]; 0 for zeros."""
    mean = v.mean()
    return (v - mean).square().mean() / (mean.square() + 1e-16)


def smooth_load(g: Tensor, h: Tensor, deviation: Tensor, k: int) -> Tensor:
    """Expected number of samples of each expert, were its own noise drawn anew: [E].

    Args:
        g, h, deviation: [N, E]: clean and noisy logits, and the noise's standard deviation.
    """
    if k == h.shape[1]:
        return torch.ones_like(h).sum(0)  # every expert gets every sample
    top = h.topk(k + 1, dim=-1)
    chosen = torch.zeros_like(h, dtype=torch.bool).scatter(1, top.indices[:, :k], True)
    bar = torch.where(chosen, top.values[:, k:], top.values[:, k - 1 : k])  # the k-th largest of the others
    return (0.5 * (1 + torch.erf((g - bar) / (deviation * math.sqrt(2))))).sum(0)
