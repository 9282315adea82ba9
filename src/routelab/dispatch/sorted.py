"""Tokens sorted by expert, then one product per expert over its slice: one gather and one sum instead of E."""

from __future__ import annotations

import torch
from torch import Tensor

from routelab.dispatch._plan import combine_rows, gather_rows, nothing, operands, ragged_plan
from routelab.dispatch.experts import Experts
from routelab.routing import Routing


def sorted_slices(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d], one slice per expert that has tokens.

    Raises:
        BadShape: tokens, routing and experts do not fit.
    """
    tokens, w_in, w_out = operands(x, routing, experts)
    plan = ragged_plan(routing)
    if plan.token.shape[0] == 0:
        return nothing(x, routing)
    rows = gather_rows(tokens, plan)
    parts, start = [], 0
    for expert, end in enumerate(plan.ends.tolist()):
        if end > start:
            parts.append(experts.activate(rows[start:end] @ w_in[expert]) @ w_out[expert])
            start = end
    return combine_rows(torch.cat(parts), plan).to(x.dtype)
