"""Cost model, front, work by arithmetic and memory, against hand counts and an independent count of operations."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.bench import (  # noqa: E402
    Step,
    band,
    expected_distinct,
    expert_bytes,
    fit,
    front,
    hypervolume,
    layer_flops,
    memory_of,
    predicted_saving,
    tensor_bytes,
)
from routelab.dispatch import Experts, MoELayer  # noqa: E402
from routelab.routing import build  # noqa: E402


def steps(noise: float = 0.0) -> list[Step]:
    random, made = np.random.default_rng(0), []
    for batch, k in itertools.product((1, 4, 16, 64, 256), (2, 4, 6)):
        t = expected_distinct(64, [k] * batch)
        made.append(
            Step(t, batch * k, batch, (16e-5 * t + 2e-6 * batch * k + 5e-5) * random.lognormal(0, noise), str(batch))
        )
    return made


def test_the_fit_finds_its_own_constants_and_predicts_what_it_has_not_seen() -> None:
    found = fit(steps())
    assert found.coefficients == pytest.approx({"distinct": 16e-5, "assignments": 2e-6, "constant": 5e-5}, rel=1e-6)
    assert found.held_out_r2 > 0.999999 and found.predict(steps()[3]) == pytest.approx(steps()[3].seconds)
    noisy = fit(steps(0.05))
    assert noisy.held_out_r2 > 0.9
    assert noisy.held_out_error < 0.1 < fit(steps(0.05), "mean_k").held_out_error
    assert fit(steps(0.05), "mean_k").held_out_r2 < 0.2


def test_a_fit_of_too_little_is_refused() -> None:
    one_group = [s for s in steps() if s.group == "1"] * 5
    for some in (steps()[:3], one_group, [Step(1, 1, 1, 0.0, str(i)) for i in range(9)]):
        with pytest.raises(BadShape):
            fit(some)
    with pytest.raises(BadShape):
        fit(steps(), "magic")


def test_the_table_of_expected_distinct_experts() -> None:
    # moe-methods section 0.4, computed here again by simulation for one entry.
    by_batch = [round(expected_distinct(64, [6] * b), 1) for b in (1, 4, 8, 16, 32, 64)]
    assert by_batch == [6, 20.8, 34.9, 50.8, 61.3, 63.9]
    assert round(expected_distinct(128, [8] * 16), 1) == 82.4
    drawn = torch.rand(4000, 16, 64).topk(6, -1).indices.flatten(1)
    simulated = np.mean([len(set(row.tolist())) for row in drawn])
    assert simulated == pytest.approx(expected_distinct(64, [6] * 16), abs=0.15)
    assert round(100 * predicted_saving(128, 8, 0.4, 4), 1) == 37.7
    assert expected_distinct(8, []) == 0
    with pytest.raises(BadShape):
        expected_distinct(4, [5])


def test_the_front_is_what_no_point_beats() -> None:
    random = np.random.default_rng(1)
    cost, value = random.integers(0, 9, 40).astype(float), random.integers(0, 9, 40).astype(float)

    def beaten(i: int) -> bool:
        return any(
            cost[j] <= cost[i] and value[j] >= value[i] and (cost[j] < cost[i] or value[j] > value[i])
            for j in range(40)
        )

    kept = front(cost, value)
    assert {(cost[i], value[i]) for i in kept} == {(cost[i], value[i]) for i in range(40) if not beaten(i)}
    cells = sum(any(cost[i] <= x and value[i] >= y for i in kept) for x in range(9) for y in range(1, 10))
    assert hypervolume(cost, value, 9, 0) == cells
    assert hypervolume([1.0], [5.0], 0.5, 0) == 0
    with pytest.raises(BadShape):
        front([1.0], [float("nan")])


def test_a_band_holds_its_front() -> None:
    random = np.random.default_rng(2)
    cost = [list(random.normal(c, 0.01, 20)) for c in (1, 2, 3)]
    value = [list(random.normal(v, 0.5, 20)) for v in (60, 70, 65)]
    found = band(cost, value, 4, 50)
    assert (found.low[1:] <= [70.3, 70.3]).all() and (found.high[1:] >= [69.7, 69.7]).all()
    assert (found.low[1:] < found.middle[1:]).all() and (found.middle[1:] < found.high[1:]).all()
    assert found.hypervolume.low < 3 * 10 + 2 * 10 < found.hypervolume.high
    with pytest.raises(BadShape):
        band([[1.0], []], [[1.0], [2.0]], 4, 0)


@pytest.mark.parametrize("kind", ["gelu", "swiglu"])
def test_arithmetic_agrees_with_the_counter_of_torch(kind) -> None:
    layer = MoELayer(build("topk", 24, 6, k=2), Experts(6, 24, 16, kind), "sorted")
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        _, routing = layer(torch.randn(30, 24))
    assert layer_flops(layer, routing) == counted.get_total_flops()
    assert expert_bytes(layer.experts) == (24 * 16 * (3 if kind == "swiglu" else 2)) * 4
    assert tensor_bytes(layer.experts) == 6 * expert_bytes(layer.experts)


def test_memory_sees_a_large_tensor_come_and_go() -> None:
    module = torch.nn.Linear(4, 4)
    seen = memory_of(lambda: torch.ones(2**24).sum(), module)
    assert seen.weights == 80
    if seen.on == "cpu" and seen.reserved is not None and seen.device is not None:
        assert seen.reserved - seen.device > 0.9 * 2**26
