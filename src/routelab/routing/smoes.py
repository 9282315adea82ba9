"""SMoES: softmax top-k whose training encourages bins of experts to specialise by modality."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import Context, Router, Routing, balance_loss, check_logits, load_fraction
from routelab.routing.modality_score import GaussianScore, one_hot
from routelab.routing.specialisation import (
    TINY,
    Bins,
    bin_use,
    modality_load,
    modality_specialisation_index,
    mutual_information,
    symmetric_divergence,
)

Score = Literal["attention", "gaussian", "hard"]
Term = Literal["mi", "kl", "none"]


class SMoES(Router):
    """Soft modality-guided routing (SMoES, arXiv 2604.23996; no public code; formulas from two notes that agree).

    The routing itself is softmax top-k with normalised weights, at inference to the letter: a model trained with it
    costs what the top-k model costs. In training two losses are added:

    - `information` * L_MI = -I(m; b), the mutual information between a token's soft modality score and the bins of
      experts that it uses, per sample, averaged over samples (`bin_use`, `mutual_information`);
    - `balance` * sum_b N_B sum_{e in b} f_e P_e, where f and P are normalised inside each bin, so that experts of a bin
      are balanced and bins may differ [R]. With fractions over all experts (`bin_balance="global"`) the same formula is
      the plain balance loss divided by the number of bins.

    Args:
        n_bins: must divide E; 8 in the paper. resort_every: training steps between two sorts of the bins [R: 100].
        score: `attention` (the model hands `context.modality_score`, see `propagate`), `gaussian` (kept here, needs
            `context.modality` in training), or `hard` (the token's origin).
        bins: `sorted` by specialisation, or `fixed` as they began.
        term: `mi`; `kl` (maximises the symmetric KL divergence of the two modalities' use of bins instead [R: form]);
            `none` (binning only: the bins' balance loss alone).
        gate: which probability stands in the information term [R]: `masked` (full softmax, zero outside of top-k),
            `full`, or `renormalised` (the combine weights).
        beta: of the moving averages.
    """

    def __init__(
        self,
        d: int,
        n_experts: int,
        k: int,
        *,
        n_bins: int = 8,
        score: Score = "attention",
        bins: Literal["sorted", "fixed"] = "sorted",
        term: Term = "mi",
        gate: Literal["masked", "full", "renormalised"] = "masked",
        bin_balance: Literal["inside", "global"] = "inside",
        information: float = 1e-4,
        balance: float = 1e-3,
        resort_every: int = 100,
        beta: float = 0.99,
    ) -> None:
        super().__init__(d, n_experts, k)
        for option, given, choices in (
            ("score", score, get_args(Score)),
            ("bins", bins, ("sorted", "fixed")),
            ("term", term, get_args(Term)),
            ("gate", gate, ("masked", "full", "renormalised")),
            ("bin_balance", bin_balance, ("inside", "global")),
        ):
            if given not in choices:
                raise BadShape(f"{option}={given!r}", f"choose one of: {', '.join(choices)}")
        if resort_every < 1:
            raise BadShape(f"bins sorted every {resort_every} steps", "give at least 1")
        self.k, self.score, self.term, self.gate_kind, self.bin_balance = k, score, term, gate, bin_balance
        self.information, self.balance = information, balance
        self.resort_every = resort_every if bins == "sorted" else 0
        self.gate = nn.Linear(d, n_experts, bias=False)
        self.bins = Bins(n_experts, n_bins, beta=beta)
        self.gaussian = GaussianScore(d, beta=beta) if score == "gaussian" else None
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    steps: Tensor

    def forward(self, x: Tensor, context: Context | None = None) -> Routing:
        z = check_logits(self.gate(self.check_tokens(x)).float())
        p = torch.softmax(z, -1)
        chosen, index = p.topk(self.k, dim=-1)
        weight = chosen / chosen.sum(-1, keepdim=True)
        routing = Routing(index, weight, torch.ones_like(index, dtype=torch.bool), self.n_experts, logits=z)
        if not self.training:
            return routing
        context = context or Context()
        score = self._score(x, context)
        if self.gate_kind == "full":
            g = p
        else:
            g = torch.zeros_like(p).scatter(1, index, chosen if self.gate_kind == "masked" else weight)
        information, extra = self._information(bin_use(score, g, self.bins, context.sample))
        aux = {"balance": self.balance * self._balance(routing, p), **extra}
        load = modality_load(routing, score)
        self._step(load)
        origin = modality_load(routing, one_hot(context.modality)) if context.modality is not None else load
        statistics = {"information": information.detach(), "msi": modality_specialisation_index(origin)}
        return replace(routing, aux=aux, statistics=statistics)

    def _score(self, x: Tensor, context: Context) -> Tensor:
        """M, float [N, 2], without a gradient."""
        if self.score == "attention":
            if context.modality_score is None or tuple(context.modality_score.shape) != (x.shape[0], 2):
                raise BadShape("SMoES by attention without a score per token", "give context.modality_score, [N, 2]")
            return context.modality_score.detach().float()
        if context.modality is None or tuple(context.modality.shape) != (x.shape[0],):
            raise BadShape(f"SMoES by {self.score} score without modalities", "give context.modality, int64 [N]")
        if self.gaussian is None:
            return one_hot(context.modality)
        self.gaussian.update(x.detach(), context.modality)
        score: Tensor = self.gaussian(x.detach())
        return score

    def _information(self, use: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean mutual information over samples, and the loss made of it (or of the divergence)."""
        if not use.shape[0]:
            return use.sum(), {}
        information = mutual_information(use).mean()
        if self.term == "mi":
            return information, {"information": -self.information * information}
        if self.term == "kl":
            both = (use.sum(2) > 0).all(1)  # a sample of one modality has nothing to tell apart
            divergence = torch.where(both, symmetric_divergence(use), 0.0).mean()
            return information, {"information": -self.information * divergence}
        return information, {}

    def _balance(self, routing: Routing, p: Tensor) -> Tensor:
        """sum_b N_B sum_{e in b} f_e P_e: n_bins where each bin is balanced inside; a scalar."""
        fraction = load_fraction(routing.index, routing.real, self.n_experts)
        if self.bin_balance == "global" or not p.shape[0]:
            return balance_loss(fraction, p) / self.bins.n_bins
        mean, of = p.mean(0), self.bins.of
        fraction = fraction / self.bins.sums(fraction)[of].clamp(min=TINY)
        mean = mean / self.bins.sums(mean)[of].clamp(min=TINY)
        return self.bins.size * (fraction * mean).sum()

    @torch.no_grad()
    def _step(self, load: Tensor) -> None:
        """Move the loads, and sort the bins when it is time."""
        self.bins.update(load)
        self.steps += 1
        if self.resort_every and int(self.steps) % self.resort_every == 0:
            self.bins.sort()
