"""What routing itself costs: processor time of each router beside that of the experts, by number of tokens.

    python benchmarks/router_cost.py --out benchmarks/results/router_cost.json

Processor time of one thread, not the clock's: other processes then take no share of it, though they still take cache
and clock rate. Every block runs all arms once in a random order; medians over blocks, ratios paired by block with 95 %
bootstrap intervals. In evaluation, without gradients; `experts` is `grouped` dispatch of the top-k routing.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from routelab.bench import paired_ratio, provenance
from routelab.dispatch import Experts, backend
from routelab.routing import Context, build

ROOT = Path(__file__).resolve().parent.parent
SEED = 20261123
#: E, d, F, k of the lab's own layer, and of a larger one.
SHAPES = {"32/6 d=128 F=64": (32, 128, 64, 6), "64/6 d=512 F=256": (64, 512, 256, 6)}
TOKENS = (1, 8, 64, 512)


def options(e: int, k: int) -> dict[str, dict[str, Any]]:
    """Each router at about k real experts a token."""
    return {
        "topk": {"k": k},
        "sigmoid_bias": {"k": k},
        "fractional_k": {"mean_k": k - 0.5},
        "random_k": {"k": k},
        "hash": {"k": k},
        "anyexperts": {"k_min": k, "k_max": k * 3 // 2},
        "smoes": {"k": k, "n_bins": 4},
        "adamoe": {"k": k + 2, "n_null": e // 4},
        "top_p": {"p": 0.4},
        "moepp": {"k": k},
        "entropy_k": {"k_max": k * 3 // 2},
        "posthoc_skip": {"k": k, "tau_text": 0.1, "tau_vision": 0.1},
        "piggyback": {"k": k, "k0": k // 2},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/router_cost.json")
    parser.add_argument("--blocks", type=int, default=30)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    order = random.Random(SEED)
    cells = []
    for shape, (e, d, width, k) in SHAPES.items():
        experts = Experts(e, d, width).requires_grad_(False)
        routers = {name: build(name, d, e, **given_).eval() for name, given_ in options(e, k).items()}
        for n in TOKENS:
            x = torch.randn(n, d)
            context = Context(modality=torch.arange(n) % 2, token=torch.arange(n))
            arms: dict[str, Callable[[], object]] = {
                name: partial(router, x, context) for name, router in routers.items()
            }
            arms["experts"] = partial(backend("grouped"), x, routers["topk"](x, context), experts)
            seconds = timed(arms, given.blocks, order)
            cells.append({"shape": shape, "tokens": n, "blocks": given.blocks, "arms": rows(seconds)})
            print(f"{shape}, {n} tokens: " + ", ".join(
                f"{name} {1e6 * np.median(seconds[name]):.0f} us" for name in ("topk", "anyexperts", "experts")
            ), file=sys.stderr)  # fmt: skip
    document = {
        "benchmark": "router_cost",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "unit": "seconds of processor time of one thread, median over blocks",
        "seed": SEED,
        **provenance(),
        "cells": cells,
    }
    given.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


@torch.no_grad()
def timed(arms: dict[str, Callable[[], object]], blocks: int, order: random.Random) -> dict[str, np.ndarray[Any, Any]]:
    """Processor seconds per call, by arm and block."""
    inner = {}
    for name, run in arms.items():
        run()
        start = time.process_time()
        for _ in range(5):
            run()
        inner[name] = max(3, min(200, round(0.01 / max((time.process_time() - start) / 5, 1e-9))))
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(blocks):
        names = list(arms)
        order.shuffle(names)
        for name in names:
            start = time.process_time()
            for _ in range(inner[name]):
                arms[name]()
            seconds[name].append((time.process_time() - start) / inner[name])
    return {name: np.array(values) for name, values in seconds.items()}


def rows(seconds: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Median of each arm, and its ratio to top-k and to the experts, both operands beside it."""
    out = {}
    for name, values in seconds.items():
        out[name] = {"seconds": float(np.median(values))}
        for other in ("topk", "experts"):
            if other != name:
                out[name][f"over_{other}"] = {
                    **asdict(paired_ratio(values, seconds[other])),
                    "operands": [float(np.median(values)), float(np.median(seconds[other]))],
                }
    return out


if __name__ == "__main__":
    raise SystemExit(main())
