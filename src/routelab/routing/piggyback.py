"""Piggy-back routing: experts that the batch has loaded anyway are free to all of its tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, check_logits, with_statistics


class PiggyBack(Router):
    """Each token keeps its k0 best experts and may add, up to k, those that others keep (OEA, arXiv 2511.02237).

    p = softmax(W_r x); U = union over tokens of their k0 best; S_i = the k best of token i that lie in U (its own k0
    come first); weight = p_S / sum p_S. T, the distinct experts, is |U|: k0 sets what is loaded, k what is computed.
    Changes outputs, and a token's depends on its batch: not causal. State as in `TopK`; made for decoding.

    Reconstruction: `rank_limit`, how far down a token's own order it may go for a loaded expert; None for any.

    Args:
        k: most experts of a token. k0: those it brings itself.
    """

    causal = False

    def __init__(self, d: int, n_experts: int, k: int, k0: int, *, rank_limit: int | None = None) -> None:
        super().__init__(d, n_experts, k)
        if not 1 <= k0 <= k or (rank_limit is not None and rank_limit < k):
            raise BadShape(f"k0 {k0} of k {k} within rank {rank_limit}", "choose 1 <= k0 <= k <= rank")
        self.k, self.k0, self.rank_limit = k, k0, rank_limit
        self.gate = nn.Linear(d, n_experts, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        return self.route(check_logits(self.gate(self.check_tokens(x)).float()))

    def route(self, z: Tensor) -> Routing:
        """The routing that logits z [N, E] of one step give."""
        p = torch.softmax(z, -1)
        best = p.topk(self.n_experts if self.rank_limit is None else min(self.rank_limit, self.n_experts), dim=-1)
        own = best.indices[:, : self.k0]
        loaded = torch.zeros(self.n_experts, dtype=torch.bool, device=z.device)
        loaded[own.flatten()] = True
        free = loaded[best.indices]
        order = torch.sort((~free).to(torch.int8), dim=-1, stable=True).indices[:, : self.k]  # loaded first, best first
        free = free.gather(1, order)
        index, weight = best.indices.gather(1, order), torch.where(free, best.values.gather(1, order), 0.0)
        weight = weight / weight.sum(-1, keepdim=True)
        return with_statistics(
            Routing(index.where(free, 0), weight, free, self.n_experts, logits=z), loaded=loaded.sum()
        )
