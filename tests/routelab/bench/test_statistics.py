"""Intervals and tests against hand counts, scipy, exact permutation counts and simulated coverage."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")
stats = pytest.importorskip("scipy.stats")

from routelab import BadShape  # noqa: E402
from routelab.bench import (  # noqa: E402
    bootstrap,
    equivalent,
    holm,
    jonckheere,
    knee,
    knee_batch,
    paired_difference,
    paired_p,
    paired_ratio,
)


def test_a_paired_ratio_cancels_drift_that_hits_both_arms() -> None:
    random = np.random.default_rng(1)
    drift = random.lognormal(0, 0.5, 40)  # a machine that slows down by half and more
    fast, slow = drift * random.normal(1, 0.01, 40), 1.2 * drift * random.normal(1, 0.01, 40)
    ratio = paired_ratio(slow, fast)
    assert ratio.low < 1.2 < ratio.high and ratio.high - ratio.low < 0.02
    assert paired_ratio(slow, random.permutation(fast)).high - ratio.low > 0.1  # not paired: wide


def test_the_bootstrap_covers_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    hits = sum(
        (lambda i: i.low <= 0 <= i.high)(bootstrap(random.normal(size=30), resamples=400, seed=s)) for s in range(300)
    )
    assert 0.90 <= hits / 300 <= 0.99


def test_paired_difference_is_students() -> None:
    a, b = np.array([3.0, 4.0, 6.0, 5.0, 9.0]), np.array([2.0, 4.5, 4.0, 3.0, 6.0])
    interval, theirs = paired_difference(a, b), stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high))
    assert paired_p(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert paired_p(a, a) == 1.0 and paired_p(a, a + 1) == 0.0


def test_holm_by_hand() -> None:
    adjusted = {"a": 0.04, "c": 0.09, "b": 0.09, "d": 0.5}
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.5}) == pytest.approx(adjusted)
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0} and holm({}) == {}


def test_equivalence_needs_the_whole_interval_inside() -> None:
    base = np.array([70.0, 71.0, 69.0, 70.5, 70.2])
    assert equivalent(base + np.array([0.1, -0.1, 0.0, 0.1, 0.0]), base, 1.0)[0]
    assert not equivalent(base + 0.9 + np.array([0.3, -0.3, 0.2, 0.1, 0.0]), base, 1.0)[0]
    assert not equivalent(base + np.array([3.0, -3.0, 2.0, -2.0, 0.0]), base, 1.0)[0]  # near in the mean, not resolved
    with pytest.raises(BadShape):
        equivalent(base, base, 0)


def test_jonckheere_has_the_moments_of_all_permutations() -> None:
    values, sizes = [1.0, 2.0, 2.0, 3.0, 5.0, 5.0], (2, 2, 2)

    def j(groups) -> float:
        return sum(
            (x < y) + 0.5 * (x == y) for a, b in itertools.combinations(groups, 2) for x in a for y in b
        )

    orders = [[p[:2], p[2:4], p[4:]] for p in itertools.permutations(values)]
    counts = np.array([j(groups) for groups in orders])
    groups = [values[:2], values[2:4], values[4:]]
    z, p = jonckheere(groups)
    assert z == pytest.approx((j(groups) - counts.mean()) / counts.std()) and sizes == (2, 2, 2)
    assert p == pytest.approx(stats.norm.sf(z)) and p < 0.05
    assert jonckheere(groups[::-1])[0] == pytest.approx(-z)
    for bad in ([[1.0]], [[1.0], []], [[1.0, 1.0], [1.0]]):
        with pytest.raises(BadShape):
            jonckheere(bad)


def test_the_knee_is_where_the_slope_changes() -> None:
    random, x = np.random.default_rng(3), np.repeat(np.arange(12.0), 3)
    y = np.where(x < 5, 0.1 * x, 0.5 + 2 * (x - 5)) + random.normal(0, 0.2, x.size)
    found = knee(x, y, resamples=200)
    assert found.low <= 5 <= found.high and found.high - found.low < 2
    with pytest.raises(BadShape):
        knee([1, 2, 3], [1, 2, 3])
    assert knee_batch([1, 2, 4, 8], [10.0, 50.0, 91.0, 100.0]) == 4


@pytest.mark.parametrize("values", [[1.0], [], [1.0, float("nan")], [[1.0, 2.0], [3.0, 4.0]]])
def test_observations_that_are_none_are_refused(values) -> None:
    with pytest.raises(BadShape):
        bootstrap(values)


def test_ratios_that_cannot_be_are_refused() -> None:
    for a, b in (([1.0, 2.0], [1.0]), ([1.0, 0.0], [1.0, 1.0]), ([1.0, 2.0, 3.0], [1.0, 2.0])):
        with pytest.raises(BadShape):
            paired_ratio(a, b)
