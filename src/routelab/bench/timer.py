"""Paired, interleaved timing: every block runs all arms once, in a random order, so that drift cancels in ratios.

The rules are those of docs/routelab-bench.md: warm-up, arms interleaved, one number per arm and
block, blocks in which other processes took more than a tenth of a core thrown away before anything is computed from
them, and a run without enough quiet blocks marked invalid.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from routelab._errors import LabError
from routelab.bench.provenance import LoadWatch, Share, last_level_cache, load

#: One iteration of an arm. What it returns is dropped.
Run = Callable[[], object]

_MOST_INNER = 2000


@dataclass(frozen=True)
class Plan:
    """How an arm set is timed.

    Attributes:
        blocks: quiet blocks wanted; fewer make the run invalid. warmup: untimed iterations per arm.
        block_seconds: about how long a block is at least; an arm is repeated within a block to fill its part of it, and
            its number is the mean. Under 0.4 s what others took cannot be told well.
        others_limit: cores that other processes may take in a block; above it the block is thrown away.
        most_blocks: blocks tried at most. most_seconds: no further block is begun after so long. seed: of the orders.
    """

    blocks: int = 30
    warmup: int = 3
    block_seconds: float = 0.4
    others_limit: float = 0.10
    most_blocks: int = 300
    most_seconds: float = 300.0
    seed: int = 0


@dataclass(frozen=True)
class Timing:
    """Seconds per iteration, by arm and block, and under which conditions they were taken.

    Attributes:
        seconds: arm -> float64 [blocks], mean over the block's iterations; row b of all arms is one paired block.
        tail: arm -> 99th percentile over all single iterations, seconds. single: arm -> how many those were.
        inner: arm -> iterations in a block. valid: whether there were enough quiet blocks; `why_not` says why, where
        there were not. beside: the same as `seconds` for the blocks that were thrown away, and beside_shares what
        others took in them: to show what a run on a busy machine would have said, never to decide by.
    """

    seconds: Mapping[str, NDArray[np.float64]]
    tail: Mapping[str, float]
    single: Mapping[str, int]
    inner: Mapping[str, int]
    valid: bool
    why_not: str = ""
    beside: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    beside_shares: list[Share] = field(default_factory=list)
    load_before: list[float] | None = None
    load_after: list[float] | None = None

    @property
    def thrown_away(self) -> int:
        return len(self.beside_shares)

    def median(self, arm: str) -> float:
        """Median over blocks, in seconds."""
        return float(np.median(self.seconds[arm]))

    def least(self, arm: str) -> float:
        """Minimum over blocks, in seconds."""
        return float(np.min(self.seconds[arm]))

    def conditions(self) -> dict[str, Any]:
        """What a result says of how it was timed."""
        kept = [share.others for share in self.shares if share.others is not None]
        thrown = [share.others for share in self.beside_shares if share.others is not None]
        return {
            "valid": self.valid,
            "why_not": self.why_not,
            "blocks": len(self.shares),
            "blocks_thrown_away": self.thrown_away,
            "others_cores_median": round(float(np.median(kept)), 4) if kept else None,
            "others_cores_median_thrown_away": round(float(np.median(thrown)), 4) if thrown else None,
            "load_before": self.load_before,
            "load_after": self.load_after,
        }


def measure(arms: Mapping[str, Run], plan: Plan | None = None, *, before: Run | None = None) -> Timing:
    """Time all arms, paired by block.

    On a GPU an arm's iterations are queued between two events and nothing waits inside; on a CPU each iteration is
    timed alone, so that a tail can be given. `before` runs before every iteration and is not timed (a cache flush).

    Raises:
        LabError: there is no arm, or a number of the plan is not positive.
    """
    plan = plan or Plan()
    if not arms:
        raise LabError("no arm to time", "name at least one")
    if min(plan.blocks, plan.most_blocks) < 1 or plan.block_seconds <= 0 or plan.most_seconds <= 0:
        raise LabError("a timing plan asks for nothing", "give positive blocks and seconds")
    on_gpu = torch.cuda.is_available()
    once = _cuda_iterations if on_gpu else _cpu_iterations
    order = random.Random(plan.seed)  # noqa: S311 the order of arms is no secret
    load_before = load()
    inner = {}
    for name, run in arms.items():
        once(run, plan.warmup, before)
        one = float(np.median(once(run, 3, before)))
        inner[name] = max(1, min(_MOST_INNER, round(plan.block_seconds / len(arms) / max(one, 1e-9))))
    kept: dict[str, list[float]] = {name: [] for name in arms}
    loud: dict[str, list[float]] = {name: [] for name in arms}
    singles: dict[str, list[float]] = {name: [] for name in arms}
    shares: list[Share] = []
    loud_shares: list[Share] = []
    unknown, began = False, time.perf_counter()
    while len(shares) < plan.blocks and len(shares) + len(loud_shares) < plan.most_blocks:
        if time.perf_counter() - began > plan.most_seconds:
            break
        names = list(arms)
        order.shuffle(names)
        watch = LoadWatch()
        block = {name: once(arms[name], inner[name], before) for name in names}
        share = watch.share()
        quiet = share.quiet(plan.others_limit)
        if quiet is False:
            loud_shares.append(share)
            for name, times in block.items():
                loud[name].append(float(np.mean(times)))
            continue
        unknown = unknown or quiet is None
        shares.append(share)
        for name, times in block.items():
            kept[name].append(float(np.mean(times)))
            singles[name].extend(times)
    valid, why = len(shares) >= plan.blocks, ""
    if not valid:
        others = f"in {len(loud_shares)} others took over {plan.others_limit} cores"
        why = f"{len(shares)} of {plan.blocks} blocks were quiet; {others}"
    elif unknown:
        valid, why = False, "this system does not tell what other processes took"
    return Timing(
        seconds={name: np.array(values) for name, values in kept.items()},
        tail={name: float(np.percentile(values, 99)) if values else float("nan") for name, values in singles.items()},
        single={name: len(values) for name, values in singles.items()},
        inner=inner,
        valid=valid,
        why_not=why,
        beside={name: np.array(values) for name, values in loud.items()},
        shares=shares,
        beside_shares=loud_shares,
        load_before=load_before,
        load_after=load(),
    )


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads inside of products, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def flush(device: str = "cpu") -> Run:
    """A function that writes twice the last-level cache: put before an iteration, it makes it a cold one."""
    size = 2 * (
        torch.cuda.get_device_properties(0).L2_cache_size if device == "cuda" else last_level_cache() or 2**26
    )
    buffer = torch.empty(size, dtype=torch.uint8, device=device)
    return buffer.zero_


def read_bandwidth(device: str = "cpu", size: int = 2**28, repeats: int = 7) -> float:
    """Bytes per second of reading a large float32 buffer (a reduction), best of the repeats: a floor under reading
    weights is their bytes over this."""
    buffer = torch.ones(size // 4, device=device)
    once = _cuda_iterations if device == "cuda" else _cpu_iterations
    once(buffer.sum, 2, None)
    return size / min(once(buffer.sum, repeats, None))


def _cpu_iterations(run: Run, number: int, before: Run | None) -> list[float]:
    times = []
    for _ in range(number):
        if before is not None:
            before()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def _cuda_iterations(run: Run, number: int, before: Run | None) -> list[float]:
    if number == 0:
        return []
    event: Any = torch.cuda.Event
    marks = [(event(enable_timing=True), event(enable_timing=True)) for _ in range(number)]
    torch.cuda.synchronize()
    for start, end in marks:
        if before is not None:
            before()
        start.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) / 1e3 for start, end in marks]
