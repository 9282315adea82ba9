"""AdaMoE, Top-P, DTop-p, MoE++ and entropy-driven k from their equations, token by token, with nothing of routelab."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tests.routelab.reference.topk import largest, softmax

Array = NDArray[np.float64]
Rows = list[dict[int, float]]


def adamoe(z: Array, experts: int, k: int) -> tuple[Rows, list[list[int]]]:
    """(weight of each real expert, all chosen entries) of each token; z is [N, E + m]."""
    rows, every = [], []
    for row in z:
        p = softmax(list(row))
        chosen = largest(p, k)
        total = sum(p[e] for e in chosen if e < experts)
        rows.append({e: p[e] / total for e in chosen if e < experts})
        every.append(chosen)
    return rows, every


def adamoe_balance(z: Array, chosen: Sequence[Sequence[int]], experts: int, averaged: bool) -> float:
    """(E + m) sum f P, where each null's f is the nulls' mean, or its own."""
    n, entries = z.shape
    total = sum(len(row) for row in chosen)
    f = [sum(row.count(e) for row in map(list, chosen)) / total for e in range(entries)]
    if averaged:
        nulls = f[experts:]
        f[experts:] = [sum(nulls) / len(nulls)] * len(nulls)
    p = [softmax(list(row)) for row in z]
    return entries * sum(f[e] * sum(row[e] for row in p) / n for e in range(entries))


def top_p(z: Array, threshold: float, k_max: int, normalise: bool = False) -> Rows:
    """Experts from the most probable down, until their sum reaches the threshold."""
    rows = []
    for row in z:
        p = softmax(list(row))
        chosen: list[int] = []
        for e in largest(p, k_max):
            chosen.append(e)
            if sum(p[i] for i in chosen) >= threshold:
                break
        total = sum(p[e] for e in chosen) if normalise else 1.0
        rows.append({e: p[e] / total for e in chosen})
    return rows


def entropy(row: Sequence[float]) -> float:
    """In nats, of the softmax of logits."""
    return -sum(p * math.log(p) for p in softmax(row) if p > 0)


def standardised(z: Array, scale: float) -> Array:
    """Each token's logits less their mean, over their (population) deviation, times the scale."""
    out = np.zeros_like(z)
    for i, row in enumerate(z):
        mean = sum(row) / len(row)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in row) / len(row))
        out[i] = [scale * (v - mean) / deviation if deviation else 0.0 for v in row]
    return out


def controller(measured: Sequence[float], target: float, experts: int, start: float, k_p: float, k_i: float) -> float:
    """The threshold after a series of measured means: PI on a moving average (0.9) of the error, in [0.02, 0.98]."""
    average = total = 0.0
    p = start
    for k in measured:
        average = 0.9 * average + 0.1 * (target - k) / experts
        total += average
        total = min(max(total, (0.02 - start) / k_i), (0.98 - start) / k_i)
        p = min(max(start + k_p * average + k_i * total, 0.02), 0.98)
    return p


def moepp(z: Array, experts: int, k: int, weights: str) -> tuple[Rows, Rows]:
    """(weight of experts that compute, weight of entries that do not) of each token; z [N, E + c + 2], zero last."""
    computing, free = [], []
    for row in z:
        p = softmax(list(row))
        g = {e: p[e] for e in largest(p, k)}
        zero = len(row) - 1
        if weights == "released" and zero in g:
            g[zero] = 0.0
        if weights != "softmax":
            total = sum(g.values())
            g = {e: w / total if total else 0.0 for e, w in g.items()}
        computing.append({e: w for e, w in g.items() if e < experts})
        free.append({e: w for e, w in g.items() if e >= experts})
    return computing, free


def moepp_free(x: Array, free: Rows, experts: int, mix: Array, constant: Array) -> Array:
    """What entries without compute add; after the E experts come the constants, the copy, the zero."""
    n_constant = len(constant)
    out = np.zeros_like(x)
    for i, row in enumerate(free):
        for e, w in row.items():
            c = e - experts
            if c < n_constant:
                a = softmax([sum(mix[c][j] * x[i]) for j in (0, 1)])
                out[i] += w * (a[0] * x[i] + a[1] * constant[c])
            elif c == n_constant:
                out[i] += w * x[i]
    return out


def moepp_balance(z: Array, chosen: Rows, experts: int, tau: float) -> float:
    n, entries = z.shape
    total = sum(len(row) for row in chosen)
    p = [softmax(list(row)) for row in z]
    return entries * sum(
        (1.0 if e < experts else tau) * sum(e in row for row in chosen) / total * sum(row[e] for row in p) / n
        for e in range(entries)
    )


def expected_k(row: Sequence[float], a: Sequence[float], b: Sequence[float]) -> float:
    """Mean of softmax(a H + b) over 1 .. K_max."""
    h = entropy(row)
    q = softmax([slope * h + offset for slope, offset in zip(a, b, strict=True)])
    return sum((i + 1) * share for i, share in enumerate(q))


def entropy_k(z: Array, a: Sequence[float], b: Sequence[float], shift: float = 0.0) -> Rows:
    rows = []
    for row in z:
        k = min(max(math.floor(expected_k(list(row), a, b) + shift + 0.5), 1), len(a))
        p = softmax(list(row))
        chosen = largest(p, k)
        total = sum(p[e] for e in chosen)
        rows.append({e: p[e] / total for e in chosen})
    return rows


def soft_sum(z: Array, a: Sequence[float], b: Sequence[float], at: Sequence[float], c: Sequence[float]) -> float:
    """Sum of c_j times the weight of slot j, where k is as with offsets `at`, and slot j's probability has the factor
    1 + sigmoid(k(b) - j - 0.5) - sigmoid(k(at) - j - 0.5): the straight-through form. Differentiate it at b = at."""
    total = 0.0
    for row in z:
        here, there = expected_k(list(row), a, b), expected_k(list(row), a, at)
        k = min(max(math.floor(there + 0.5), 1), len(a))
        p = softmax(list(row))
        soft = [
            p[e] * (1 + 1 / (1 + math.exp(j + 0.5 - here)) - 1 / (1 + math.exp(j + 0.5 - there)))
            for j, e in enumerate(largest(p, k))
        ]
        total += sum(w * s for w, s in zip(c, soft, strict=False)) / sum(soft)
    return total


def monotone(z: Array, a: Sequence[float], b: Sequence[float], margin: float, every: bool) -> float:
    """Mean hinge over all pairs, or over each token with the one half a batch before it."""
    n = len(z)
    h, k = [entropy(list(row)) for row in z], [expected_k(list(row), a, b) for row in z]
    pairs = [(i, j) for i in range(n) for j in range(i)] if every else [(i, (i - n // 2) % n) for i in range(n)]
    total = 0.0
    for i, j in pairs:
        more, less = (i, j) if h[i] > h[j] else (j, i)
        if h[more] > h[less]:
            total += max(0.0, margin * (h[more] - h[less]) - (k[more] - k[less]))
    return total / len(pairs)
