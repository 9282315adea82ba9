"""Attention over a batch, with a cache of keys and values, and with its probabilities for whoever needs them.

Written out as two products instead of the fused kernel: on a CPU, with some thirty tokens, the fused kernel's backward
takes four times as long in bf16, and the modality scores of SMoES need the probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Cache:
    """Keys and values of one block: each [B, heads, n, d / heads], and which of the n places hold a token: [B, n]."""

    key: Tensor
    value: Tensor
    valid: Tensor

    def extended(self, key: Tensor, value: Tensor, valid: Tensor) -> Cache:
        return Cache(
            torch.cat((self.key, key), 2), torch.cat((self.value, value), 2), torch.cat((self.valid, valid), 1)
        )


class Attention(nn.Module):
    """Multi-head attention (arXiv 1706.03762, section 3.2) over [B, L, d]."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, d // heads
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)

    def project(self, x: Tensor) -> Tensor:
        """Queries, keys and values of tokens [N, d]: [N, 3d]."""
        return self.qkv(x)  # type: ignore[no-any-return]

    def attend(
        self, qkv: Tensor, bias: Tensor, valid: Tensor, past: Cache | None = None
    ) -> tuple[Tensor, Tensor, Cache]:
        """What each token takes from the others.

        Args:
            qkv: [B, L, 3d]. bias: [B or 1, L, P + L], 0 where a query may see a key, minus infinity elsewhere; P is
                the length of `past`. valid: bool [B, L], which places hold a token.

        Returns:
            [B, L, d] before the output projection; probabilities [B, heads, L, P + L]; the cache with these tokens.
        """
        b, length, _ = qkv.shape
        q, k, v = qkv.view(b, length, 3, self.heads, self.width).permute(2, 0, 3, 1, 4).unbind(0)
        cache = Cache(k, v, valid) if past is None else past.extended(k, v, valid)
        scores = torch.matmul(q, cache.key.transpose(-1, -2)) * (1 / math.sqrt(self.width))
        probabilities = torch.softmax(scores + bias.unsqueeze(1).to(scores.dtype), -1).to(cache.value.dtype)
        mixed = torch.matmul(probabilities, cache.value)
        return mixed.transpose(1, 2).reshape(b, length, self.heads * self.width), probabilities, cache
