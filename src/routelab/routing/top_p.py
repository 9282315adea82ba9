"""Top-P: as many experts as it takes to gather a share P of the router's probability; and P held by a controller."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import (
    Context,
    Router,
    Routing,
    balance_loss,
    check_logits,
    load_fraction,
    with_statistics,
)


def shortest_prefix(p: Tensor, threshold: float | Tensor, k_max: int) -> tuple[Tensor, Tensor, Tensor]:
    """The fewest most probable entries whose sum reaches the threshold: (probability, index, taken), each [N, k_max].

    The entry that crosses belongs to it, so that there is always one; k_max entries are the most.
    """
    chosen, index = p.topk(k_max, dim=-1)
    before = chosen.cumsum(-1) - chosen
    before[:, :1] = 0.0  # exactly: rounding must not lose the first
    return chosen, index, before < threshold


def entropy(p: Tensor) -> Tensor:
    """Mean over tokens of the entropy of p [N, E], in nats; 0 for no token."""
    h: Tensor = torch.special.entr(p).sum(-1)
    return h.mean() if h.numel() else h.sum()


class TopP(Router):
    """Top-P routing, "Harder tasks need more experts" (Huang et al., arXiv 2403.07652, and its code).

    p = softmax(W_r x), sorted downwards; S = the shortest prefix whose sum reaches P; weight = p_S, as the paper's code
    has it, or p_S / sum p_S with `normalise`. The entropy of p is penalised, so that the router does not flatten p to
    use every expert; the coefficients 1e-4 (balance) and 1e-3 (entropy) are those that arXiv 2512.13996 tuned for this
    method, the paper's own were not found (reconstruction). The mean number of experts cannot be set directly: `shift`
    is added to P (budget knob at inference, reconstruction).

    Args:
        p: P in (0, 1]; the released configuration has 0.4.
        k_max: most experts of a token; None for E, as the paper has it.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        *,
        p: float = 0.4,
        k_max: int | None = None,
        normalise: bool = False,
        balance: float = 1e-4,
        entropy_coefficient: float = 1e-3,
    ) -> None:
        super().__init__(d, n_experts, n_experts if k_max is None else k_max)
        if not 0 < p <= 1:
            raise BadShape(f"a threshold of {p}", "choose P in (0, 1]")
        self.p, self.normalise, self.balance = p, normalise, balance
        self.entropy_coefficient = entropy_coefficient
        self.shift = 0.0
        self.gate = nn.Linear(d, n_experts, bias=False)

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        return self.route(z, self.p + self.shift)

    def route(self, z: Tensor, threshold: float | Tensor) -> Routing:
        """The routing that logits z [N, E] and a threshold give."""
        p = torch.softmax(z, -1)
        chosen, index, real = shortest_prefix(p, threshold, self.k_max)
        weight = torch.where(real, chosen, 0.0)
        if self.normalise:
            weight = weight / weight.sum(-1, keepdim=True)
        fraction = load_fraction(index, real, self.n_experts)
        h = entropy(p)
        aux = {"balance": self.balance * balance_loss(fraction, p)}
        if self.entropy_coefficient:
            aux["entropy"] = self.entropy_coefficient * h
        return with_statistics(Routing(index, weight, real, self.n_experts, aux=aux, logits=z), entropy=h)


class ThresholdController(nn.Module):
    """A PI controller that holds the mean number of experts at a target by moving the threshold of Top-P.

    e_t = (target - measured mean k) / E; P = P_0 + K_p e_t + K_i * sum of e (arXiv 2512.13996). Gains, the average
    and the limits were not found; reconstruction: K_p = 0.1, K_i = 0.01, on a moving average of e (decay 0.9), P within
    [0.02, 0.98] and the sum held where it alone would leave that range.

    Attributes:
        threshold: P, scalar.
    """

    threshold: Tensor
    error: Tensor
    total: Tensor
    reported: Tensor

    def __init__(
        self, target: float, n_experts: int, start: float, *, k_p: float = 0.1, k_i: float = 0.01, decay: float = 0.9
    ) -> None:
        super().__init__()
        self.target, self.n_experts, self.start = target, n_experts, start
        self.k_p, self.k_i, self.decay = k_p, k_i, decay
        self.register_buffer("threshold", torch.tensor(start))
        self.register_buffer("error", torch.tensor(0.0))
        self.register_buffer("total", torch.tensor(0.0))
        self.register_buffer("reported", torch.zeros(2), persistent=False)  # experts, tokens

    @torch.no_grad()
    def report(self, real: Tensor) -> None:
        """Count the real slots of a routing, [N, K_max], for the next step."""
        self.reported += torch.stack([real.sum(), torch.tensor(real.shape[0], device=real.device)])

    @torch.no_grad()
    def step(self) -> None:
        """Move the threshold by what was reported since the last step; without a report nothing happens."""
        experts, tokens = self.reported
        if not bool(tokens):
            return
        e = (self.target - experts / tokens) / self.n_experts
        self.error.mul_(self.decay).add_(e, alpha=1 - self.decay)
        self.total.add_(self.error)
        if self.k_i > 0:
            self.total.clamp_((0.02 - self.start) / self.k_i, (0.98 - self.start) / self.k_i)
        self.threshold.copy_((self.start + self.k_p * self.error + self.k_i * self.total).clamp(0.02, 0.98))
        self.reported.zero_()


class DTopP(TopP):
    """DTop-p: Top-P whose threshold a controller moves so that the mean number of experts is k (arXiv 2512.13996).

    The logits of each token are standardised over the experts and multiplied by a learned scale of the layer, so that
    one threshold fits all layers. That the mean and deviation are the token's, and the scale's start of 1, are
    reconstruction. The threshold is global: `share_controller` gives all layers one; without it each layer has its own
    (reconstruction). After each optimiser step `after_step` moves it. No z-loss: the paper found it harmful.

    Args:
        k: target of the mean number of experts. start: P_0.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: float,
        *,
        start: float = 0.4,
        k_p: float = 0.1,
        k_i: float = 0.01,
        k_max: int | None = None,
        normalise: bool = False,
        balance: float = 1e-4,
        entropy_coefficient: float = 0.0,
    ) -> None:
        super().__init__(
            d,
            n_experts,
            p=start,
            k_max=k_max,
            normalise=normalise,
            balance=balance,
            entropy_coefficient=entropy_coefficient,
        )
        if not 1 <= k <= self.k_max:
            raise BadShape(f"a mean of {k} experts with at most {self.k_max}", f"choose k in 1 .. {self.k_max}")
        self.controller = ThresholdController(k, n_experts, start, k_p=k_p, k_i=k_i)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        z = z - z.mean(-1, keepdim=True)
        z = self.scale * z * torch.rsqrt(z.square().mean(-1, keepdim=True) + 1e-12)
        routing = self.route(z, self.controller.threshold + self.shift)
        if self.training:
            self.controller.report(routing.real)
        return with_statistics(routing, threshold=self.controller.threshold.clone())

    def after_step(self) -> None:
        """Let the controller move; of layers that share it, the first one moves it."""
        self.controller.step()


def share_controller(routers: Iterable[DTopP]) -> ThresholdController:
    """Give all routers the controller of the first: one global threshold, as the paper has it.

    Raises:
        BadShape: there is no router.
    """
    every = list(routers)
    if not every:
        raise BadShape("no router to share a controller", "give the DTop-p routers of all layers")
    for router in every:
        router.controller = every[0].controller
    return every[0].controller
