"""The cost model of one MoE layer-step, seconds = b*T + a*n_a + c, fitted and held against simpler ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from routelab._errors import BadShape

Floats = NDArray[np.float64]

#: Features of each model beside the constant. `mean_k` is what a paper that reports mean experts per token offers.
MODELS: dict[str, tuple[str, ...]] = {
    "distinct and assignments": ("distinct", "assignments"),
    "assignments": ("assignments",),
    "distinct": ("distinct",),
    "mean_k": ("mean_k",),
}


@dataclass(frozen=True)
class Step:
    """One timed layer-step: T, n_a, N and seconds; `group` names what is held out together (a batch, a skew)."""

    distinct: float
    assignments: float
    tokens: float
    seconds: float
    group: str

    @property
    def mean_k(self) -> float:
        return self.assignments / self.tokens


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes:
        model: name in `MODELS`. coefficients: seconds per unit of each feature, and `constant`; none is negative.
        r2: share of variance explained on the steps it was fitted to. held_out_r2: on groups it had not seen.
        held_out_error: root mean square of the held-out relative error.
        n: steps. groups: how many were held out in turn.
    """

    model: str
    coefficients: Mapping[str, float]
    r2: float
    held_out_r2: float
    held_out_error: float
    n: int
    groups: int

    def predict(self, step: Step) -> float:
        """Seconds for a step."""
        parts = (self.coefficients[name] * getattr(step, name) for name in MODELS[self.model])
        return float(self.coefficients["constant"] + sum(parts))

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def fit(steps: Sequence[Step], model: str = "distinct and assignments") -> Fit:
    """Least squares with coefficients that are not negative, in relative error (each step weighs 1 / seconds: times
    over a batch sweep span three decades). Held-out figures leave one group out in turn.

    Raises:
        BadShape: there is no such model, fewer than two groups, or fewer steps than twice the coefficients.
    """
    if model not in MODELS:
        raise BadShape(f"there is no cost model {model!r}", f"choose one of: {', '.join(MODELS)}")
    names = MODELS[model]
    groups = sorted({step.group for step in steps})
    if len(groups) < 2 or len(steps) < 2 * (len(names) + 1):
        raise BadShape(f"{len(steps)} steps in {len(groups)} groups are too few for a fit", "time more of them")
    if min(step.seconds for step in steps) <= 0:
        raise BadShape("a time is not positive")
    design = np.array([[*(getattr(step, name) for name in names), 1.0] for step in steps], dtype=np.float64)
    seconds = np.array([step.seconds for step in steps], dtype=np.float64)
    member = np.array([step.group for step in steps])
    solution = _solve(design, seconds)
    held_out = np.empty_like(seconds)
    for group in groups:
        out = member == group
        held_out[out] = design[out] @ _solve(design[~out], seconds[~out])
    return Fit(
        model,
        dict(zip((*names, "constant"), map(float, solution), strict=True)),
        _r2(seconds, design @ solution),
        _r2(seconds, held_out),
        float(np.sqrt(np.mean((held_out / seconds - 1) ** 2))),
        len(steps),
        len(groups),
    )


def expected_distinct(n_experts: int, slots: Sequence[float]) -> float:
    """E[T] = E * (1 - prod_i (1 - k_i / E)): distinct experts of tokens with k_i uniform, independent choices."""
    if n_experts < 1 or any(not 0 <= k <= n_experts for k in slots):
        raise BadShape(f"slots outside of 0 .. {n_experts}")
    return n_experts * (1 - float(np.prod(1 - np.asarray(slots, dtype=np.float64) / n_experts)))


def predicted_saving(n_experts: int, k: float, cut: float, batch: int) -> float:
    """Largest saving of decode time by a mean k lower by the share `cut`, if time is all weight reading: 1 - T'/T."""
    return 1 - expected_distinct(n_experts, [k * (1 - cut)] * batch) / expected_distinct(n_experts, [k] * batch)


def _solve(design: Floats, seconds: Floats) -> Floats:
    weighted = design / seconds[:, None]
    scale = np.maximum(np.abs(weighted).max(0), 1e-300)  # features differ by orders of magnitude
    solution, _ = nnls(weighted / scale, np.ones_like(seconds))
    return np.asarray(solution / scale, dtype=np.float64)


def _r2(actual: Floats, predicted: Floats) -> float:
    total = float(((actual - actual.mean()) ** 2).sum())
    return 1 - float(((actual - predicted) ** 2).sum()) / total if total else float("nan")
