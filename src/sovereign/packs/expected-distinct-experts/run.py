"""Distinct experts touched by one step of a mixture-of-experts layer: formula against simulation.

Standard library only. Every token of a step draws its k distinct experts uniformly, independently of the others; the
experts that at least one token drew are counted. E experts, tokens i with k_i experts each:

    E[T] = E * (1 - prod_i (1 - k_i / E))

One trial adds tokens one by one and notes the count at every batch size asked for, so the counts of one trial at
different batch sizes are of one growing batch; trials are independent. Once all experts are touched no further token
can change the count, so a trial ends there.
"""

import json
import math
import os
import random
from collections.abc import Sequence
from pathlib import Path

PACK = "expected-distinct-experts"
GRID = ((8, 2), (64, 6), (128, 8), (256, 8))
BATCHES = (1, 4, 8, 16, 32, 64, 128, 256)
TRIALS = 4000
UNEQUAL = ((128, (1, 15), 16), (128, (4, 12), 16), (64, (2, 10), 16))
CUTS = ((128, 8, 10), (128, 8, 40), (256, 8, 40), (64, 6, 10))
CUT_BATCHES = (1, 4, 16, 64)


def main() -> None:
    rng = random.Random(int(os.environ["SOVEREIGN_SEED"]))  # noqa: S311 - a simulation
    values: dict[str, dict[str, object]] = {}
    ratios: list[tuple[float, float]] = []
    for experts, k in GRID:
        counts = simulate(rng, experts, [k], BATCHES)
        cells: dict[str, object] = {}
        for batch in BATCHES:
            mean, error = mean_and_error(counts[batch])
            formula = expected(experts, [k] * batch)
            ratios.append((abs(mean - formula) / formula, error / formula))
            cells[f"b{batch}"] = {
                "experts": experts,
                "top_k": k,
                "tokens": batch,
                "formula": rounded(formula),
                "monte_carlo": rounded(mean),
                "standard_error": rounded(error, 6),
                "one_decimal": round(mean, 1),
                "unit": "experts",
            }
        values[f"e{experts}_k{k}"] = cells
    values["unequal"] = {}
    for experts, slots, batch in UNEQUAL:
        cell, ratio = unequal(rng, experts, slots, batch)
        values["unequal"][f"e{experts}_k{slots[0]}_{slots[1]}_b{batch}"] = cell
        ratios.append(ratio)
    values["formula_check"] = {
        "largest_relative_difference": rounded(max(difference for difference, _ in ratios), 6),
        "largest_relative_standard_error": rounded(max(error for _, error in ratios), 6),
        "points": len(ratios),
        "trials": TRIALS,
        "unit": "1",
    }
    values["saving"] = {
        f"e{experts}_k{k}_cut{cut}": {f"b{batch}": cell for batch, cell in saving(rng, experts, k, cut).items()}
        for experts, k, cut in CUTS
    }
    seed = int(os.environ["SOVEREIGN_SEED"])
    results = {"schema": "sovereign-results-v1", "pack": PACK, "seed": seed, "values": values}
    Path("results.json").write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")


def expected(experts: int, slots: Sequence[float]) -> float:
    """E[T] for tokens with these numbers of slots, in experts. A number may be a mean of independent numbers."""
    return experts * (1 - math.prod(1 - k / experts for k in slots))


def unequal(
    rng: random.Random, experts: int, slots: tuple[int, int], batch: int
) -> tuple[dict[str, object], tuple[float, float]]:
    """Two numbers of slots by turns against their mean for all: the difference in distinct experts.

    Also how far the unequal case lies from the formula, and its standard error, as fractions of the formula.
    """
    mean_k = sum(slots) // len(slots)
    uneven, uneven_error = mean_and_error(simulate(rng, experts, slots, (batch,))[batch])
    even, even_error = mean_and_error(simulate(rng, experts, [mean_k], (batch,))[batch])
    formula_uneven = expected(experts, list(slots) * (batch // 2))
    formula = formula_uneven - expected(experts, [mean_k] * batch)
    cell = {
        "experts": experts,
        "tokens": batch,
        "slots": list(slots),
        "mean_slots": mean_k,
        "formula": rounded(formula),
        "monte_carlo": rounded(uneven - even),
        "standard_error": rounded(math.hypot(uneven_error, even_error), 6),
        "unit": "experts",
    }
    return cell, (abs(uneven - formula_uneven) / formula_uneven, uneven_error / formula_uneven)


def saving(rng: random.Random, experts: int, k: int, cut: int) -> dict[int, dict[str, object]]:
    """Fewer distinct experts, in percent, when the mean number of experts per token is cut by `cut` percent.

    Each token draws its number of slots, floor or ceiling of the lower mean, so that the mean holds in expectation.
    """
    mean_k = k * (100 - cut) / 100
    low = math.floor(mean_k)
    share = round((mean_k - low) * 100)
    slots = [low + 1] * share + [low] * (100 - share)
    full = simulate(rng, experts, [k], CUT_BATCHES)
    less = simulate(rng, experts, slots, CUT_BATCHES, shuffled=True)
    cells: dict[int, dict[str, object]] = {}
    for batch in CUT_BATCHES:
        (most, most_error), (few, few_error) = mean_and_error(full[batch]), mean_and_error(less[batch])
        formula = 1 - expected(experts, [mean_k] * batch) / expected(experts, [k] * batch)
        cells[batch] = {
            "experts": experts,
            "top_k": k,
            "cut_percent": cut,
            "tokens": batch,
            "formula": rounded(100 * formula),
            "monte_carlo": rounded(100 * (1 - few / most)),
            "standard_error": rounded(100 * few / most * math.hypot(few_error / few, most_error / most), 6),
            "one_decimal": round(100 * (1 - few / most), 1),
            "unit": "%",
        }
    return cells


def simulate(
    rng: random.Random, experts: int, slots: Sequence[int], batches: Sequence[int], shuffled: bool = False
) -> dict[int, list[int]]:
    """Counts of distinct experts per trial at each batch size.

    Token i has slots[i % len(slots)] experts; `shuffled` draws its number from `slots` instead.
    """
    assert 256 % experts == 0  # so that a byte modulo `experts` is uniform
    table = bytes(byte % experts for byte in range(256))
    wanted, most, widest = set(batches), max(batches), max(slots)
    counts: dict[int, list[int]] = {batch: [] for batch in batches}
    for _ in range(TRIALS):
        touched: set[int] = set()
        numbers = rng.choices(slots, k=most) if shuffled else (list(slots) * (most // len(slots) + 1))[:most]
        stream, at = b"", 0
        for token, k in enumerate(numbers, 1):
            while True:
                if at + widest > len(stream):
                    stream, at = rng.randbytes(1024).translate(table), 0
                drawn = set(stream[at : at + k])
                at += k
                if len(drawn) == k:  # k draws that are not distinct are thrown away whole: uniform over k-subsets
                    break
            touched |= drawn
            if token in wanted:
                counts[token].append(len(touched))
            if len(touched) == experts:
                for batch in wanted:
                    if batch > token:
                        counts[batch].append(experts)
                break
    return counts


def mean_and_error(counts: list[int]) -> tuple[float, float]:
    """Mean and its standard error."""
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    return mean, math.sqrt(variance / len(counts))


def rounded(value: float, digits: int = 4) -> float:
    return round(value, digits)


if __name__ == "__main__":
    main()
