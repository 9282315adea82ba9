"""The ragged decode path for a GPU: three Triton kernels over the real slots, nothing that waits for the device."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

from routelab._errors import BadShape, LabError
from routelab.dispatch._plan import operands
from routelab.dispatch.experts import Experts
from routelab.routing import Routing

#: Rows and columns of a block; a program of `up` or `down` reads weights block by block.
BLOCK_ROWS, BLOCK_COLUMNS = 64, 32


def why_not(device: torch.device) -> str | None:
    """What keeps `triton_decode` from running on a device, or None."""
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"tokens are on {device.type}, and Triton's kernels run on a GPU"
    return None


def triton_decode(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
    """Sum over the real slots of weight * expert(x): [N, d], for the few tokens of a decoding step.

    Each real slot reads its expert's weights once, block by block; slots without an expert end at their first load. All
    grids follow from N, K_max, d and F, so nothing waits for the device and a CUDA graph can hold the call. From a few
    dozen tokens on, `grouped` reads each expert once for all of its tokens and is the better one. No gradients.

    With TRITON_INTERPRET=1 in the environment before triton is imported, it runs on a CPU, slowly: so it is tested
    where there is no GPU.

    Raises:
        LabError: triton or a GPU is missing, or a gradient is wanted.
        BadShape: tokens, routing and experts do not fit.
    """
    tokens, w_in, w_out = operands(x, routing, experts)
    missing = why_not(x.device)
    if missing:
        raise LabError(missing, "run `grouped` or `gather` instead")
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, experts.w_in, experts.w_out, routing.weight)):
        raise LabError("the decode path has no gradients", "call it under torch.no_grad()")
    if experts.kind not in ("gelu", "swiglu"):
        raise BadShape(f"an expert of kind {experts.kind}", "the decode path knows gelu and swiglu")
    n, slots = routing.index.shape
    y = torch.empty_like(x)
    if not n:
        return y
    kernels: Any = importlib.import_module("routelab.dispatch._triton_kernels")
    d, width = experts.d, experts.width
    tokens, index = tokens.contiguous(), routing.index.contiguous()
    weight, real = routing.weight.contiguous(), routing.real.contiguous().view(torch.uint8)
    hidden = torch.empty(n * slots, width, dtype=torch.float32, device=x.device)
    partial = torch.empty(n * slots, d, dtype=torch.float32, device=x.device)
    columns = -(-width // BLOCK_COLUMNS), -(-d // BLOCK_COLUMNS)
    kernels.up[(n * slots, columns[0])](
        tokens, w_in, index, real, hidden, slots, d, width, *w_in.stride(),
        gated=experts.kind == "swiglu", rows=BLOCK_ROWS, columns=BLOCK_COLUMNS,
    )  # fmt: skip
    kernels.down[(n * slots, columns[1])](
        hidden, w_out, weight, index, real, partial, d, width, *w_out.stride(),
        rows=BLOCK_ROWS, columns=BLOCK_COLUMNS,
    )  # fmt: skip
    kernels.combine[(n, columns[1])](partial, real, y, slots, d, columns=BLOCK_COLUMNS)
    return y
