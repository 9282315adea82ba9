"""Where the tokens of a batch lie: places in a rectangle, and which of them hold a token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from routelab.routing import TEXT, VISION


@dataclass(frozen=True)
class Layout:
    """A batch of B samples with L places each; the layers compute the N places that hold a token, and no other.

    Attributes:
        valid: bool [B, L]. index: int64 [N], the places that hold a token, flat; None if all do.
        bias: float [B, L, P + L], 0 where a query sees a key, else minus infinity (P: places in the cache).
        modality, sample, position: int64 [N], of each token: `TEXT` or `VISION`, its sample, its place 0..L-1.
    """

    valid: Tensor
    index: Tensor | None
    bias: Tensor
    modality: Tensor
    sample: Tensor
    position: Tensor

    def pack(self, x: Tensor) -> Tensor:
        """[B, L, c] -> [N, c]."""
        flat = x.reshape(-1, x.shape[-1])
        return flat if self.index is None else flat.index_select(0, self.index)

    def unpack(self, x: Tensor) -> Tensor:
        """[N, c] -> [B, L, c], zeros where there is no token."""
        b, length = self.valid.shape
        if self.index is None:
            return x.view(b, length, x.shape[-1])
        return x.new_zeros(b * length, x.shape[-1]).index_copy(0, self.index, x).view(b, length, x.shape[-1])


def lay_out(valid: Tensor, visual: int, first: int = 0, past: Tensor | None = None) -> Layout:
    """The layout of a batch, or of the places that follow a cache.

    Args:
        valid: bool [B, L], which of the new places hold a token. visual: number of visual places at the start.
        first: number of the first new place, after those in the cache. past: bool [B, first], valid places there.
    """
    b, length = valid.shape
    device = valid.device
    query = torch.arange(first, first + length, device=device)
    keys = torch.arange(first + length, device=device)
    # Causal, save that visual tokens see each other; a place sees itself, so that no row of the softmax is empty.
    sees = (keys[None, :] <= query[:, None]) | ((keys[None, :] < visual) & (query[:, None] < visual))
    holds = valid if past is None else torch.cat((past, valid), 1)
    allowed = sees.unsqueeze(0) & (holds.unsqueeze(1) | (keys[None, :] == query[:, None]).unsqueeze(0))
    bias = torch.zeros(b, length, first + length, device=device).masked_fill_(~allowed, float("-inf"))
    index = None if bool(valid.all()) else valid.flatten().nonzero().squeeze(1)
    places = torch.arange(b * length, device=device) if index is None else index
    position = places % length + first
    modality = torch.where(position < visual, VISION, TEXT)
    return Layout(valid, index, bias, modality, places // length, position)
