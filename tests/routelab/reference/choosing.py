"""Post-hoc skip, k by modality, piggy-back, Expert Choice and DynMoE from their equations, with nothing of routelab."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tests.routelab.reference.topk import largest, softmax

Array = NDArray[np.float64]
Rows = list[dict[int, float]]


def skip(z: Array, k: int, alpha: float, taus: Sequence[float], renormalise: bool, keep_first: bool) -> Rows:
    """Top-k with the slots gone whose alpha g is below the token's threshold."""
    rows = []
    for row, tau in zip(z, taus, strict=True):
        p = softmax(list(row))
        chosen = largest(p, k)
        total = sum(p[e] for e in chosen)
        g = {e: p[e] / total for e in chosen}
        left = {e: w for i, (e, w) in enumerate(g.items()) if alpha * w >= tau or (keep_first and i == 0)}
        if renormalise and left:
            total = sum(left.values())
            left = {e: w / total for e, w in left.items()}
        rows.append(left)
    return rows


def by_k(z: Array, ks: Sequence[int]) -> Rows:
    rows = []
    for row, k in zip(z, ks, strict=True):
        p = softmax(list(row))
        chosen = largest(p, k)
        total = sum(p[e] for e in chosen)
        rows.append({e: p[e] / total for e in chosen})
    return rows


def grid(scores: Sequence[float], steps: int) -> list[float]:
    """0, the quantiles in so many steps (the nearest score, halves to the even one), and just beyond the largest."""
    ordered = sorted(scores)
    at = [round(i / steps * (len(ordered) - 1)) for i in range(steps + 1)]
    beyond = float(np.nextafter(np.float32(ordered[-1]), np.float32(np.inf)))
    return sorted({0.0, *(ordered[i] for i in at), beyond})


def frontier(
    text: Sequence[float], vision: Sequence[float], target: float, grid: Sequence[Sequence[float]]
) -> set[tuple[float, float]]:
    """By trying all pairs of the grid: for each text threshold the least vision threshold that skips enough."""
    total = len(text) + len(vision)
    pairs = set()
    for a in grid[0]:
        enough = [b for b in grid[1] if sum(s < a for s in text) + sum(s < b for s in vision) >= target * total]
        if enough:
            pairs.add((a, min(enough)))
    return pairs


def piggyback(z: Array, k: int, k0: int, rank_limit: int) -> tuple[Rows, int]:
    """(weights, distinct experts): own k0, then those of others, in the token's own order, within the rank limit."""
    own = [largest(softmax(list(row)), k0) for row in z]
    loaded = {e for row in own for e in row}
    rows = []
    for row in z:
        p = softmax(list(row))
        chosen = [e for e in largest(p, rank_limit) if e in loaded][:k]
        total = sum(p[e] for e in chosen)
        rows.append({e: p[e] / total for e in chosen})
    return rows, len(loaded)


def expert_choice(z: Array, group: Sequence[int], c: float) -> Rows:
    """Each expert takes, of each group, its best floor(m c / E) tokens, one at least; weight is the softmax."""
    experts = z.shape[1]
    p = [softmax(list(row)) for row in z]
    rows: Rows = [{} for _ in z]
    for name in set(group):
        members = [i for i in range(len(z)) if group[i] == name]
        most = max(1, math.floor(len(members) * c / experts + 1e-9))
        for e in range(experts):
            for i in sorted(members, key=lambda i: (-p[i][e], i))[:most]:
                rows[i][e] = p[i][e]
    return rows


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def dynmoe(x: Array, w: Array, g: Sequence[float], scale: float, active: Sequence[bool], training: bool) -> Rows:
    """1 / |S| for experts whose score is over their threshold; outside of training the best one where there is none."""
    rows = []
    for token in x:
        s = [sigmoid(cosine(list(token), list(w[e])) * scale) if active[e] else 0.0 for e in range(len(w))]
        chosen = [e for e in range(len(w)) if s[e] > sigmoid(g[e] * scale)]
        if not chosen and not training:
            chosen = largest(s, 1)
        rows.append({e: 1 / len(chosen) for e in chosen})
    return rows


def dynmoe_loss(rows: Rows, w: Array, active: Sequence[bool]) -> float:
    """Diversity, norm, balance, efficiency, of gates that are 1 where an expert fires."""
    used = [e for e in range(len(w)) if active[e]]
    diversity = math.sqrt(
        sum((cosine(list(w[a]), list(w[b])) - (a == b)) ** 2 for a in used for b in used)
    )
    norm = sum(math.sqrt(sum(v * v for v in w[e])) for e in used) / len(used)
    with_one = [row for row in rows if row]
    balance = 0.0
    for e in range(len(w)):
        if with_one:
            f = sum(e in row for row in with_one) / len(with_one)
            balance += len(w) * f * sum(row.get(e, 0.0) for row in with_one) / len(with_one)
    efficiency = sum(len(row) for row in rows) / (len(rows) * len(w))
    return diversity + norm + balance + efficiency
