"""Grouped products whose groups are filled up to whole buckets of rows: what training on a CPU runs.

oneDNN compiles a kernel for every shape that it meets. Groups of the sizes that a router happens to give meet a new
shape almost every time, which in bf16 costs ten times the product itself; whole buckets meet few.
"""

from __future__ import annotations

import torch
from torch import Tensor

from routelab.dispatch._plan import Plan, ragged_plan
from routelab.dispatch.experts import Experts
from routelab.dispatch.grouped import run_grouped
from routelab.routing import Routing

BUCKET = 32


def bucketed(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d]; up to `BUCKET` - 1 rows more for each expert that runs.

    Raises:
        BadShape: tokens, routing and experts do not fit.
    """
    return run_grouped(x, routing, experts, _filled(ragged_plan(routing)))


def _filled(plan: Plan) -> Plan:
    """The plan with each group's size rounded up. A row that fills reads token 0; nothing takes what it gives, and its
    gradient is zero."""
    if plan.token.shape[0] == 0:
        return plan
    ends = plan.ends.long()
    size = torch.diff(ends, prepend=ends.new_zeros(1))
    filled = (size + BUCKET - 1) // BUCKET * BUCKET
    filled_ends = filled.cumsum(0)
    moved = torch.repeat_interleave((filled_ends - filled) - (ends - size), size)  # by how much each row moves down
    rows = torch.arange(plan.token.shape[0], device=ends.device) + moved
    token = plan.token.new_zeros(int(filled_ends[-1])).index_copy(0, rows, plan.token)
    return Plan(token, plan.weight, rows[plan.position], plan.starts, filled_ends.to(torch.int32), plan.valid)
