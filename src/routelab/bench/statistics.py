"""Intervals and tests: paired bootstrap, paired t, Holm, two one-sided tests, Jonckheere, a knee."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from routelab._errors import BadShape

Floats = NDArray[np.float64]

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval at `level` from `n` observations."""

    estimate: float
    low: float
    high: float
    level: float
    n: int

    def inside(self, low: float, high: float) -> bool:
        """Whether all of it lies in [low, high]."""
        return low <= self.low and self.high <= high

    def outside(self, low: float, high: float) -> bool:
        """Whether none of it lies in [low, high]."""
        return self.high < low or self.low > high

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def bootstrap(
    values: Sequence[float] | Floats,
    statistic: Callable[..., Floats] = np.median,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of a statistic that takes `axis`.

    Raises:
        BadShape: there are fewer than two observations, or one is not finite.
    """
    data = _observations(values)
    draws = np.random.default_rng(seed).integers(0, data.size, (resamples, data.size))
    low, high = np.quantile(statistic(data[draws], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(data, axis=0)), float(low), float(high), level, data.size)


def paired_ratio(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """a over b, paired by block: the median of the blocks' ratios, resampled by blocks. Under 1: a is the faster.

    Raises:
        BadShape: the two are not paired, or a time is not positive.
    """
    above, below = _observations(a), _observations(b)
    if above.size != below.size:
        raise BadShape(f"{above.size} and {below.size} blocks are not paired", "time both arms in one run")
    if min(above.min(), below.min()) <= 0:
        raise BadShape("a time is not positive")
    return bootstrap(above / below, level=level, resamples=resamples, seed=seed)


def paired_difference(a: Sequence[float] | Floats, b: Sequence[float] | Floats, *, level: float = 0.95) -> Interval:
    """Mean of a - b over paired seeds with Student's interval.

    Raises:
        BadShape: the two are not paired, or there are fewer than two pairs.
    """
    above, below = _observations(a), _observations(b)
    if above.size != below.size:
        raise BadShape(f"{above.size} and {below.size} seeds are not paired", "run both arms on the same seeds")
    difference = above - below
    half = stats.t.ppf((1 + level) / 2, difference.size - 1) * difference.std(ddof=1) / np.sqrt(difference.size)
    mean = float(difference.mean())
    return Interval(mean, mean - float(half), mean + float(half), level, difference.size)


def paired_p(a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> float:
    """Two-sided p of the paired t test; 1 if all differences are equal to zero, 0 if they are equal and not zero."""
    difference = _observations(a) - _observations(b)
    spread = difference.std(ddof=1)
    if spread == 0:
        return 1.0 if difference[0] == 0 else 0.0
    t = difference.mean() / (spread / np.sqrt(difference.size))
    return float(2 * stats.t.sf(abs(t), difference.size - 1))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjusted p values, by name (Holm 1979): monotone, at most 1."""
    adjusted, running = {}, 0.0
    for place, name in enumerate(sorted(p, key=lambda key: (p[key], key))):
        running = max(running, min(1.0, (len(p) - place) * p[name]))
        adjusted[name] = running
    return adjusted


def equivalent(a: Sequence[float] | Floats, b: Sequence[float] | Floats, margin: float) -> tuple[bool, Interval]:
    """Two one-sided tests at 5 %: whether the 90 % interval of mean(a - b) lies inside +-margin, and that interval.

    Raises:
        BadShape: the margin is not positive, or the two are not paired.
    """
    if margin <= 0:
        raise BadShape(f"a margin of {margin}", "give a positive one")
    interval = paired_difference(a, b, level=0.90)
    return interval.inside(-margin, margin), interval


def jonckheere(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Jonckheere-Terpstra test for an increasing trend over ordered groups: (z, one-sided p), ties corrected.

    Raises:
        BadShape: there are fewer than two groups, an empty one, or nothing but one value.
    """
    if len(groups) < 2 or any(len(group) == 0 for group in groups):
        raise BadShape("a trend needs two or more groups, none of them empty")
    samples = [np.asarray(group, dtype=np.float64) for group in groups]
    j = 0.0
    for i, first in enumerate(samples):
        for second in samples[i + 1 :]:
            compared = second[None, :] - first[:, None]
            j += float((compared > 0).sum() + 0.5 * (compared == 0).sum())
    sizes = np.array([sample.size for sample in samples], dtype=np.float64)
    n = sizes.sum()
    ties = np.unique(np.concatenate(samples), return_counts=True)[1].astype(np.float64)
    mean = (n**2 - (sizes**2).sum()) / 4

    def third(counts: Floats) -> float:
        return float((counts * (counts - 1) * (2 * counts + 5)).sum())

    def three(counts: Floats) -> float:
        return float((counts * (counts - 1) * (counts - 2)).sum())

    def two(counts: Floats) -> float:
        return float((counts * (counts - 1)).sum())

    # Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, eq. 6.19: variance with ties.
    whole = np.array([n])
    variance = (third(whole) - third(sizes) - third(ties)) / 72
    if n > 2:
        variance += three(sizes) * three(ties) / (36 * three(whole))
    variance += two(sizes) * two(ties) / (8 * two(whole))
    if variance <= 0:
        raise BadShape("all values are equal", "a trend needs at least two values")
    z = (j - mean) / np.sqrt(variance)
    return float(z), float(stats.norm.sf(z))


def knee(
    x: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Where the slope of y over x changes: breakpoint of the best continuous two-segment line, bootstrapped by points.

    Raises:
        BadShape: fewer than five points, or x has fewer than four values.
    """
    xs, ys = _observations(x), _observations(y)
    if xs.size != ys.size or xs.size < 5 or np.unique(xs).size < 4:
        raise BadShape(f"a knee in {xs.size} points", "give at least five, at four or more places")
    estimate = _breakpoint(xs, ys)
    random = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < resamples:
        draw = random.integers(0, xs.size, xs.size)
        if np.unique(xs[draw]).size >= 4:
            found.append(_breakpoint(xs[draw], ys[draw]))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level, xs.size)


def knee_batch(batches: Sequence[int], rates: Sequence[float], share: float = 0.9) -> int:
    """Smallest batch whose rate reaches `share` of the largest rate."""
    rate = _observations(rates)
    return int(min(batch for batch, reached in zip(batches, rate >= share * rate.max(), strict=True) if reached))


def _breakpoint(x: Floats, y: Floats) -> float:
    inner = np.unique(x)[1:-1]
    # The breakpoint lies anywhere between the second and the second-last place: a grid of 200, refined once.
    low, high = float(inner[0]), float(inner[-1])
    best = low
    for _ in range(2):
        grid = np.linspace(low, high, 200)
        errors = [_two_segments(x, y, at) for at in grid]
        best = float(grid[int(np.argmin(errors))])
        step = (high - low) / 199
        low, high = max(best - step, low), min(best + step, high)
        if step == 0:
            break
    return best


def _two_segments(x: Floats, y: Floats, at: float) -> float:
    design = np.stack([np.ones_like(x), x, np.maximum(x - at, 0)], axis=1)
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(residual @ residual)


def _observations(values: Sequence[float] | Floats) -> Floats:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or data.size < 2:
        raise BadShape(f"{data.size} observations", "give two or more in one row")
    if not np.isfinite(data).all():
        raise BadShape("an observation is not a finite number")
    return data
