"""The weights of a layer's experts, and what one expert computes."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape

Kind = Literal["gelu", "swiglu"]


class Experts(nn.Module):
    """E feed-forward networks of one shape, as two stacked weights.

    `gelu`: W2 gelu(W1 x), 2*d*F weights each. `swiglu`: W2 (silu(Wg x) * Wu x), 3*d*F weights each, with Wg and Wu
    side by side in `w_in`. Without biases, as in the models whose shapes we take.

    Attributes:
        w_in: [E, d, F] or [E, d, 2F]. w_out: [E, F, d].
    """

    def __init__(self, n_experts: int, d: int, width: int, kind: Kind = "gelu") -> None:
        super().__init__()
        if min(n_experts, d, width) < 1:
            raise BadShape(f"{n_experts} experts of width {width} for hidden size {d}", "give positive numbers")
        if kind not in ("gelu", "swiglu"):
            raise BadShape(f"there is no expert of kind {kind!r}", "choose gelu or swiglu")
        self.n_experts, self.d, self.width, self.kind = n_experts, d, width, kind
        self.w_in = nn.Parameter(torch.empty(n_experts, d, width * (2 if kind == "swiglu" else 1)))
        self.w_out = nn.Parameter(torch.empty(n_experts, width, d))
        nn.init.normal_(self.w_in, std=1 / math.sqrt(d))
        nn.init.normal_(self.w_out, std=1 / math.sqrt(width))

    def activate(self, h: Tensor) -> Tensor:
        """What lies between an expert's two products: [.., F] from [.., F] or [.., 2F]."""
        if self.kind == "gelu":
            return functional.gelu(h)
        gate, up = h.chunk(2, -1)
        return functional.silu(gate) * up

    def one(self, expert: int, x: Tensor) -> Tensor:
        """One expert on rows x [n, d]: [n, d]."""
        return self.activate(x @ self.w_in[expert]) @ self.w_out[expert]

    def copy_to_all(self, expert: int = 0) -> None:
        """Make every expert a copy of one (sparse upcycling, arXiv 2212.05055): with weights that sum to 1 the layer
        then computes what that one expert does."""
        with torch.no_grad():
            self.w_in.copy_(self.w_in[expert].clone().expand_as(self.w_in))
            self.w_out.copy_(self.w_out[expert].clone().expand_as(self.w_out))
