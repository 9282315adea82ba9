"""What on-demand routing costs if it is run the naive way: every slot computed, or every expert at one capacity."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from routelab._errors import BadShape
from routelab.dispatch._plan import combine_rows, gather_rows, nothing, operands, ragged_plan
from routelab.dispatch.experts import Experts
from routelab.dispatch.gather import gather
from routelab.dispatch.grouped import grouped
from routelab.dispatch.sorted import sorted_slices
from routelab.routing import Routing


def all_slots(routing: Routing) -> Routing:
    """The routing with an expert run in every slot: masked ones run the expert that their index names (brought into
    0 .. E - 1 where it names none) and count nothing, since their weight is 0. Rows may name an expert twice."""
    return replace(
        routing,
        index=routing.index.clamp(0, routing.n_experts - 1),
        real=torch.ones_like(routing.real),
    )


def padded_sorted(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """`sorted_slices` over all N * K_max slots."""
    return sorted_slices(x, all_slots(routing), experts)


def padded_grouped(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """`grouped` over all N * K_max slots."""
    return grouped(x, all_slots(routing), experts)


def padded_gather(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """`gather` over all N * K_max slots."""
    return gather(x, all_slots(routing), experts)


def capacity(x: Tensor, routing: Routing, experts: Experts, factor: float | None = None) -> Tensor:
    """Every expert on one buffer of C rows, two batched products: [N, d] (GShard, arXiv 2006.16668, section 3.1).

    Args:
        factor: C = ceil(factor * n_a / E), and an expert's assignments after the first C, in the order of the tokens,
            are dropped. None: C is the largest load, and none is.

    Raises:
        BadShape: the factor is not positive, or tokens, routing and experts do not fit.
    """
    if factor is not None and factor <= 0:
        raise BadShape(f"a capacity factor of {factor}", "give a positive number, or None for no drop")
    tokens, w_in, w_out = operands(x, routing, experts)
    plan = ragged_plan(routing)
    n_rows = plan.token.shape[0]
    if n_rows == 0:
        return nothing(x, routing)
    ends = plan.ends.long()
    starts = ends - torch.diff(ends, prepend=ends.new_zeros(1))
    size = int((ends - starts).max()) if factor is None else -int(-factor * n_rows // experts.n_experts)
    numbers = torch.arange(n_rows, device=x.device)
    expert = torch.searchsorted(ends, numbers, right=True)
    place = numbers - starts[expert]
    kept = place < size
    cell = (expert * size + place)[kept]
    buffer = tokens.new_zeros(experts.n_experts * size, experts.d).index_copy(0, cell, gather_rows(tokens, plan)[kept])
    inner = experts.activate(torch.bmm(buffer.view(experts.n_experts, size, experts.d), w_in))
    rows = torch.bmm(inner, w_out).view(-1, experts.d)
    out = tokens.new_zeros(n_rows, experts.d).index_copy(0, numbers[kept], rows.index_select(0, cell))
    return combine_rows(out, plan).to(x.dtype)
