"""Soft MoE's routing: every slot is a mix of an image's tokens, every token a mix of the slots' outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from routelab._errors import BadShape


class SoftSlots(nn.Module):
    """Dispatch and combine weights of Soft MoE (Puigcerver et al., arXiv 2308.00951, and its code).

    logits = l2norm(X) (scale * l2norm(Phi)), X [m, d], Phi [d, E p], both normalised over d. Dispatch D = softmax over
    tokens, slot inputs D^T X; combine C = softmax over all E p slots, Y = C * (slot outputs). No auxiliary loss and
    nothing dropped. A token's weights depend on all tokens of its sample: not causal, so for encoders and visual
    tokens only.

    Args:
        slots: p, slots per expert.
        noise: standard deviation of noise on the logits in training, 0 in the released code.

    Attributes:
        phi: [d, E, p]. scale: scalar, starts at 1.
    """

    causal = False

    def __init__(self, d: int, n_experts: int, slots: int = 1, *, noise: float = 0.0) -> None:
        super().__init__()
        if min(d, n_experts, slots) < 1 or noise < 0:
            raise BadShape(
                f"{slots} slots for each of {n_experts} experts of width {d}, noise {noise}", "give positive numbers"
            )
        self.d, self.n_experts, self.slots, self.noise = d, n_experts, slots, noise
        self.phi = nn.Parameter(torch.randn(d, n_experts, slots) / d**0.5)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, there: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(D, C), both float32 [B, m, E p].

        Args:
            x: [B, m, d], samples of m tokens. there: bool [B, m], False where a token is padding: it gets no dispatch
                weight, and what its row of C says means nothing.

        Raises:
            BadShape: x is not [B, m, d].
        """
        if x.dim() != 3 or x.shape[2] != self.d:
            raise BadShape(f"samples of shape {tuple(x.shape)}", f"give [B, m, {self.d}]")
        phi = self.phi.flatten(1).float()
        with torch.autocast(x.device.type, enabled=False):  # logits of 8 bits would be other weights
            logits = unit(x.float(), -1) @ (self.scale.float() * unit(phi, 0))
        if self.training and self.noise:
            logits = logits + self.noise * torch.randn_like(logits)
        if there is None:
            return torch.softmax(logits, 1), torch.softmax(logits, 2)
        dispatch = torch.softmax(logits.masked_fill(~there[..., None], torch.finfo(logits.dtype).min), 1)
        return dispatch * there[..., None], torch.softmax(logits, 2)

    def ratio(self, tokens: int) -> float:
        """Slots per token, E p / m: it stands for the sparsity ratio, as each token reaches all experts."""
        return self.n_experts * self.slots / tokens


def unit(x: Tensor, dim: int) -> Tensor:
    """x over its l2 norm along a dimension, with 1e-6 under the root as in the released code."""
    return x * torch.rsqrt(x.square().sum(dim, keepdim=True) + 1e-6)
