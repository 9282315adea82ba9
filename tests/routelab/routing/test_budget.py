"""The budget knob: the mean number of real experts asked for is found, or an error says that it cannot be."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from routelab import BadShape  # noqa: E402
from routelab.routing import AnyExperts, calibrate, set_budget  # noqa: E402


def layers(spread: float = 2.0) -> list[AnyExperts]:
    torch.manual_seed(0)
    made = [AnyExperts(16, 16, 6, 9, hidden=4) for _ in range(2)]
    for router in made:
        torch.nn.init.normal_(router.mlp[2].weight, std=spread)  # type: ignore[arg-type]
    return made


def test_calibration_hits_the_target_by_delta_and_then_by_fewer_slots() -> None:
    made, x = layers(), torch.randn(2000, 16)

    def measure() -> float:
        return sum(router(x).mean_real_experts() for router in made) / 2

    stock = measure()
    for share in (1.0, 0.9, 0.75, 0.6):
        found = calibrate(made, measure, 6 * share)
        assert found.off_by() < 0.02
        assert measure() == found.reached
        assert all(router.delta == found.delta and router.lowered == found.lowered for router in made)
        # The lowest share of real slots is 0.8 of 6: below that K_min has to come down, and only then.
        assert (found.lowered > 0) == (6 * share < 4.8)
    set_budget(made, 0.0)
    assert measure() == stock


def test_a_budget_out_of_reach() -> None:
    made, x = layers(), torch.randn(100, 16)

    def measure() -> float:
        return made[0](x).mean_real_experts()

    with pytest.raises(BadShape, match="lower it"):
        calibrate(made, measure, 12.0)
    with pytest.raises(BadShape, match="raise it"):
        calibrate(made, measure, 0.1)
    with pytest.raises(BadShape, match="without a router"):
        calibrate([], measure, 6.0)
    with pytest.raises(BadShape, match="give a positive one"):
        calibrate(made, measure, 0.0)


def test_a_constant_importance_cannot_hit_between_its_steps_and_the_budget_says_so() -> None:
    made, x = layers(spread=0.0), torch.randn(500, 16)
    found = calibrate(made, lambda: made[0](x).mean_real_experts(), 6.4)
    assert found.reached == made[0](x).mean_real_experts()
    assert found.off_by() > 0.02
