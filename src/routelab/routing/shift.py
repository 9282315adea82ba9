"""The budget knob of routers that have a `shift`: a mean number of real experts at inference, from the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from routelab._errors import BadShape


class Shiftable(Protocol):
    """A router whose mean number of real experts does not fall as its `shift` rises; 0 as trained."""

    shift: float


@dataclass(frozen=True)
class Shift:
    """A setting of the knob: `target` mean real experts per token was asked for, `reached` was measured at `shift`."""

    target: float
    reached: float
    shift: float

    def off_by(self) -> float:
        """|reached - target| / target: beyond 0.02 the point is to be dropped (the lab's budget check)."""
        return abs(self.reached - self.target) / self.target


def calibrate_shift(
    routers: Iterable[Shiftable], measure: Callable[[], float], target: float, *, reach: float = 16.0, steps: int = 20
) -> Shift:
    """Find the common shift at which `measure()` gives `target` by bisection, and leave the routers there.

    Reconstruction: of the methods that have a shift (AdaMoE, Top-P, DTop-p, MoE++, entropy-driven k, DynMoE, threshold
    Expert Choice) none says how to run its weights at another budget.

    Args:
        measure: runs the model on a calibration set and returns mean real experts per token and layer; it must give
            the same number for the same setting.
        reach: how far to look on both sides of 0.

    Raises:
        BadShape: no router is given, or the target is out of reach.
    """
    every = list(routers)
    if not every:
        raise BadShape("a budget without a router", "give the model's routers that have a shift")
    if not target > 0:
        raise BadShape(f"a budget of {target} experts", "give a positive one")

    def at(shift: float) -> float:
        for router in every:
            router.shift = shift
        return measure()

    low, high = -reach, reach
    least, most = at(low), at(high)
    if not least <= target <= most:
        at(0.0)
        raise BadShape(f"a budget of {target} experts where {least:.3f} .. {most:.3f} run", "choose one in between")
    best = min(Shift(target, least, low), Shift(target, most, high), key=Shift.off_by)
    for _ in range(steps):
        middle = (low + high) / 2
        found = Shift(target, at(middle), middle)
        best = min(best, found, key=Shift.off_by)
        low, high = (low, middle) if found.reached > target else (middle, high)
    at(best.shift)
    return best
