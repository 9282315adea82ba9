"""What a plan's finished units say, as numbers for tables, criteria and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routelab._errors import BadData, NotAResult
from routelab.experiments.plan import Plan
from routelab.experiments.unit import read_unit

#: Arms whose budgets are further apart than this are not compared (section 10: the point is dropped, not adjusted).
BUDGET_TOLERANCE = 0.02

_KEPT = (
    "mean_real", "mean_real_by_modality", "mean_real_by_layer", "slots_histogram", "msi", "importance_std", "load_cv",
    "load_max_over_mean", "dead_experts", "load_entropy", "distinct_experts_mean", "tokens_by_modality",
)  # fmt: skip


@dataclass(frozen=True)
class Units:
    """The finished units of a plan.

    Attributes:
        found: file of each (arm, seed). missing: names of units that are not there. lacking: those of them that a
            criterion needs.
    """

    plan: Plan
    found: Mapping[tuple[str, int], Mapping[str, Any]]
    missing: tuple[str, ...]
    lacking: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not self.lacking

    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of missing units."""
        spare = len(self.missing) - len(self.lacking)
        said = [f"{len(self.lacking)} units that a criterion needs are missing"] if self.lacking else []
        return (*said, f"{spare} units that no criterion needs are missing") if spare else tuple(said)

    def evaluation(self, arm: str, seed: int, name: str = "100") -> Mapping[str, Any]:
        """One evaluation of a unit.

        Raises:
            NotAResult: the unit is not there. BadData: it has no such evaluation.
        """
        if (arm, seed) not in self.found:
            raise NotAResult(f"{arm}-{seed} of {self.plan.experiment} is missing", "resume the run")
        try:
            found: Mapping[str, Any] = self.found[arm, seed]["evaluations"][name]
        except KeyError as error:
            raise BadData(f"{arm}-{seed}: field evaluations.{name} is missing") from error
        return found

    def series(self, arm: str, name: str = "100", *keys: str) -> list[float]:
        """A number of an arm's evaluation (`accuracy` if no key is given), one per seed, in the order of the seeds."""
        out = []
        for seed in self.seeds_of(arm):
            value: Any = self.evaluation(arm, seed, name)
            for key in keys or ("accuracy",):
                value = value[key]
            out.append(float(value))
        return out

    def seeds_of(self, arm: str) -> list[int]:
        return [seed for seed in self.plan.seeds if (arm, seed) in self.found]

    def budget_off(self, arm: str, name: str) -> float | None:
        """Largest relative distance of the arm's mean real experts from the budget that was asked for; None where none
        was. Infinite where it could not be reached."""
        distances = []
        for seed in self.seeds_of(arm):
            found = self.evaluation(arm, seed, name)
            if found["budget"] is None:
                return None
            if "void" in found:
                return float("inf")
            distances.append(abs(found["routing"]["mean_real"] - found["budget"]) / found["budget"])
        return max(distances, default=None)

    def values(self) -> dict[str, Any]:
        """Everything that the tables show: `arms.<arm>.<evaluation>`, per seed in the order of `seeds`."""
        arms: dict[str, Any] = {}
        for arm in self.plan.arms:
            seeds = self.seeds_of(arm.name)
            if not seeds:
                continue
            first = self.found[arm.name, seeds[0]]
            table: dict[str, Any] = {
                "role": arm.role,
                "seeds": seeds,
                "parameters": first["parameters"],
                "cpu_seconds": [self.found[arm.name, s]["training"]["cpu_seconds"] for s in seeds],
                "loss": [_curve(self.found[arm.name, s]["training"]["log"]) for s in seeds],
                "evaluations": {},
            }
            for evaluation in arm.evaluations:
                each = [self.evaluation(arm.name, s, evaluation.name) for s in seeds]
                table["evaluations"][evaluation.name] = _joined(each)
            arms[arm.name] = table
        return {"arms": arms, "majority": _majority(self), "missing": list(self.missing)}


def gather(plan: Plan, out: Path) -> Units:
    """The finished units of a plan."""
    found, missing, lacking = {}, [], []
    for unit in plan.units():
        document = read_unit(out, unit)
        if document is None:
            missing.append(unit.name)
            if unit.arm.required:
                lacking.append(unit.name)
        else:
            found[unit.arm.name, unit.seed] = document
    return Units(plan, found, tuple(missing), tuple(lacking))


def _curve(log: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    return [[line["step"], round(line["loss"], 4)] for line in log]


def _joined(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Evaluations of one name, seed by seed."""
    void = [str(e["void"]) for e in each if "void" in e]
    if void:
        return {"budget": each[0]["budget"], "void": void[0]}
    out: dict[str, Any] = {"budget": each[0]["budget"], "n": each[0]["n"], "accuracy": [e["accuracy"] for e in each]}
    for group in ("family", "difficulty", "modality"):
        out[group] = {name: [e[group][name] for e in each] for name in each[0][group]}
    routing = each[0]["routing"]
    out["routing"] = {key: [e["routing"][key] for e in each] for key in _KEPT if key in routing}
    settings = ("knob", "delta", "lowered", "rounding", "shift", "mean_k")
    out["knob"] = [{name: e[name] for name in settings if name in e} for e in each]
    return out


def _majority(units: Units) -> float | None:
    """Percent right of whoever gives the commonest answer of the test to every question."""
    from collections import Counter

    from routelab.experiments._pool import test_set

    if not units.found:
        return None
    answers = test_set(units.plan.data).answer
    return 100 * Counter(map(tuple, answers.tolist())).most_common(1)[0][1] / len(answers)
