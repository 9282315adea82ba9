"""AnyExperts from the steps of its description, token by token, with numpy in float64 and nothing of routelab."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tests.routelab.reference.topk import softmax

Array = NDArray[np.float64]


@dataclass
class Weights:
    gate: Array  # [E + V, d]
    norm: Array  # [d]
    shift: Array | None  # [d], of a LayerNorm; None: RMSNorm
    first: Array  # [h, d]
    first_bias: Array
    second: Array  # [1, h]
    second_bias: Array


@dataclass
class Token:
    real: dict[int, float]
    virtual: dict[int, float]
    slots: int
    seen: Array
    u: float
    scores: list[float]  # corrected logits of all entries


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def importance(x: Array, weights: Weights) -> float:
    if weights.shift is None:
        s = x / math.sqrt(float((x * x).mean()) + float(np.finfo(np.float32).eps)) * weights.norm
    else:
        s = (x - x.mean()) / math.sqrt(float(x.var()) + 1e-5) * weights.norm + weights.shift
    h = weights.first @ s + weights.first_bias
    h = np.array([value * sigmoid(value) for value in h])
    return float((weights.second @ h + weights.second_bias)[0])


def route(
    x: Array,
    weights: Weights,
    n_experts: int,
    k_min: int,
    k_max: int,
    rho: float,
    *,
    cap: str = "both",
    correction: str = "add",
    lam: float = 1.0,
    alpha: float = 0.01,
    gate: str = "softmax",
    delta: float = 0.0,
    lowered: int = 0,
) -> list[Token]:
    out = []
    for row in x:
        u = importance(row, weights)
        w = sigmoid(u + delta)
        seen = row + alpha * w * row
        low, high = max(1, k_min - lowered), max(1, k_max - lowered)
        slots = math.floor(low + w * (high - low) + 0.5)
        z = [float(value) for value in weights.gate @ seen]
        for e in range(len(z)):
            amount = lam * (w - 0.5) if e < n_experts else -lam * (w - 0.5)
            if correction == "add":
                z[e] = z[e] + amount
            elif correction == "multiply":
                z[e] = z[e] * (1 + amount)
        order = sorted(range(len(z)), key=lambda e: (-z[e], e))  # real entries come first, so they win ties
        best = order[:slots]
        n_virtual = sum(e >= n_experts for e in best)
        if cap != "pool":
            n_virtual = min(n_virtual, math.floor(rho * slots + 1e-9))
        real = [e for e in order if e < n_experts][: slots - n_virtual]
        virtual = [e for e in order if e >= n_experts][:n_virtual]
        chosen = real + virtual
        if gate == "softmax":
            high_z = max(z[e] for e in chosen)
            mass = {e: math.exp(z[e] - high_z) for e in chosen}
        else:
            mass = {e: sigmoid(z[e]) for e in chosen}
        total = sum(mass.values())
        out.append(
            Token(
                {e: mass[e] / total for e in real}, {e: mass[e] / total for e in virtual}, slots, seen, u, z
            )
        )
    return out


def balance(tokens: list[Token], entries: int) -> float:
    """entries * sum_e f_e P_e over real and virtual entries together."""
    counts, mean = [0.0] * entries, [0.0] * entries
    for token in tokens:
        for e in [*token.real, *token.virtual]:
            counts[e] += 1
        for e, p in enumerate(softmax(token.scores)):
            mean[e] += p / len(tokens)
    total = sum(counts)
    return entries * sum(c / total * p for c, p in zip(counts, mean, strict=True))
