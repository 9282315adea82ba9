"""One expert after another, each on the tokens that chose it: the way that a model's eager code runs experts."""

from __future__ import annotations

import torch
from torch import Tensor

from routelab.dispatch._plan import nothing, operands
from routelab.dispatch.experts import Experts
from routelab.routing import Routing


def loop(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d]. Sums in float32 for half types; the reference of the rest.

    Raises:
        BadShape: tokens, routing and experts do not fit.
    """
    operands(x, routing, experts)
    out = nothing(x, routing)
    out = out.float() if out.dtype in (torch.bfloat16, torch.float16) else out
    for expert in torch.unique(routing.index[routing.real]).tolist():
        token, slot = ((routing.index == expert) & routing.real).nonzero(as_tuple=True)
        y = experts.one(expert, x[token]) * routing.weight[token, slot].unsqueeze(1)
        out = out.index_add(0, token, y.to(out.dtype))
    return out.to(x.dtype)
