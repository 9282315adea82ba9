"""A copy of its expert's weights for every assignment, then a batched product: good for a handful of tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from routelab.dispatch._plan import combine_rows, gather_rows, nothing, operands, ragged_plan
from routelab.dispatch.experts import Experts
from routelab.routing import Routing

_COPIED = 2**24  # weights copied at a time, so that a long prefill does not copy gigabytes


def gather(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d], by a matrix-vector product per assignment.

    Raises:
        BadShape: tokens, routing and experts do not fit.
    """
    tokens, w_in, w_out = operands(x, routing, experts)
    plan = ragged_plan(routing)
    if plan.token.shape[0] == 0:
        return nothing(x, routing)
    rows = gather_rows(tokens, plan).unsqueeze(1)
    numbers = torch.arange(plan.token.shape[0], device=x.device)
    expert = torch.searchsorted(plan.ends, numbers.to(torch.int32), right=True)
    step = max(1, _COPIED // (w_in.shape[1] * w_in.shape[2]))
    parts = []
    for start in range(0, expert.shape[0], step):
        chosen = expert[start : start + step]
        inner = experts.activate(torch.bmm(rows[start : start + step], w_in.index_select(0, chosen)))
        parts.append(torch.bmm(inner, w_out.index_select(0, chosen)))
    return combine_rows(torch.cat(parts).squeeze(1), plan).to(x.dtype)
