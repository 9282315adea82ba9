"""Exact ranks: a function of the sources and the query alone, whatever the engine's history.

The engine's scores are 32-bit sums whose last bits depend on segments and threads, and its statistics go on counting
deleted rows until a merge drops them. So two libraries that hold the same sources could rank them differently. We
therefore take the engine's score s only as an interval [low * s, high * s] around the exact score, where low and high
follow from the statistics: rows whose intervals are apart are ordered already; rows whose intervals meet are scored
again here, in 64 bits, from exact counts, in a fixed order; exact ties go by source id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .index import K1, B

# 64 additions of 32-bit floats, and a 32-bit idf and norm, err by less than this.
_ROUNDING = 2e-5


def idf(total: int, frequency: int) -> float:
    """Inverse document frequency, log(1 + (N - n + 1/2) / (n + 1/2))."""
    return math.log(1.0 + (total - frequency + 0.5) / (frequency + 0.5))


def stored_length(length: int) -> int:
    """A length as the engine stores it, in one byte: exact to 40, then rounded down to four significant bits.

    (Lucene's SmallFloat.intToByte4, with 24 free values.)
    """
    if length < 24:
        return length
    rest = length - 24
    bits = rest.bit_length()
    return length if bits <= 4 else 24 + (rest >> (bits - 4) << (bits - 4))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 needs of a library: number of sources, mean length in terms, sources per query term."""

    total: int
    mean_length: float
    frequency: Mapping[str, int]

    def score(self, terms: Sequence[str], counts: Mapping[str, int], length: int) -> float:
        """BM25 of a text from its term counts and length."""
        norm = K1 * (1.0 - B + B * stored_length(length) / self.mean_length)
        total = 0.0
        for term in terms:
            count = counts.get(term, 0)
            if count:
                total += idf(self.total, self.frequency[term]) * (1.0 + K1) * count / (count + norm)
        return total


def bounds(exact: Statistics, engine: Statistics, terms: Sequence[str]) -> tuple[float, float]:
    """(low, high): the exact score of any row lies between low and high times the engine's score."""
    ratios = [
        idf(exact.total, exact.frequency[t]) / idf(engine.total, engine.frequency[t])
        for t in terms
        if exact.frequency[t] > 0
    ] or [1.0]
    # count / (count + norm) changes by less than the mean length does: norm = K1 (1 - B + B length / mean).
    length = exact.mean_length / engine.mean_length
    return min(ratios) * min(1.0, length) * (1 - _ROUNDING), max(ratios) * max(1.0, length) * (1 + _ROUNDING)


def settle(
    fetch: Callable[[int], list[tuple[float, int]]],
    identify: Callable[[list[int]], Mapping[int, str]],
    rescore: Callable[[list[int]], Mapping[int, float]],
    k: int,
    low: float,
    high: float,
) -> list[tuple[str, float]]:
    """The k best sources as (id, engine's score), in exact order.

    Args:
        fetch: n -> the n best (score, row) by the engine's score.
        identify: rows -> source ids, without rows that are gone.
        rescore: rows -> exact scores.
        k: how many are wanted, at least 1.
        low, high: see `bounds`.
    """
    limit = k + 16
    while True:
        hits = sorted(fetch(limit), reverse=True)
        # Rows that were not fetched score at most as much as the last one that was.
        if len(hits) < limit or hits[-1][0] * high < hits[k - 1][0] * low:
            break
        limit *= 2
    ids = identify([row for _, row in hits])
    ordered: list[tuple[str, float]] = []
    group: list[tuple[float, int]] = []
    for at, (score, row) in enumerate(hits):
        if row in ids:
            group.append((score, row))
        apart = at + 1 == len(hits) or hits[at + 1][0] * high < score * low
        if apart and group:
            exact = rescore([row for _, row in group]) if len(group) > 1 else {}
            group.sort(key=lambda hit: (-exact.get(hit[1], 0.0), ids[hit[1]]))
            ordered += [(ids[row], score) for score, row in group]
            group = []
            if len(ordered) >= k:
                break
    return ordered[:k]


def count_terms(words: Sequence[str]) -> tuple[Counter[str], int]:
    """Term counts and length of an analysed text."""
    return Counter(words), len(words)
