"""Bootstrap intervals that anyone can compute again: no clock, no generator of the platform's, no rounding by order.

The percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) over repetitions:
a resample draws as many repetitions as there are, with replacement, and both arms of a pair go together. Draws come
from SHAKE-256 over the claim's id and the samples, sums are exactly rounded (`math.fsum`), so that every machine and
every version of Python gets the same interval.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Sequence

RESAMPLES = 2000
FEWEST = 5
"""Under five repetitions an interval by resampling says nothing."""
MOST = 5000
"""A bound on what `check` has to compute."""

Statistic = Callable[[Sequence[float], Sequence[float]], float]


def mean(samples: Sequence[float]) -> float:
    """The exactly rounded sum over the number of samples."""
    return math.fsum(samples) / len(samples)


def difference_of_means(left: Sequence[float], right: Sequence[float]) -> float:
    """Mean of the left samples less the mean of the right."""
    return mean(left) - mean(right)


def ratio_of_means(left: Sequence[float], right: Sequence[float]) -> float:
    """Mean of the left samples over the mean of the right; NaN where that is not positive."""
    below = mean(right)
    return mean(left) / below if below > 0 else math.nan


def bootstrap(
    left: Sequence[float], right: Sequence[float], statistic: Statistic, *, confidence: float, name: str
) -> tuple[float, float] | None:
    """The percentile interval of a statistic of paired samples, or None where a resample has no finite value.

    Args:
        left, right: samples of the two arms in the order of repetitions, equally many (FEWEST to MOST).
        confidence: such as 0.95; the interval runs between the (1 - confidence)/2 quantiles.
        name: part of what the draws are seeded with.
    """
    count = len(left)
    seed = hashlib.sha256(
        f"{name}\n{','.join(map(repr, left))}\n{','.join(map(repr, right))}".encode("utf-8", "surrogatepass")
    ).digest()
    drawn = struct.Struct(f"<{count}I")
    values = []
    for number in range(RESAMPLES):
        stream = hashlib.shake_256(seed + number.to_bytes(4, "little")).digest(4 * count)
        # The high bits of a 32-bit draw choose: for 5,000 repetitions none is more likely than another by over 2e-6.
        chosen = [draw * count >> 32 for draw in drawn.unpack(stream)]
        value = statistic([left[index] for index in chosen], [right[index] for index in chosen])
        if not math.isfinite(value):
            return None
        values.append(value)
    values.sort()
    cut = math.floor((1 - confidence) / 2 * RESAMPLES + 1e-9)
    return values[cut], values[RESAMPLES - 1 - cut]
