"""What every router returns, what it may look at, and the checks and losses that routers share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from routelab._errors import BadShape

TEXT, VISION = 0, 1


@dataclass(frozen=True)
class Context:
    """What a router may look at beside the tokens' hidden states; every field may be missing.

    Attributes:
        modality: int64 [N], `TEXT` or `VISION`: where each token comes from.
        token: int64 [N]: id of each token in the vocabulary; for a visual token whatever names it (its position). Only
            hash routing looks at it.
        sample: int64 [N]: which sample of the batch each token belongs to, from 0.
        layer: number of the MoE layer, from 0.
        previous_logits: float [N, E']: router logits of the MoE layer before (gating residual of MoE++).
        modality_score: float [N, 2], rows sum to 1: soft share of text and vision in each token (SMoES).
        generator: source of the random numbers of routers that draw any; without one the global one serves.
    """

    modality: Tensor | None = None
    token: Tensor | None = None
    sample: Tensor | None = None
    layer: int = 0
    previous_logits: Tensor | None = None
    modality_score: Tensor | None = None
    generator: torch.Generator | None = None


@dataclass(frozen=True)
class Routing:
    """Which experts run on which token, with which weight: the one thing that every router returns.

    Slots are columns. A slot is *real* if an expert is run for it; every other slot (virtual, copy, null, masked) costs
    no expert and its index means nothing. Only real slots are executed and counted.

    Attributes:
        index: int64 [N, K_max], expert of each slot; in real slots 0 <= index < E, and no expert twice in a row.
        weight: float [N, K_max], combine weight; exactly 0 in slots that are not real.
        real: bool [N, K_max].
        n_experts: E.
        bypass: float [N, d] or None: what slots without an expert add to the output (virtual identity, copy, constant).
        inputs: float [N, d] or None: what the experts read instead of the tokens (residual fusion of AnyExperts).
        aux: auxiliary losses by name, scalars, each already times its coefficient; their sum joins the task's loss.
            Balance losses are not computed, but 0, under torch.no_grad().
        logits: float [N, E'] router logits, for gating residuals and statistics, or None.
        statistics: detached numbers to log, by name (scalar or small tensor).
    """

    index: Tensor
    weight: Tensor
    real: Tensor
    n_experts: int
    bypass: Tensor | None = None
    inputs: Tensor | None = None
    aux: Mapping[str, Tensor] = field(default_factory=dict)
    logits: Tensor | None = None
    statistics: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def k_max(self) -> int:
        return self.index.shape[1]

    def load(self) -> Tensor:
        """Assignments per expert: int64 [E], real slots only."""
        return torch.bincount(self.index[self.real], minlength=self.n_experts)

    def assignments(self) -> int:
        """n_a: number of (token, expert) pairs with real compute."""
        return int(self.real.sum())

    def distinct_experts(self) -> int:
        """T: number of distinct experts that this step touches."""
        return int((self.load() > 0).sum())

    def mean_real_experts(self) -> float:
        """Real expert executions per token; 0 for no token."""
        return self.assignments() / self.index.shape[0] if self.index.shape[0] else 0.0

    def loss(self) -> Tensor:
        """Sum of the auxiliary losses: a scalar, 0 without any."""
        return sum(self.aux.values(), start=self.weight.new_zeros(()))

    def checked(self) -> Routing:
        """Itself, after a look at everything that `index`, `weight` and `real` promise; for tests and for debugging.

        Raises:
            BadShape: shapes do not fit, an index is no expert, a row has one expert twice, or a weight is no number or
                is not zero where no expert runs.
        """
        shape = tuple(self.index.shape)
        if len(shape) != 2 or tuple(self.weight.shape) != shape or tuple(self.real.shape) != shape:
            raise BadShape(f"index {shape}, weight {tuple(self.weight.shape)} and real {tuple(self.real.shape)} differ")
        if self.index.dtype != torch.int64 or self.real.dtype != torch.bool:
            raise BadShape(f"index is {self.index.dtype} and real {self.real.dtype}, not int64 and bool")
        chosen = self.index[self.real]
        if chosen.numel() and (int(chosen.min()) < 0 or int(chosen.max()) >= self.n_experts):
            raise BadShape(f"an index lies outside of 0 .. {self.n_experts - 1}")
        if not bool(torch.isfinite(self.weight).all()):
            raise BadShape("a combine weight is not a finite number")
        if bool((self.weight[~self.real] != 0).any()):
            raise BadShape("a slot without an expert has a combine weight")
        runs = torch.zeros(shape[0], self.n_experts, dtype=torch.int64, device=self.index.device)
        runs.scatter_add_(1, self.index.clamp(0, self.n_experts - 1), self.real.long())
        if runs.numel() and int(runs.max()) > 1:
            raise BadShape("a token has one expert in two slots")
        return self


class Router(nn.Module):
    """A module `(x [N, d], context) -> Routing`. What a subclass may rely on: `x` was looked at by `check_tokens`.

    Attributes:
        d: hidden size. n_experts: E, experts that compute. k_max: most slots of a token.
        causal: whether a token's routing depends on that token alone, so that it may be decoded one token at a time.
    """

    causal: bool = True

    def __init__(self, d: int, n_experts: int, k_max: int) -> None:
        super().__init__()
        if d < 1 or n_experts < 1:
            raise BadShape(f"a router for {n_experts} experts of width {d}", "give at least one expert and one feature")
        if not 1 <= k_max <= n_experts:
            raise BadShape(f"{k_max} slots for {n_experts} experts", f"choose k in 1 .. {n_experts}")
        self.d, self.n_experts, self.k_max = d, n_experts, k_max

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        raise NotImplementedError

    def after_step(self) -> None:
        """What the router does after every optimiser step: most do nothing, some move a bias or a threshold."""

    def check_tokens(self, x: Tensor) -> Tensor:
        """The tokens, after a look at their shape.

        Raises:
            BadShape: they are not [N, d].
        """
        if x.dim() != 2 or x.shape[1] != self.d:
            raise BadShape(f"tokens of shape {tuple(x.shape)}", f"give [N, {self.d}]")
        return x


_looks = True


@contextmanager
def unchecked() -> Iterator[None]:
    """Leave out, in this block, the look for logits that are no numbers, for which each layer waits for a GPU.

    For decoding a model that is known to be sound. Where a CUDA graph is captured the look is left out by itself.
    """
    global _looks
    before, _looks = _looks, False
    try:
        yield
    finally:
        _looks = before


def check_logits(z: Tensor) -> Tensor:
    """Router logits, refused if one is NaN or infinite: top-k of those would route silently at random.

    Raises:
        BadShape: an entry is not a finite number; the message says how many tokens have one.
    """
    if not _looks or (z.is_cuda and torch.cuda.is_current_stream_capturing()):
        return z
    if not bool(torch.isfinite(z).all()):
        bad = int((~torch.isfinite(z)).any(-1).sum())
        raise BadShape(f"router logits of {bad} of {z.shape[0]} tokens are not finite", "lower the learning rate")
    return z


def load_fraction(index: Tensor, real: Tensor, n_entries: int) -> Tensor:
    """f_e of a balance loss: share of the assignments that went to each entry; float [n_entries], zeros for none.

    Zeros too under torch.no_grad(), where no loss is wanted: routers with and without one then cost the same. What was
    really used is `Routing.load`.
    """
    if not torch.is_grad_enabled():
        return torch.zeros(n_entries, device=index.device)
    # A sum instead of bincount(index[real]): that would wait for a GPU. Whole numbers, so exact in any order.
    counts = torch.zeros(n_entries, device=index.device)
    counts.index_add_(0, index.clamp(0, n_entries - 1).flatten(), real.flatten().to(torch.float32))
    return counts / counts.sum().clamp(min=1)


def balance_loss(fraction: Tensor, probability: Tensor) -> Tensor:
    """L_bal = E * sum_e f_e P_e, which is 1 when both are uniform (Switch Transformer, arXiv 2101.03961, eq. 4).

    Args:
        fraction: f, [E]. probability: router probabilities, [N, E]; P_e is their mean over tokens.
    """
    if not torch.is_grad_enabled():
        return probability.new_zeros(())
    if probability.shape[0] == 0:
        return probability.sum()  # no token: zero, and still part of the graph
    return fraction.shape[0] * (fraction.to(probability.dtype) * probability.mean(0)).sum()


def z_loss(z: Tensor) -> Tensor:
    """mean(logsumexp(z)^2) over tokens (ST-MoE, arXiv 2202.08906, eq. 5)."""
    return z.sum() if z.shape[0] == 0 else torch.logsumexp(z, -1).square().mean()


def with_statistics(routing: Routing, **numbers: Tensor) -> Routing:
    """The routing with further detached numbers to log."""
    return replace(routing, statistics={**routing.statistics, **{name: n.detach() for name, n in numbers.items()}})
