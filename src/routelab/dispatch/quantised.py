"""Experts with int8 weights: half of the bytes of bf16, a quarter of those of float32, for memory-bound steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape, LabError
from routelab.dispatch._plan import combine_rows, gather_rows, nothing, ragged_plan
from routelab.dispatch.experts import Experts
from routelab.routing import Routing

#: The product reads rows in blocks of 16 weights: with another depth it gives garbage or ends the process, unasked
#: (torch 2.13, CPU). Depths are therefore filled up with zeros.
_DEPTH = 16


def int8_product() -> bool:
    """Whether this build of torch multiplies bf16 rows by int8 weights without widening them first."""
    return hasattr(torch, "_weight_int8pack_mm")


class Int8Experts(nn.Module):
    """Weight-only int8 of some experts, symmetric, one scale per output column: w = scale * q, q in -127 .. 127.

    Attributes:
        q_in: int8 [E, F', d]. scale_in: [E, F']. q_out: int8 [E, d, F]. scale_out: [E, d]. The depths d and F are
        filled up with zeros to multiples of 16. The products are made in bf16.

    Raises:
        LabError: this build of torch has no such product.
    """

    q_in: Tensor
    scale_in: Tensor
    q_out: Tensor
    scale_out: Tensor

    def __init__(self, experts: Experts) -> None:
        super().__init__()
        if not int8_product():
            raise LabError("this build of torch has no int8 weight product", "use fp32 or bf16")
        self.n_experts, self.d, self.width, self.kind = experts.n_experts, experts.d, experts.width, experts.kind
        self.activate = experts.activate
        for name, weight in (("in", experts.w_in), ("out", experts.w_out)):
            q, scale = quantise(weight.detach().float().transpose(1, 2))
            self.register_buffer(f"q_{name}", functional.pad(q, (0, -q.shape[-1] % _DEPTH)).contiguous())
            self.register_buffer(f"scale_{name}", scale.to(torch.bfloat16))

    def weight_bytes(self) -> int:
        """Bytes of one expert."""
        return self.q_in[0].numel() + self.q_out[0].numel() + 2 * (self.scale_in[0].numel() + self.scale_out[0].numel())

    def forward(self, x: Tensor, routing: Routing) -> Tensor:
        """Sum over the real slots of weight * expert(x): bf16 [N, d] from bf16 [N, d], one slice per expert.

        Raises:
            BadShape: tokens are not bf16 [N, d], or were not the ones routed.
        """
        if x.dtype != torch.bfloat16 or x.dim() != 2 or x.shape[1] != self.d or routing.index.shape[0] != x.shape[0]:
            raise BadShape(f"tokens {x.dtype} {tuple(x.shape)}", f"give bf16 [N, {self.d}], N as routed")
        plan = ragged_plan(routing)
        if plan.token.shape[0] == 0:
            return nothing(x, routing)
        rows = gather_rows(x, plan)
        parts, start = [], 0
        for expert, end in enumerate(plan.ends.tolist()):
            if end > start:
                inner = self.activate(_product(rows[start:end], self.q_in[expert], self.scale_in[expert]))
                parts.append(_product(inner, self.q_out[expert], self.scale_out[expert]))
                start = end
        return combine_rows(torch.cat(parts), plan)


def _product(rows: Tensor, q: Tensor, scale: Tensor) -> Tensor:
    """rows [n, a] times scale * q [b, a'], a' the filled depth: [n, b]."""
    more = q.shape[1] - rows.shape[1]
    return torch._weight_int8pack_mm(functional.pad(rows, (0, more)) if more else rows.contiguous(), q, scale)


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 rows and their scales, symmetric and nearest: ([.., n, k] int8, [.., n]); a row of zeros has scale 1."""
    scale = weight.abs().amax(-1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    q = (weight / scale.unsqueeze(-1)).round().clamp(-127, 127).to(torch.int8).contiguous()
    return q, scale
