"""Every expert on every token, weighted: what routing is measured against, and what k = E amounts to."""

from __future__ import annotations

import torch
from torch import Tensor

from routelab.dispatch._plan import operands
from routelab.dispatch.experts import Experts
from routelab.routing import Routing


def dense_mixture(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d], from N * E expert runs; memory grows as N * E * F.

    Raises:
        BadShape: tokens, routing and experts do not fit.
    """
    tokens, w_in, w_out = operands(x, routing, experts)
    n_tokens, n_experts = x.shape[0], experts.n_experts
    weight = torch.where(routing.real, routing.weight, 0)
    share = weight.new_zeros(n_tokens, n_experts).scatter_add(1, routing.index.clamp(0, n_experts - 1), weight)
    inner = experts.activate(torch.matmul(tokens, w_in))  # [E, N, F]
    inner = inner * share.t().unsqueeze(2).to(inner.dtype)
    # The weighted sum over experts is the sum inside of one product of depth E * F.
    wide = inner.transpose(0, 1).reshape(n_tokens, n_experts * experts.width)
    return (wide @ w_out.reshape(n_experts * experts.width, experts.d)).to(x.dtype)
