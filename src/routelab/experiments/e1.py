"""E1: does importance-driven allocation beat equal budgets?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from routelab.bench import provenance
from routelab.bench.statistics import equivalent, holm, paired_difference, paired_p
from routelab.data import TOKENS
from routelab.experiments._criteria import Criteria, criteria
from routelab.experiments._gather import BUDGET_TOLERANCE, Units, gather
from routelab.experiments.counterfactual import measured
from routelab.experiments.plan import Arm, DataSpec, Evaluation, Plan, scaled
from routelab.experiments.result import Finding, Outcome, Result
from routelab.experiments.runner import run_plan
from routelab.model import LabConfig, TrainSettings

K, N_EXPERTS, WIDTH, N_VIRTUAL = 6, 32, 64, 8
SHARES = {"100": 1.0, "90": 0.9, "75": 0.75, "60": 0.6}
BUDGETS = tuple(Evaluation(name, K * share) for name, share in SHARES.items())
#: Chosen on validation questions before the criteria were frozen (docs/routelab-experiments.md, "The sweep before E1").
LAM, IMPORTANCE_LR, PENALTY, FRACTIONAL_MEAN = 4.0, 10.0, 0.0, 5.2


def config(**changes: Any) -> LabConfig:
    """The lab model of E1, with changes."""
    base: dict[str, Any] = {
        "question_length": 6,
        "vocabulary": len(TOKENS),
        "n_experts": N_EXPERTS,
        "expert_width": WIDTH,
        "dense_width": K * WIDTH,
        "backend": "bucketed",
        "router": "topk",
        "router_options": {"k": K},
    }
    return LabConfig(**{**base, **changes})


def anyexperts(**changes: Any) -> LabConfig:
    """AnyExperts with the paper's ratios at k = 6: K in 6..9, V = E/4, rho = 0.2."""
    options = {
        "k_min": K,
        "k_max": K * 3 // 2,
        "n_virtual": N_VIRTUAL,
        "rho": 0.2,
        "cap_rounding": "stochastic",
        "lam": LAM,
        "penalty": PENALTY,
    }
    return config(router="anyexperts", router_options={**options, **changes})


def plan(size: str) -> Plan:
    """Arms, seeds and data of E1."""
    plain = TrainSettings(steps=1500, save_every=150)
    moved = TrainSettings(steps=1500, save_every=150, importance_lr=IMPORTANCE_LR)
    dense = config(layer="dense")
    arms = (
        Arm("topk", config(), plain, BUDGETS, required=True, publish=True),
        Arm("fractional", config(router="fractional_k", router_options={"mean_k": FRACTIONAL_MEAN}), plain, BUDGETS,
            required=True, publish=True),
        Arm("anyexperts", anyexperts(), moved, (*BUDGETS, Evaluation("trained")), required=True, publish=True),
        Arm("anyexperts_shuffled", anyexperts(importance="shuffled"), moved, (*BUDGETS, Evaluation("trained")),
            required=True, publish=True),
        Arm("question_only", dense, plain, blank="image", role="floor", required=True, seeds=2),
        Arm("dense_active", dense, plain, role="dense", seeds=2, publish=True),
        Arm("anyexperts_no_virtual", anyexperts(k_min=K - 1, k_max=K + 1, n_virtual=0, rho=0.0), moved, BUDGETS),
        Arm("adamoe", config(router="adamoe", router_options={"k": 8, "n_null": 11}), plain, BUDGETS),
        Arm("top_p", config(router="top_p", router_options={"p": 0.4, "k_max": 12}), plain, BUDGETS),
        Arm("frozen_random", config(router="frozen_random"), plain, role="control", seeds=2),
        Arm("hash", config(router="hash"), plain, role="control", seeds=2),
        Arm("dense_total", config(layer="dense", dense_width=N_EXPERTS * WIDTH), plain, role="dense", seeds=2),
        Arm("image_only", dense, plain, blank="question", role="floor", seeds=2),
        Arm("anyexperts_no_correction", anyexperts(correction="none"), moved, BUDGETS, seeds=2),
        Arm("anyexperts_no_fusion", anyexperts(fusion=False), moved, BUDGETS, seeds=2),
        Arm("anyexperts_zero", anyexperts(virtual_output="zero"), moved, BUDGETS, seeds=2),
        Arm("anyexperts_pool_cap", anyexperts(cap="pool"), moved, BUDGETS, seeds=2),
    )  # fmt: skip
    full = Plan("E1", "full", arms, (0, 1, 2, 3, 4), DataSpec())
    return full if size == "full" else scaled(full)


def run(size: str, out: Path, *, processes: int = 2, progress: Callable[[str], None] = lambda _line: None) -> Result:
    """Train what is missing (nothing with 0 processes), then judge."""
    if processes:
        run_plan(plan(size), out, processes=processes, progress=progress)
    return conclude(size, out)


def conclude(size: str, out: Path) -> Result:
    """The result of what is there, with what one more expert would have been worth beside it."""
    found = plan(size)
    result = judge(gather(found, out))
    return replace(result, values={**result.values, "one_more_expert": measured(found, out)})


def judge(units: Units) -> Result:
    """The result of the units that are there. Criteria that need a missing unit are void."""
    frozen = criteria("E1")
    reason = f"{units.lacking[0]} and others are missing" if units.lacking else _unusable(units, frozen)
    if reason:
        findings = [_void(frozen, name, reason) for name in ("accuracy", "budget")]
    else:
        findings = [_accuracy(units, frozen), _budget(units, frozen)]
    where = provenance()
    return Result(
        experiment="E1",
        size=units.plan.size,
        tier="C",
        criteria_sha256=frozen.sha256,
        arms=tuple(arm.name for arm in units.plan.arms if units.seeds_of(arm.name)),
        seeds=units.plan.seeds,
        values=units.values(),
        findings=tuple(findings),
        versions=where["versions"],
        machine=where["machine"],
        load={"average_when_judged": where["load"]},
        whole=units.whole,
        notes=units.notes(),
    )


def _void(frozen: Criteria, name: str, reason: str) -> Finding:
    return Finding(name, frozen.claim(name), Outcome.VOID, f"{reason}.")


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _unusable(units: Units, frozen: Criteria) -> str:
    """Why no criterion can be decided, or nothing: an arm too near to the question-only floor, or a budget missed."""
    margin = float(frozen["floor"]["points"])
    floor = _mean(units.series("question_only"))
    for arm in ("topk", "fractional", "anyexperts", "anyexperts_shuffled"):
        for name in SHARES:
            off = units.budget_off(arm, name)
            if name in ("100", "90") and off is not None and off > BUDGET_TOLERANCE:
                return f"{arm} at {name} % is {100 * off:.1f} % off its budget"
        above = _mean(units.series(arm)) - floor
        if above < margin:
            return f"{arm} is {above:.1f} points above the question-only floor of {floor:.1f}, not {margin:.0f}"
    return ""


def _accuracy(units: Units, frozen: Criteria) -> Finding:
    table = frozen["accuracy"]
    least = float(table["points"])
    ours = units.series("anyexperts")
    others = {name: units.series(name) for name in ("fractional", "anyexperts_shuffled")}
    p = holm({name: paired_p(ours, other) for name, other in others.items()})
    apart = {name: paired_difference(ours, other) for name, other in others.items()}
    fractional, shuffled = apart["fractional"], apart["anyexperts_shuffled"]
    resolved = {name: p[name] < 0.05 and apart[name].low > 0 for name in apart}
    if fractional.estimate >= least and all(resolved.values()):
        outcome = Outcome.SUPPORTED
    elif fractional.high < least:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.NOT_RESOLVED
    because = (
        f"AnyExperts minus fractional k is {fractional.estimate:+.2f} points (95 % interval {fractional.low:+.2f} to "
        f"{fractional.high:+.2f}, Holm p {p['fractional']:.3f}), minus its shuffled control {shuffled.estimate:+.2f} "
        f"({shuffled.low:+.2f} to {shuffled.high:+.2f}, Holm p {p['anyexperts_shuffled']:.3f})."
    )
    numbers = {name: {**interval.as_json(), "holm_p": p[name]} for name, interval in apart.items()}
    return Finding("accuracy", frozen.claim("accuracy"), outcome, because, numbers)


def _budget(units: Units, frozen: Criteria) -> Finding:
    margin = float(frozen["budget"]["margin"])
    free, interval = equivalent(units.series("anyexperts", "90"), units.series("anyexperts"), margin)
    other_free, other = equivalent(units.series("topk", "90"), units.series("topk"), margin)
    if free and not other_free:
        outcome = Outcome.SUPPORTED
    elif other_free or interval.high < -margin:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.NOT_RESOLVED
    because = (
        f"At 90 % of the budget AnyExperts changes by {interval.estimate:+.2f} points (90 % interval "
        f"{interval.low:+.2f} to {interval.high:+.2f}), top-k by {other.estimate:+.2f} ({other.low:+.2f} to "
        f"{other.high:+.2f}); a change inside of {margin:.0f} point either way counts as free."
    )
    numbers = {"anyexperts": interval.as_json(), "topk": other.as_json()}
    return Finding("budget", frozen.claim("budget"), outcome, because, numbers)
