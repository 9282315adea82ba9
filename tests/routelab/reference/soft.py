"""Soft MoE and noisy top-k from their equations, number by number, with nothing of routelab."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from tests.routelab.reference.topk import largest, softmax

Array = NDArray[np.float64]


def unit(v: Sequence[float]) -> list[float]:
    norm = math.sqrt(sum(a * a for a in v) + 1e-6)
    return [a / norm for a in v]


def soft_moe(x: Array, phi: Array, scale: float, expert: Callable[[int, Array], Array]) -> tuple[Array, Array, Array]:
    """(D [m, S], C [m, S], Y [m, d]) of one sample x [m, d]; phi [d, E, p]; slots of one expert lie together."""
    m, d = x.shape
    experts, p = phi.shape[1], phi.shape[2]
    slots = experts * p
    dispatch, combine = np.zeros((m, slots)), np.zeros((m, slots))
    logits = np.zeros((m, slots))
    for i in range(m):
        token = unit(list(x[i]))
        for s in range(slots):
            column = unit([phi[j, s // p, s % p] for j in range(d)])
            logits[i, s] = scale * sum(a * b for a, b in zip(token, column, strict=True))
    for s in range(slots):
        dispatch[:, s] = softmax(list(logits[:, s]))
    for i in range(m):
        combine[i] = softmax(list(logits[i]))
    y = np.zeros_like(x)
    for s in range(slots):
        mixed = np.zeros(d)
        for i in range(m):
            mixed += dispatch[i, s] * x[i]
        out = expert(s // p, mixed)
        for i in range(m):
            y[i] += combine[i, s] * out
    return dispatch, combine, y


def standardised(z: Sequence[float]) -> list[float]:
    """Less the mean, over the deviation with E - 1, plus 1e-5."""
    mean = sum(z) / len(z)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in z) / (len(z) - 1))
    return [(v - mean) / (deviation + 1e-5) for v in z]


def noisy_topk(z: Array, noise: Array, deviation: Array, k: int) -> list[dict[int, float]]:
    """Weight of each chosen expert: z clean logits, noise standard normal, deviation before the softplus; [N, E]."""
    rows = []
    for clean, eps, raw in zip(z, noise, deviation, strict=True):
        g = standardised(list(clean))
        h = [a + e * (math.log1p(math.exp(s)) + 0.3) for a, e, s in zip(g, eps, raw, strict=True)]
        chosen = largest(h, k)
        weights = softmax([h[e] for e in chosen])
        rows.append(dict(zip(chosen, weights, strict=True)))
    return rows


def squared_variation(v: Sequence[float]) -> float:
    mean = sum(v) / len(v)
    return sum((a - mean) ** 2 for a in v) / len(v) / mean**2


def smooth_load(z: Array, noise: Array, deviation: Array, k: int) -> list[float]:
    """Sum over samples of P(expert among the k largest, its own noise drawn anew and the others' kept)."""
    experts = z.shape[1]
    load = [0.0] * experts
    for clean, eps, raw in zip(z, noise, deviation, strict=True):
        g = standardised(list(clean))
        spread = [math.log1p(math.exp(s)) + 0.3 for s in raw]
        h = [a + e * s for a, e, s in zip(g, eps, spread, strict=True)]
        for i in range(experts):
            others = sorted((h[j] for j in range(experts) if j != i), reverse=True)
            if k > len(others):
                load[i] += 1.0
                continue
            load[i] += 0.5 * (1 + math.erf((g[i] - others[k - 1]) / spread[i] / math.sqrt(2)))
    return load
