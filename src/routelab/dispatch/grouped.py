"""Tokens sorted by expert, then two grouped products (`torch.nn.functional.grouped_mm`) over all experts at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from routelab._errors import BadShape
from routelab.dispatch._plan import Plan, combine_rows, fixed_plan, gather_rows, nothing, operands, ragged_plan
from routelab.dispatch.experts import Experts
from routelab.routing import Routing

_ALIGNED_BYTES = 16  # row stride that grouped_mm asks for


def grouped(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d]; n_a rows are computed.

    Widths that are no multiple of 16 bytes are padded with zeros. On a GPU it waits once, for n_a; `grouped_fixed`
    does not.

    Raises:
        BadShape: tokens, routing and experts do not fit, or are float64.
    """
    return run_grouped(x, routing, experts, ragged_plan(routing))


def grouped_fixed(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """The same with a buffer of N * K_max rows whose tail no expert runs: no shape depends on the routing, so nothing
    waits for the device, and the call can stand in a CUDA graph.

    Raises:
        BadShape: tokens, routing and experts do not fit.
    """
    return run_grouped(x, routing, experts, fixed_plan(routing))


def run_grouped(x: Tensor, routing: Routing, experts: Experts, plan: Plan) -> Tensor:
    """The products over a plan's groups."""
    tokens, w_in, w_out = operands(x, routing, experts)
    if plan.token.shape[0] == 0:
        return nothing(x, routing)
    # grouped_mm leaves rows after the last group as they were in memory, forward and backward: hence the masks.
    rows = _masked(gather_rows(tokens, plan), plan)
    inner = _masked(_product(rows, w_in, plan.ends), plan)
    return combine_rows(_masked(_product(experts.activate(inner), w_out, plan.ends), plan), plan).to(x.dtype)


def _masked(rows: Tensor, plan: Plan) -> Tensor:
    return rows if plan.valid is None else torch.where(plan.valid, rows, rows.new_zeros(()))


def _product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """rows [n, a] times weight [E, a, b], by group: [n, b]."""
    if rows.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise BadShape(f"grouped products know no {rows.dtype}", "use the dispatch `sorted`")
    unit = _ALIGNED_BYTES // rows.element_size()
    a, b = weight.shape[1:]
    more_a, more_b = -a % unit, -b % unit
    if more_a:
        rows = functional.pad(rows, (0, more_a))
    if more_a or more_b:
        weight = functional.pad(weight, (0, more_b, 0, more_a))
    out: Tensor = _Contiguous.apply(functional.grouped_mm(rows, weight, offs=ends))  # type: ignore[no-untyped-call]
    return out[:, :b] if more_b else out


class _Contiguous(torch.autograd.Function):
    """The identity, with a contiguous gradient: the backward of grouped_mm refuses an expanded one (zero strides)."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_: Any, grad: Tensor) -> Tensor:
        return grad.contiguous()
