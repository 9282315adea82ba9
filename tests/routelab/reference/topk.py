"""Top-k written from the equation, token by token, with numpy in float64 and nothing of routelab."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def softmax(z: Sequence[float]) -> list[float]:
    high = max(z)
    e = [math.exp(value - high) for value in z]
    return [value / sum(e) for value in e]


def largest(values: Sequence[float], k: int) -> list[int]:
    """Positions of the k largest, the best first; of equals the earlier one."""
    return sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]


def route(z: Array, k: int, normalise: bool = True) -> list[dict[int, float]]:
    """Weight of each chosen expert, for each token's logits z [N, E]."""
    out = []
    for row in z:
        p = softmax(list(row))
        chosen = largest(p, k)
        total = sum(p[e] for e in chosen) if normalise else 1.0
        out.append({e: p[e] / total for e in chosen})
    return out


def route_sigmoid(z: Array, bias: Array, k: int, scale: float) -> list[dict[int, float]]:
    """Sigmoid scores; the bias selects and does not weigh."""
    out = []
    for row in z:
        s = [1 / (1 + math.exp(-value)) for value in row]
        chosen = largest([s[e] + bias[e] for e in range(len(s))], k)
        total = sum(s[e] for e in chosen)
        out.append({e: scale * s[e] / total for e in chosen})
    return out


def balance(z: Array, chosen: Sequence[Sequence[int]]) -> float:
    """E * sum_e f_e P_e over the chosen entries of each token."""
    n, entries = z.shape
    p = [softmax(list(row)) for row in z]
    total = sum(len(row) for row in chosen)
    loss = 0.0
    for e in range(entries):
        f = sum(e in row for row in chosen) / total
        loss += f * sum(row[e] for row in p) / n
    return entries * loss


def z_loss(z: Array) -> float:
    return sum(math.log(sum(math.exp(value) for value in row)) ** 2 for row in z) / len(z)
