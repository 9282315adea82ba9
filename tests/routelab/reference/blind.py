"""Random, frozen, hash and fractional routing, token by token, with numpy and nothing of routelab.

What is drawn is handed in: a reference says what follows from the draw.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from tests.routelab.reference.topk import largest, softmax

Array = NDArray[np.float64]


def random_k(draw: Array, k: int) -> list[dict[int, float]]:
    """The k experts of the largest draws, each with weight 1/k."""
    return [dict.fromkeys(largest(list(row), k), 1 / k) for row in draw]


def hashed(tokens: list[int], table: Array, k: int) -> list[dict[int, float]]:
    """The row of the token's bucket, each with weight 1/k."""
    return [{int(table[token % len(table)][j]): 1 / k for j in range(k)} for token in tokens]


def hash_table(draw: Array, k: int) -> Array:
    """Each bucket's k experts: those of the smallest draws, in that order."""
    return np.array([[sorted(range(len(row)), key=lambda e: row[e])[j] for j in range(k)] for row in draw], dtype=float)


def fractional(z: Array, mean: float, shift: float, order: list[int]) -> list[dict[int, float]]:
    """floor(mean) experts, and one more for the tokens whose rank in `order` is under their number."""
    low = math.floor(mean)
    more = math.floor((mean - low) * len(z) + shift)
    out = []
    for row, rank in zip(z, order, strict=True):
        p = softmax(list(row))
        chosen = largest(p, low + (rank < more))
        out.append({e: p[e] / sum(p[c] for c in chosen) for e in chosen})
    return out
