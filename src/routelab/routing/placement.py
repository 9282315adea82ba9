"""Experts on several devices: who lives where, and how many tokens have to travel (E3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from routelab._errors import BadShape
from routelab.routing._base import Routing
from routelab.routing.specialisation import specialisation


@dataclass(frozen=True)
class Traffic:
    """Share of (token, expert) pairs whose expert is on another device than the token, and of tokens with any such.

    The paper does not say how a token whose experts are on both devices counts; so both rates are given [R].
    """

    pair_remote: float
    any_remote: float
    pairs: int
    tokens: int


def place(load: Tensor, n_devices: int) -> Tensor:
    """Device of each expert: sorted by specialisation and sliced, the same way for every router.

    Args:
        load: [2, E] loads by modality of one layer.

    Returns:
        int64 [E], 0 .. n_devices - 1; the experts that serve most text are on device 0. Equal ones keep their order.
    """
    n_experts = load.shape[1]
    if n_devices < 1 or n_experts % n_devices:
        raise BadShape(f"{n_experts} experts on {n_devices} devices", "choose a number that divides the experts")
    order = specialisation(load).argsort(stable=True, descending=True)
    device = torch.empty(n_experts, dtype=torch.int64)
    device[order] = torch.arange(n_experts) // (n_experts // n_devices)
    return device


def homes(load: Tensor, device: Tensor) -> Tensor:
    """Home device of each modality: the one that most of its assignments go to; int64 [2], the first of equals."""
    by_device = torch.zeros(2, int(device.max()) + 1).index_add(1, device, load.float().cpu())
    return by_device.argmax(1)


def traffic(routing: Routing, modality: Tensor, device: Tensor, home: Tensor) -> Traffic:
    """Rates of one layer and step, from the device of each expert [E] and the home of each modality [2]."""
    at = device[routing.index.clamp(0, routing.n_experts - 1)]
    remote = routing.real & (at != home[modality][:, None])
    pairs, tokens = int(routing.real.sum()), int(routing.real.any(1).sum())
    return Traffic(int(remote.sum()) / max(pairs, 1), int(remote.any(1).sum()) / max(tokens, 1), pairs, tokens)


def link_time(messages: int, n_bytes: float, *, latency: float, bandwidth: float) -> float:
    """Seconds that traffic takes on a link: the alpha-beta model, messages * latency + bytes / bandwidth.

    Args:
        latency: seconds of one message. bandwidth: bytes per second.
    """
    return messages * latency + n_bytes / bandwidth
