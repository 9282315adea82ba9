"""SMoES and its baselines from their formulas, one token and one expert at a time, with nothing of routelab."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tests.routelab.reference.topk import softmax

Array = NDArray[np.float64]


def propagate(score: Array, attention: Array, attended: Array, residual: Array) -> Array:
    out = np.zeros_like(score)
    batch, heads, length, _ = attention.shape
    for b in range(batch):
        for i in range(length):
            mixed = np.zeros(2)
            for j in range(length):
                mixed += sum(attention[b, h, i, j] for h in range(heads)) / heads * score[b, j]
            r_att, r_res = math.sqrt(float((attended[b, i] ** 2).sum())), math.sqrt(float((residual[b, i] ** 2).sum()))
            out[b, i] = (r_att * mixed + r_res * score[b, i]) / (r_att + r_res)
    return out


class Gaussian:
    """Moving mean and variance per modality: two samples of weights beta and 1 - beta, merged."""

    def __init__(self, d: int, beta: float) -> None:
        self.d, self.beta = d, beta
        self.moments: list[tuple[Array, Array] | None] = [None, None]

    def update(self, x: Array, modality: Sequence[int]) -> None:
        for m in range(2):
            rows = [row for row, of in zip(x, modality, strict=True) if of == m]
            if not rows:
                continue
            mean = np.mean(rows, axis=0)
            square = np.mean([row * row for row in rows], axis=0)
            past = self.moments[m]
            if past is not None:  # first and second moment of the mixture; variance = E[x^2] - E[x]^2
                square = self.beta * (past[1] + past[0] ** 2) + (1 - self.beta) * square
                mean = self.beta * past[0] + (1 - self.beta) * mean
            self.moments[m] = (mean, square - mean**2)

    def score(self, x: Array, tau: float) -> Array:
        out = np.full((len(x), 2), 0.5)
        if self.moments[0] is None or self.moments[1] is None:
            return out
        for i, row in enumerate(x):
            likelihood = []
            for moments in self.moments:
                assert moments is not None
                mean, variance = moments
                likelihood.append(
                    -0.5 * sum(math.log(variance[j]) + (row[j] - mean[j]) ** 2 / variance[j] for j in range(self.d))
                )
            out[i] = softmax([value / tau for value in likelihood])
        return out


def load(chosen: Sequence[Sequence[int]], score: Array, n_experts: int) -> Array:
    out = np.zeros((2, n_experts))
    for i, experts in enumerate(chosen):
        for e in experts:
            out[:, e] += score[i]
    return out


def share_of_text(loads: Array) -> list[float]:
    text, vision = sum(loads[0]), sum(loads[1])
    out = []
    for e in range(loads.shape[1]):
        t = loads[0, e] / text if text else 0.0
        v = loads[1, e] / vision if vision else 0.0
        out.append(t / (t + v) if t + v else 0.5)
    return out


def msi(loads: Array) -> float:
    values = [2 * abs(t - 0.5) for t in share_of_text(loads)]
    return sum(values) / len(values)


def sorted_bins(loads: Array, n_bins: int) -> list[int]:
    n = loads.shape[1]
    f = [loads[0, e] / (loads[0, e] + loads[1, e]) if loads[:, e].sum() else 0.0 for e in range(n)]
    order = sorted(range(n), key=lambda e: (-f[e], e))
    bins = [0] * n
    for rank, e in enumerate(order):
        bins[e] = rank // (n // n_bins)
    return bins


def information(score: Array, gate: Array, bins: Sequence[int], sample: Sequence[int], n_bins: int) -> list[float]:
    """I(m; b) of each sample."""
    size = len(bins) // n_bins
    out = []
    for s in range(max(sample) + 1):
        tokens = [j for j in range(len(score)) if sample[j] == s]
        table = np.zeros((2, n_bins))
        for m in range(2):
            mass = sum(score[j, m] for j in tokens)
            for b in range(n_bins):
                total = sum(score[j, m] * gate[j, e] for j in tokens for e in range(len(bins)) if bins[e] == b)
                table[m, b] = total / (size * mass) if mass else 0.0
        p = table / table.sum()
        value = 0.0
        for m in range(2):
            for b in range(n_bins):
                if p[m, b] > 0:
                    value += p[m, b] * math.log(p[m, b] / (p[m].sum() * p[:, b].sum()))
        out.append(value)
    return out


def bin_balance(p: Array, chosen: Sequence[Sequence[int]], bins: Sequence[int], n_bins: int, inside: bool) -> float:
    """sum over bins of N_B * sum over e in the bin of f_e P_e."""
    size = len(bins) // n_bins
    counts = [sum(e in row for row in chosen) for e in range(len(bins))]
    mean = p.mean(0)
    loss = 0.0
    for b in range(n_bins):
        members = [e for e in range(len(bins)) if bins[e] == b]
        of_count = sum(counts[e] for e in members) if inside else sum(counts)
        of_mean = sum(mean[e] for e in members) if inside else 1.0
        for e in members:
            loss += size * (counts[e] / of_count if of_count else 0.0) * mean[e] / of_mean
    return loss


def divergence(text: Array, vision: Array, floor: float = 1e-6) -> float:
    """Half of KL(a||b) + KL(b||a) of two distributions, each with a floor and normalised again."""
    a, b = text / text.sum() + floor, vision / vision.sum() + floor
    a, b = a / a.sum(), b / b.sum()
    forth = sum(x * math.log(x / y) for x, y in zip(a, b, strict=True))
    back = sum(y * math.log(y / x) for x, y in zip(a, b, strict=True))
    return (forth + back) / 2


def traffic(
    chosen: Sequence[Sequence[int]], modality: Sequence[int], device: Sequence[int], home: Sequence[int]
) -> tuple[float, float]:
    """Share of pairs, and of tokens with any pair, on another device than the token's home."""
    remote = [[device[e] != home[m] for e in row] for row, m in zip(chosen, modality, strict=True)]
    pairs, tokens = sum(map(len, remote)), sum(bool(row) for row in remote)
    return sum(map(sum, remote)) / max(pairs, 1), sum(map(any, remote)) / max(tokens, 1)
