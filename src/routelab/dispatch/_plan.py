"""The order in which a routing's slots are run: grouped by expert, with the way back to the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from routelab._errors import BadShape
from routelab.dispatch.experts import Experts
from routelab.routing import Routing


@dataclass(frozen=True)
class Plan:
    """Rows to run, sorted by expert (stable: by token inside one expert).

    Attributes:
        token: int64 [n], token that each row reads.
        weight: float [n], combine weight of each row, in the order of the tokens, not of the rows.
        position: int64 [n], row of each entry of `weight`.
        starts: int64 [N + 1], where the entries of a token begin in `weight` and `position`; the last is n.
        ends: int32 [E], row after the last row of each expert.
        valid: bool [n, 1] or None: rows that some expert runs; None if all do.
    """

    token: Tensor
    weight: Tensor
    position: Tensor
    starts: Tensor
    ends: Tensor
    valid: Tensor | None


def ragged_plan(routing: Routing) -> Plan:
    """Only the real slots: n = n_a rows. On a GPU this waits for the device once, to learn n_a."""
    slots = routing.real.flatten().nonzero().squeeze(1)
    token = torch.div(slots, routing.k_max, rounding_mode="floor")
    expert, order = torch.sort(routing.index.flatten()[slots], stable=True)
    return Plan(
        token[order],
        routing.weight.flatten()[slots],
        _inverse(order),
        _with_zero(routing.real.sum(1)),
        torch.bincount(expert, minlength=routing.n_experts).cumsum(0).to(torch.int32),
        None,
    )


def fixed_plan(routing: Routing) -> Plan:
    """All N * K_max rows, those without an expert last and outside of every group: nothing waits for the device."""
    n_tokens, k_max = routing.index.shape
    key = torch.where(routing.real, routing.index, routing.n_experts).flatten()
    _, order = torch.sort(key, stable=True)
    load = torch.zeros(routing.n_experts + 1, dtype=torch.int64, device=key.device)
    ends = load.scatter_add_(0, key, torch.ones_like(key))[:-1].cumsum(0)
    rows = torch.arange(n_tokens * k_max, device=key.device)
    return Plan(
        torch.div(order, max(k_max, 1), rounding_mode="floor"),
        routing.weight.flatten(),
        _inverse(order),
        torch.arange(0, n_tokens * k_max + 1, max(k_max, 1), device=key.device),
        ends.to(torch.int32),
        (rows < ends[-1]).unsqueeze(1),
    )


def gather_rows(x: Tensor, plan: Plan) -> Tensor:
    """The tokens in the order of the rows: [n, d]."""
    rows: Tensor = _Gather.apply(x, plan.token, plan.position, plan.starts)  # type: ignore[no-untyped-call]
    return rows


def combine_rows(y: Tensor, plan: Plan) -> Tensor:
    """Sum of weight times row for each token: [N, d] from rows [n, d]."""
    out: Tensor = _Combine.apply(y, plan.weight, plan.token, plan.position, plan.starts)  # type: ignore[no-untyped-call]
    return out


def operands(x: Tensor, routing: Routing, experts: Experts) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens and both weights in the type that the products are to be made in (that of autocast, where it is on).

    Raises:
        BadShape: tokens, routing and experts do not fit, or tokens and weights are of two types.
    """
    if x.dim() != 2 or x.shape[1] != experts.d:
        raise BadShape(f"tokens of shape {tuple(x.shape)}", f"give [N, {experts.d}]")
    if routing.index.shape[0] != x.shape[0]:
        raise BadShape(f"a routing of {routing.index.shape[0]} tokens for {x.shape[0]} tokens", "route these tokens")
    if routing.n_experts != experts.n_experts:
        raise BadShape(f"a routing over {routing.n_experts} experts for {experts.n_experts} experts")
    if torch.is_autocast_enabled(x.device.type):
        kind = torch.get_autocast_dtype(x.device.type)
        return x.to(kind), experts.w_in.to(kind), experts.w_out.to(kind)
    if x.dtype != experts.w_in.dtype:
        raise BadShape(f"tokens are {x.dtype} and experts {experts.w_in.dtype}", "bring both to one type")
    return x, experts.w_in, experts.w_out


def nothing(x: Tensor, routing: Routing) -> Tensor:
    """Zeros [N, d] that still belong to the graph: what experts add if no slot is real."""
    return torch.zeros_like(x) + (0 * routing.weight.sum()).to(x.dtype)


def _inverse(order: Tensor) -> Tensor:
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(order.shape[0], device=order.device)
    return inverse


def _with_zero(counts: Tensor) -> Tensor:
    return functional.pad(counts.cumsum(0), (1, 0))


def _bag(rows: Tensor, position: Tensor, starts: Tensor, weight: Tensor | None = None) -> Tensor:
    # An embedding bag is the ragged weighted sum of rows: on a CPU ten times faster than index_add_.
    return functional.embedding_bag(
        position, rows, starts, mode="sum", per_sample_weights=weight, include_last_offset=True
    )


class _Gather(torch.autograd.Function):
    """rows[i] = x[token[i]]. Its gradient sums rows per token; that of index_select would do so one row at a time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, token: Tensor, position: Tensor, starts: Tensor) -> Tensor:
        ctx.save_for_backward(position, starts)
        return x.index_select(0, token)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        position, starts = ctx.saved_tensors
        return _bag(grad.contiguous(), position, starts), None, None, None


class _Combine(torch.autograd.Function):
    """y[t] = sum over the entries of token t of weight * rows[position]."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, token: Tensor, position: Tensor, starts: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight, token, position)
        return _bag(rows, position, starts, weight.to(rows.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, token, position = ctx.saved_tensors
        of_rows = grad.index_select(0, token)
        by_weight = None
        if ctx.needs_input_grad[1]:
            by_weight = (rows.float() * of_rows.float()).sum(1).to(weight.dtype).index_select(0, position)
        row_weight = weight.new_zeros(token.shape[0])  # a row that no token takes has no gradient
        row_weight[position] = weight
        return of_rows * row_weight.to(grad.dtype).unsqueeze(1), by_weight, None, None, None
