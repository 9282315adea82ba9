"""The largest saving in distinct experts from a lower mean number of experts per token: exact, by counting.

Standard library only, nothing drawn. In decode the weights of each distinct expert are read once per step, so the fewer
distinct experts T a step touches, the less it reads. Tokens choose their k experts uniformly and independently. Here
the whole distribution of T is computed token by token, by counting subsets:

    P(j new | t touched, k) = C(E - t, j) * C(t, k - j) / C(E, k)

and only its mean is compared with the product formula E[T] = E * (1 - (1 - k/E)^B), which is derived another way. A
mean that is no whole number is the floor or the ceiling of it, token by token, so that the mean holds in expectation.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

PACK = "largest-decode-saving"
ROWS = ((128, 8, 10), (128, 8, 40), (256, 8, 10), (256, 8, 40), (64, 6, 10))
BATCHES = (1, 4, 16, 64, 128, 256)
#: Experts, tokens, mean number of experts per token: every way to share out tokens * mean experts is looked at.
SHARED_OUT = ((8, 4, 2), (64, 4, 6), (128, 4, 8), (16, 6, 3))
#: Milliseconds per distinct expert and per assignment, of the pilot that the note on decode time reports.
PER_EXPERT, PER_ASSIGNMENT = 0.16, 0.002


def main() -> None:
    seed = int(os.environ["SOVEREIGN_SEED"])
    touched = {}
    for experts, k, cut in ROWS:
        for mean_k in (float(k), k * (100 - cut) / 100):
            if (experts, mean_k) not in touched:
                touched[experts, mean_k] = means(experts, mean_k)
        print(f"{experts} experts, top-{k}, {cut}% fewer: counted")
    saving, apart = {}, 0.0
    for experts, k, cut in ROWS:
        cells = {}
        for batch in BATCHES:
            mean_k = k * (100 - cut) / 100
            full, less = touched[experts, float(k)][batch], touched[experts, mean_k][batch]
            for counted, slots in ((full, k), (less, mean_k)):
                apart = max(apart, abs(counted - formula(experts, slots, batch)) / counted)
            cells[f"b{batch}"] = {
                "experts": experts,
                "top_k": k,
                "cut_percent": cut,
                "tokens": batch,
                "touched": round(full, 4),
                "touched_after": round(less, 4),
                "saving": round(100 * (1 - less / full), 4),
                "one_decimal": round(100 * (1 - less / full), 1),
                "unit": "%",
            }
        saving[f"e{experts}_k{k}_cut{cut}"] = cells
    values = {
        "formula_check": {"largest_relative_difference": round(apart, 12), "unit": "1"},
        "saving": saving,
        "shared_out": {f"e{e}_b{b}_k{k}": shared_out(e, b, k) for e, b, k in SHARED_OUT},
        "layer_time": layer_time(touched),
    }
    results = {"schema": "sovereign-results-v1", "pack": PACK, "seed": seed, "values": values}
    Path("results.json").write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")


def formula(experts: int, k: float, tokens: int) -> float:
    """E[T] when every token has k experts, or k on average by floor and ceiling."""
    return experts * (1 - (1 - k / experts) ** tokens)


def moves(experts: int, k: int) -> list[list[float]]:
    """For each number of touched experts, the probabilities that a token with k experts adds 0, 1, ... k new ones."""
    ways = math.comb(experts, k)
    return [
        [math.comb(experts - t, j) * math.comb(t, k - j) / ways for j in range(k + 1)] for t in range(experts + 1)
    ]


def means(experts: int, mean_k: float) -> dict[int, float]:
    """The mean of T at every batch size, from its whole distribution."""
    low = math.floor(mean_k)
    share = mean_k - low
    table = moves(experts, low)
    if share > 0:
        upper = moves(experts, low + 1)
        table = [
            [(1 - share) * (row[j] if j <= low else 0.0) + share * upper[t][j] for j in range(low + 2)]
            for t, row in enumerate(table)
        ]
    chances = [1.0] + [0.0] * experts
    found = {}
    for token in range(1, max(BATCHES) + 1):
        chances = after(chances, table)
        if token in BATCHES:
            found[token] = math.fsum(t * chance for t, chance in enumerate(chances))
    return found


def after(chances: list[float], table: list[list[float]]) -> list[float]:
    """The distribution of T after one more token."""
    most = len(chances) - 1
    following = [0.0] * (most + 1)
    for t, chance in enumerate(chances):
        if chance:
            for j, move in enumerate(table[t]):
                if move:
                    following[min(most, t + j)] += chance * move
    return following


def shared_out(experts: int, tokens: int, k: int) -> dict[str, object]:
    """The least that any unequal sharing of tokens * k experts, 1 or more each, touches over the equal one."""
    tables = {slots: moves(experts, slots) for slots in range(1, min(experts, tokens * k - tokens + 1) + 1)}
    counts = {}
    for slots in partitions(tokens * k, tokens, min(experts, tokens * k)):
        chances = [1.0] + [0.0] * experts
        for one in slots:
            chances = after(chances, tables[one])
        counts[slots] = math.fsum(t * chance for t, chance in enumerate(chances))
    equal = counts.pop((k,) * tokens)
    return {
        "experts": experts,
        "tokens": tokens,
        "mean_slots": k,
        "equal": round(equal, 6),
        "ways": len(counts),
        "least_more": round(min(counts.values()) - equal, 9),
        "unit": "experts",
    }


def partitions(total: int, parts: int, most: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a total as so many whole numbers from 1, the largest first."""
    if parts == 1:
        if 1 <= total <= most:
            yield (total,)
        return
    for first in range(min(most, total - parts + 1), -(-total // parts) - 1, -1):
        for rest in partitions(total - first, parts - 1, first):
            yield (first, *rest)


def layer_time(touched: dict[tuple[int, float], dict[int, float]]) -> dict[str, object]:
    """The saving in a layer's time under b*T + a*n, with the pilot's coefficients, for 128 experts and 40% fewer."""
    cells: dict[str, object] = {}
    for batch in BATCHES:
        times = [PER_EXPERT * touched[128, k][batch] + PER_ASSIGNMENT * k * batch for k in (8.0, 4.8)]
        cells[f"b{batch}"] = {
            "experts": 128,
            "top_k": 8,
            "cut_percent": 40,
            "tokens": batch,
            "ms": round(times[0], 4),
            "ms_after": round(times[1], 4),
            "saving": round(100 * (1 - times[1] / times[0]), 4),
            "unit": "%",
        }
    return cells


if __name__ == "__main__":
    main()
