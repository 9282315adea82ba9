"""The budget knob of AnyExperts: a mean number of real experts at inference, from the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from routelab._errors import BadShape
from routelab.routing.anyexperts import AnyExperts

#: Importance logits further out change nothing that a float can show: sigmoid(16) > 1 - 2e-7.
REACH = 16.0


@dataclass(frozen=True)
class Budget:
    """A setting of the knob, and what it gave on the calibration set.

    Attributes:
        target: mean real experts per token that was asked for. reached: what was measured.
        delta: added to every importance logit. lowered: taken off K_min and K_max.
    """

    target: float
    reached: float
    delta: float
    lowered: int

    def off_by(self) -> float:
        """|reached - target| / target: beyond 0.02 the point is to be dropped (the lab's budget check)."""
        return abs(self.reached - self.target) / self.target


def set_budget(routers: Iterable[AnyExperts], delta: float, lowered: int = 0) -> None:
    """Move the knob of several layers together."""
    for router in routers:
        router.delta, router.lowered = float(delta), int(lowered)


def calibrate(
    routers: Iterable[AnyExperts], measure: Callable[[], float], target: float, *, steps: int = 16
) -> Budget:
    """Find the knob's setting at which `measure()` gives `target`, and leave the routers there.

    First delta by bisection in [-16, 16]. If even the lowest delta runs too many experts, K_min and K_max are lowered
    together, by as little as will do, and delta is sought again. [R]: the paper does not say what its knob is.

    Args:
        routers: the model's AnyExperts layers, moved together.
        measure: runs the model on the calibration set and returns mean real experts per token and layer. It must give
            the same number for the same setting: seed what it draws.
        target: mean real experts, above 0.

    Raises:
        BadShape: no router is given, or the target is out of reach above or below.
    """
    layers = list(routers)
    if not layers:
        raise BadShape("a budget without a router", "give the model's AnyExperts layers")
    if not target > 0:
        raise BadShape(f"a budget of {target} experts", "give a positive one")

    def at(delta: float, lowered: int) -> float:
        set_budget(layers, delta, lowered)
        return measure()

    most = at(REACH, 0)
    if most < target:
        raise BadShape(f"a budget of {target} experts where at most {most:.3f} run", "lower it")
    lowered, deepest = 0, max(layer.k_max for layer in layers) - 1
    while (least := at(-REACH, lowered)) > target and lowered < deepest:
        lowered += 1
    if least > target:
        raise BadShape(f"a budget of {target} experts where at least {least:.3f} run", "raise it")
    low, high = -REACH, REACH
    best = Budget(target, least, -REACH, lowered)
    for _ in range(steps):
        delta = (low + high) / 2
        reached = at(delta, lowered)
        if abs(reached - target) < abs(best.reached - target):
            best = Budget(target, reached, delta, lowered)
        if reached > target:
            high = delta
        else:
            low = delta
    set_budget(layers, best.delta, best.lowered)
    return best
