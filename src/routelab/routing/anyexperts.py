"""AnyExperts: a token's importance sets how many slots it gets, some of which virtual experts may take."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, balance_loss, check_logits, load_fraction
from routelab.routing._slots import slot_statistics

Cap = Literal["both", "per_token", "pool"]
Correction = Literal["add", "multiply", "none"]
Importance = Literal["learned", "shuffled", "shuffled_within_modality", "constant"]


class AnyExperts(Router):
    """AnyExperts (arXiv 2511.18314; no public code, so much of it is our reconstruction, marked [R], behind an option).

    Per token x, with s = norm(x), u = MLP(s), w = sigmoid(u + delta):

    1. x' = x + alpha * w * x is what the router and the experts read; alpha = 0.01.
    2. K = K_min + w * (K_max - K_min), made an integer [R: rounding].
    3. Logits z = W_r x' over E real and V virtual entries; real ones are raised and virtual ones lowered by the
       importance [R: correction]: `add` z + lam*(w - 0.5) and z - lam*(w - 0.5); `multiply` z * (1 + lam*(w - 0.5))
       and z * (1 - lam*(w - 0.5)).
    4. Of the K best entries, n_v are virtual: min(virtual among the K best, floor(rho*K)) [R: cap]; the other
       K - n_v slots go to the best real ones.
    5. Weights: softmax, or sigmoid over its sum, over the chosen entries, real and virtual together [R: gate].
       A virtual expert adds weight * x' (`identity`) or nothing (`zero`) [R: virtual_output].
    6. Losses: `penalty` * mean(u^2) [R: its form] and `balance` * L_bal over the E + V entries.

    The integer K has no gradient. With `straight_through` the weight of a token's last slot (before normalising) gets
    the factor 1 + K_linear - stop(K_linear), which is 1, and hands the gradient of one more slot's weight to w [R].

    The budget at inference is moved by `delta` (added to the importance logit) and `lowered` (taken off K_min and
    K_max) [R]; `routelab.routing.calibrate` finds both.

    Args:
        k_min, k_max: fewest and most slots of a token, 1 <= k_min <= k_max <= E.
        n_virtual: V. Not given: the V whose share of the pool is rho (V = rho/(1-rho) * E, rounded), and twice that
            where the cap is only per token, as else the pool would be the cap.
        rho: largest share of virtual slots. cap: `per_token` as in 4; `pool`: V is the only limit; `both`.
        cap_rounding: `stochastic` draws floor or ceil of rho*K with its fraction; for small K, where the floor is 0.
        lam, alpha, penalty, balance: coefficients above. hidden: width of the MLP, d/16 if not given [R].
        norm: `rms` or `layer` [R]. fusion: step 1; without it router and experts read x.
        importance: `learned`, or a control. `shuffled` permutes w over the tokens of the call: the same histogram of K
            without information; `shuffled_within_modality` keeps what w knows of the modality; `constant`: u = 0.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k_min: int,
        k_max: int,
        *,
        n_virtual: int | None = None,
        rho: float = 0.2,
        cap: Cap = "both",
        cap_rounding: Literal["floor", "stochastic"] = "floor",
        rounding: Literal["round", "stochastic"] = "round",
        correction: Correction = "add",
        lam: float = 1.0,
        fusion: bool = True,
        alpha: float = 0.01,
        gate: Literal["softmax", "sigmoid"] = "softmax",
        virtual_output: Literal["identity", "zero"] = "identity",
        norm: Literal["rms", "layer"] = "rms",
        hidden: int | None = None,
        straight_through: bool = True,
        importance: Importance = "learned",
        penalty: float = 1e-3,
        balance: float = 0.01,
    ) -> None:
        super().__init__(d, n_experts, k_max)
        if not 1 <= k_min <= k_max:
            raise BadShape(f"slots from {k_min} to {k_max}", "give 1 <= k_min <= k_max")
        if not 0 <= rho < 1:
            raise BadShape(f"a virtual share of {rho}", "choose it in 0 .. 1, below 1")
        _one_of("cap", cap, get_args(Cap))
        _one_of("cap_rounding", cap_rounding, ("floor", "stochastic"))
        _one_of("rounding", rounding, ("round", "stochastic"))
        _one_of("correction", correction, get_args(Correction))
        _one_of("gate", gate, ("softmax", "sigmoid"))
        _one_of("virtual_output", virtual_output, ("identity", "zero"))
        _one_of("norm", norm, ("rms", "layer"))
        _one_of("importance", importance, get_args(Importance))
        share = rho / (1 - rho) * n_experts
        if n_virtual is None:
            n_virtual = math.floor(share * (2 if cap == "per_token" else 1) + 0.5)
        if n_virtual < 0 or (cap != "per_token" and n_virtual > math.floor(share + 0.5)):
            raise BadShape(f"{n_virtual} virtual experts beside {n_experts} exceed a share of {rho}", "give fewer")
        self.k_min, self.n_virtual, self.rho, self.cap, self.cap_rounding = k_min, n_virtual, rho, cap, cap_rounding
        self.rounding, self.correction, self.lam, self.fusion, self.alpha = rounding, correction, lam, fusion, alpha
        self.gate_kind, self.virtual_output, self.straight_through = gate, virtual_output, straight_through
        self.importance, self.penalty, self.balance = importance, penalty, balance
        self.causal = not importance.startswith("shuffled")
        self.gate = nn.Linear(d, n_experts + n_virtual, bias=False)
        self.norm: nn.Module = nn.RMSNorm(d) if norm == "rms" else nn.LayerNorm(d)
        width = max(1, d // 16) if hidden is None else hidden
        self.mlp = nn.Sequential(nn.Linear(d, width), nn.SiLU(), nn.Linear(width, 1))
        last = self.mlp[2]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)  # so that w starts at 0.5
        nn.init.zeros_(last.bias)
        self.delta, self.lowered = 0.0, 0

    def importance_parameters(self) -> list[nn.Parameter]:
        """What only the importance uses, for a learning rate of its own."""
        return [*self.norm.parameters(), *self.mlp.parameters()]

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        context = context or Context()
        n = self.check_tokens(x).shape[0]
        u = check_logits(self.mlp(self.norm(x)).float()).squeeze(-1)
        if self.importance == "constant":
            u = torch.zeros_like(u)
        w = torch.sigmoid(u + self.delta)
        if self.importance.startswith("shuffled"):
            w = w[self._permutation(n, context, x.device)]
        seen = x + (self.alpha * w[:, None] * x).to(x.dtype) if self.fusion else x
        z = self._corrected(check_logits(self.gate(seen).float()), w)
        linear, slots = self._slots(w, context.generator)

        real_z, real_index = z[:, : self.n_experts].topk(self.k_max, dim=-1)
        n_kept = min(self.n_virtual, self.k_max)
        virtual_z, virtual_index = z[:, self.n_experts :].topk(n_kept, dim=-1)
        # A virtual entry is among the K best if fewer than K entries stand before it: those that are at least as good
        # among the real ones, and the virtual ones of lower rank.
        before = (real_z[:, None, :] >= virtual_z[:, :, None]).sum(-1) + torch.arange(n_kept, device=x.device)
        n_virtual = (before < slots[:, None]).sum(-1)
        if self.cap != "pool":
            n_virtual = torch.minimum(n_virtual, self._limit(slots, context.generator))
        real = torch.arange(self.k_max, device=x.device) < (slots - n_virtual)[:, None]
        virtual = torch.arange(n_kept, device=x.device) < n_virtual[:, None]

        weight = self._weights(torch.cat([real_z, virtual_z], 1), torch.cat([real, virtual], 1), linear)
        share = weight[:, self.k_max :].sum(-1)
        bypass = None
        if self.virtual_output == "identity" and self.n_virtual:
            bypass = (share[:, None] * seen).to(x.dtype)
        entries = torch.cat([real_index, virtual_index + self.n_experts], 1)
        fraction = load_fraction(entries, torch.cat([real, virtual], 1), self.n_experts + self.n_virtual)
        return Routing(
            real_index,
            weight[:, : self.k_max],
            real,
            self.n_experts,
            bypass=bypass,
            inputs=seen if self.fusion else None,
            aux={
                "balance": self.balance * balance_loss(fraction, torch.softmax(z, -1)),
                "importance": self.penalty * (u.square().mean() if n else u.sum()),
            },
            logits=z,
            statistics=slot_statistics(w.detach(), slots, n_virtual, self.k_max, context.modality),
        )

    def _permutation(self, n: int, context: Context, device: torch.device) -> Tensor:
        """A random order of the tokens; within each modality only, where that is asked for. int64 [n]."""
        if self.importance == "shuffled":
            return torch.randperm(n, generator=context.generator, device=device)
        if context.modality is None:
            raise BadShape("shuffling within modalities without any", "give context.modality")
        key = context.modality + torch.rand(n, generator=context.generator, device=device, dtype=torch.float64)
        order = torch.empty(n, dtype=torch.int64, device=device)
        order[context.modality.argsort(stable=True)] = key.argsort()  # both list the tokens modality by modality
        return order

    def _corrected(self, z: Tensor, w: Tensor) -> Tensor:
        """Logits with the real entries raised by importance and the virtual ones lowered; [N, E + V]."""
        if self.correction == "none":
            return z
        shift = self.lam * (w - 0.5)
        sign = z.new_ones(z.shape[1])
        sign[self.n_experts :] = -1
        change = shift[:, None] * sign
        return z + change if self.correction == "add" else z * (1 + change)

    def _slots(self, w: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """K before and after it is made an integer: float [N] with gradient, int64 [N]."""
        low, high = max(1, self.k_min - self.lowered), max(1, self.k_max - self.lowered)
        linear = low + w * (high - low)
        half: Tensor | float = 0.5
        if self.rounding == "stochastic":
            half = torch.rand(w.shape, generator=generator, device=w.device)
        return linear, torch.floor(linear.detach() + half).long().clamp(low, high)

    def _limit(self, slots: Tensor, generator: torch.Generator | None) -> Tensor:
        """Most virtual slots of each token; int64 [N]. The 1e-6 keeps 0.29 * 100 at 29."""
        limit = self.rho * slots.double() + 1e-6
        if self.cap_rounding == "stochastic":
            limit = limit + torch.rand(slots.shape, generator=generator, device=slots.device, dtype=torch.float64)
        return torch.floor(limit).long()

    def _weights(self, z: Tensor, chosen: Tensor, linear: Tensor) -> Tensor:
        """Combine weights of real and virtual slots: [N, K_max + V'], rows sum to 1, 0 where not chosen."""
        if self.straight_through and z.shape[1]:
            last = z.detach().masked_fill(~chosen, math.inf).argmin(-1, keepdim=True)
            marginal = (linear - linear.detach())[:, None]  # 0, with the gradient of K
        else:
            last, marginal = None, None
        if self.gate_kind == "softmax":
            if last is not None and marginal is not None:
                z = z.scatter_add(1, last, marginal)  # exp(z + 0) = exp(z) * (1 + 0)
            return torch.softmax(z.masked_fill(~chosen, -math.inf), -1)
        score = functional.sigmoid(z)
        if last is not None and marginal is not None:
            score = score.scatter_add(1, last, marginal * score.gather(1, last).detach())
        score = score * chosen
        return score / score.sum(-1, keepdim=True).clamp(min=1e-20)


def _one_of(option: str, given: str, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise BadShape(f"{option}={given!r}", f"choose one of: {', '.join(choices)}")
