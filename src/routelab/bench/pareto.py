"""Fronts of cost against value, their hypervolume, and bands from resampled points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadShape
from routelab.bench.statistics import RESAMPLES, Interval

Floats = NDArray[np.float64]


def front(cost: Sequence[float] | Floats, value: Sequence[float] | Floats) -> list[int]:
    """Points that no other beats: none costs at most as much and is worth at least as much, one of both strictly.

    Returns:
        Their positions, by rising cost; of equal points the first.

    Raises:
        BadShape: the two differ in length, or a number is not finite.
    """
    costs, values = _points(cost, value)
    best, kept = -np.inf, []
    for i in np.lexsort((-values, costs)):
        if values[i] > best:
            best = float(values[i])
            kept.append(int(i))
    return kept


def hypervolume(
    cost: Sequence[float] | Floats, value: Sequence[float] | Floats, worst_cost: float, worst_value: float
) -> float:
    """Area that the front dominates, up to a reference point that is worse than it in both; points beyond the
    reference count nothing."""
    costs, values = _points(cost, value)
    area, height = 0.0, worst_value
    for i in front(costs, values):
        if costs[i] < worst_cost and values[i] > height:
            area += (worst_cost - float(costs[i])) * (float(values[i]) - height)
            height = float(values[i])
    return area


@dataclass(frozen=True)
class Band:
    """Best value within each cost: `low`, `middle` and `high` over `cost`; NaN where even the cheapest costs more."""

    cost: Floats
    low: Floats
    middle: Floats
    high: Floats
    hypervolume: Interval


def band(
    cost: Sequence[Sequence[float]],
    value: Sequence[Sequence[float]],
    worst_cost: float,
    worst_value: float,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES // 10,
    seed: int = 0,
) -> Band:
    """A front with its bootstrap band.

    Args:
        cost, value: for each point its repeats (seeds, blocks); each is resampled on its own and summed up by the
            median (cost) and the mean (value).
        worst_cost, worst_value: reference of the hypervolume.

    Raises:
        BadShape: the two differ in length, or a point has no repeat.
    """
    if len(cost) != len(value) or not cost or any(len(repeats) == 0 for repeats in (*cost, *value)):
        raise BadShape(f"{len(cost)} costs and {len(value)} values", "give at least one repeat of both for each point")
    random = np.random.default_rng(seed)

    def resampled(repeats: Sequence[float], statistic: str) -> Floats:
        data = np.asarray(repeats, dtype=np.float64)
        drawn = data[random.integers(0, data.size, (resamples, data.size))]
        return np.asarray(np.median(drawn, 1) if statistic == "median" else drawn.mean(1), dtype=np.float64)

    costs = np.stack([resampled(repeats, "median") for repeats in cost], 1)
    values = np.stack([resampled(repeats, "mean") for repeats in value], 1)
    center_cost = np.array([np.median(repeats) for repeats in cost])
    center_value = np.array([np.mean(repeats) for repeats in value])
    grid = np.unique(center_cost)
    within = np.where(costs[:, None, :] <= grid[None, :, None], values[:, None, :], -np.inf).max(-1)
    within[np.isinf(within)] = np.nan
    areas = [hypervolume(c, v, worst_cost, worst_value) for c, v in zip(costs, values, strict=True)]
    low, high = np.quantile(areas, [(1 - level) / 2, (1 + level) / 2])
    return Band(
        grid,
        _quantile(within, (1 - level) / 2),
        _quantile(within, 0.5),
        _quantile(within, (1 + level) / 2),
        Interval(
            hypervolume(center_cost, center_value, worst_cost, worst_value), float(low), float(high), level, len(cost)
        ),
    )


def _quantile(draws: Floats, q: float) -> Floats:
    """Quantile per column over the draws that have a value there; NaN where none has."""
    columns = [np.nan if np.isnan(column).all() else np.nanquantile(column, q) for column in draws.T]
    return np.array(columns, dtype=np.float64)


def _points(cost: Sequence[float] | Floats, value: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    costs, values = np.asarray(cost, dtype=np.float64), np.asarray(value, dtype=np.float64)
    if costs.shape != values.shape or costs.ndim != 1:
        raise BadShape(f"{costs.size} costs and {values.size} values", "give one of each per point")
    if not (np.isfinite(costs).all() and np.isfinite(values).all()):
        raise BadShape("a cost or a value is not a finite number")
    return costs, values
