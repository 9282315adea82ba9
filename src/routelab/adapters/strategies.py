"""Routing strategies that need no training, in place of a real model's router."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from routelab._errors import BadShape
from routelab.adapters.offer import Offer
from routelab.routing import VISION, Context, Router, Routing
from routelab.routing.fractional import draw_slots


class Strategy(Protocol):
    """`(offer, context) -> Routing`, called by each MoE layer; `context.layer` is the layer's number, from 0."""

    def __call__(self, offer: Offer, context: Context) -> Routing: ...


@dataclass(frozen=True)
class Stock:
    """The model's own routing, untouched: to the bit. For traces, and as the control of every other strategy."""

    def __call__(self, offer: Offer, context: Context) -> Routing:
        real = torch.ones_like(offer.index, dtype=torch.bool)
        return Routing(offer.index, offer.weight, real, offer.n_experts, logits=offer.logits)


@dataclass(frozen=True)
class Fewer:
    """The `k` best experts instead of the stock number; more are possible too."""

    k: int

    def __call__(self, offer: Offer, context: Context) -> Routing:
        return offer.routing(offer.best(_slots(self.k, offer)))


@dataclass(frozen=True)
class Fractional:
    """floor or ceil of `mean` experts, by a draw that knows nothing of the token: the control at any budget."""

    mean: float

    def __call__(self, offer: Offer, context: Context) -> Routing:
        if not math.isfinite(self.mean):
            raise BadShape(f"a mean of {self.mean} experts")
        most = _slots(math.ceil(self.mean), offer)
        slots = draw_slots(offer.index.shape[0], self.mean, context.generator, offer.index.device)
        return offer.routing(offer.best(most), _first(slots, most))


@dataclass(frozen=True)
class ByModality:
    """Another number of experts for visual tokens than for text (FastMMoE, arXiv 2511.17885, without its pruning)."""

    text: int
    vision: int

    def __call__(self, offer: Offer, context: Context) -> Routing:
        most = max(_slots(self.text, offer), _slots(self.vision, offer))
        slots = torch.where(_modality(offer, context) == VISION, self.vision, self.text)
        return offer.routing(offer.best(most), _first(slots, most))


@dataclass(frozen=True)
class Skip:
    """Stock slots whose share of the token's mass, times the layer's sensitivity, is under a threshold are skipped.

    (As MoDES, arXiv 2511.15690, whose code was not read. `alpha` holds one sensitivity a layer; `layer_sensitivity` in
    `routelab.routing` measures them.) Thresholds of text and vision; the best slot stays where `keep_first`.
    """

    text: float
    vision: float
    alpha: tuple[float, ...] = ()
    keep_first: bool = False

    def __call__(self, offer: Offer, context: Context) -> Routing:
        if self.alpha and context.layer >= len(self.alpha):
            raise BadShape(f"{len(self.alpha)} sensitivities for layer {context.layer}", "give one for each MoE layer")
        alpha = self.alpha[context.layer] if self.alpha else 1.0
        index = offer.best(offer.k)
        tau: Tensor | float = self.text
        if self.text != self.vision:
            tau = torch.where(_modality(offer, context) == VISION, self.vision, self.text)[:, None]
        real = alpha * offer.share(index) >= tau
        if self.keep_first:
            real[:, 0] = True
        return offer.routing(index, real)


@dataclass(frozen=True)
class TopMass:
    """The shortest run of best experts that holds a share `p` of all mass, at most `most` (Top-P, arXiv 2403.07652)."""

    p: float
    most: int

    def __call__(self, offer: Offer, context: Context) -> Routing:
        index = offer.best(_slots(self.most, offer))
        share = offer.mass.gather(1, index) / offer.mass.sum(-1, keepdim=True).clamp(min=1e-20)
        before = share.cumsum(-1) - share
        return offer.routing(index, before < self.p)


@dataclass(frozen=True)
class Together:
    """Each token keeps its `k0` best; beyond them only experts that some token of the step keeps (OEA, 2511.02237)."""

    k0: int

    def __call__(self, offer: Offer, context: Context) -> Routing:
        if not 1 <= self.k0 <= offer.k:
            raise BadShape(f"{self.k0} own experts of {offer.k}", f"choose 1 .. {offer.k}")
        order = offer.best(offer.n_experts)
        kept = torch.zeros(offer.n_experts, dtype=torch.bool, device=order.device)
        kept[order[:, : self.k0].flatten()] = True
        allowed = offer.selection.gather(1, order).isfinite() & kept[order]
        first = torch.sort((~allowed).to(torch.int8), dim=-1, stable=True).indices[:, : offer.k]
        return offer.routing(order.gather(1, first), allowed.gather(1, first))


@dataclass(frozen=True)
class RandomChoice:
    """As many experts as stock, drawn at random, with the weights that the router gives them: the floor."""

    def __call__(self, offer: Offer, context: Context) -> Routing:
        draw = torch.rand(offer.logits.shape, generator=context.generator, device=offer.logits.device)
        return offer.routing(draw.topk(offer.k, dim=-1).indices)


@dataclass(frozen=True)
class Routed:
    """Routers of the lab, one for each MoE layer, with weights of their own: also such as have virtual experts."""

    routers: Sequence[Router]

    def __call__(self, offer: Offer, context: Context) -> Routing:
        if context.layer >= len(self.routers):
            raise BadShape(f"{len(self.routers)} routers for layer {context.layer}", "give one for each MoE layer")
        router = self.routers[context.layer]
        if router.n_experts != offer.n_experts:
            raise BadShape(f"a router for {router.n_experts} experts in a layer of {offer.n_experts}")
        routing: Routing = router(offer.tokens, context)
        return routing


def _slots(k: int, offer: Offer) -> int:
    if not 1 <= k <= offer.n_experts:
        raise BadShape(f"{k} experts of {offer.n_experts}", f"choose 1 .. {offer.n_experts}")
    return k


def _first(slots: Tensor, most: int) -> Tensor:
    """bool [N, most], the first `slots` of each row."""
    return torch.arange(most, device=slots.device) < slots[:, None]


def _modality(offer: Offer, context: Context) -> Tensor:
    if context.modality is None or context.modality.shape[0] != offer.index.shape[0]:
        raise BadShape("a strategy by modality where the tokens' is not known", "give input_ids, not embeddings")
    return context.modality
