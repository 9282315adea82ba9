"""E6's criteria over its units."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from routelab._errors import BadShape
from routelab.bench import Step, fit, holm, jonckheere, knee, paired_difference, paired_p, provenance
from routelab.experiments._criteria import Criteria, criteria
from routelab.experiments._e6_latency import read_times
from routelab.experiments._gather import Units
from routelab.experiments.result import Finding, Outcome, Result

KS = (1, 2, 4, 8, 16, 32)
NAMES = ("accuracy_trend", "work_trend", "inference_curve")


def judge(units: Units, out: Path) -> Result:
    """The result of the units that are there; a criterion that lacks one is void."""
    frozen = criteria("E6")
    reason = f"{units.lacking[0]} and others are missing" if units.lacking else _below_floor(units, frozen)
    if reason:
        findings = [Finding(name, frozen.claim(name), Outcome.VOID, f"{reason}.") for name in NAMES]
    else:
        findings = [_accuracy(units, frozen), _work(units, frozen, out), _inference(units, frozen)]
    where = provenance()
    return Result(
        experiment="E6",
        size=units.plan.size,
        tier="C",
        criteria_sha256=frozen.sha256,
        arms=tuple(arm.name for arm in units.plan.arms if units.seeds_of(arm.name)),
        seeds=units.plan.seeds,
        values={**units.values(), "latency": read_times(units.plan, out)},
        findings=tuple(findings),
        versions=where["versions"],
        machine=where["machine"],
        load={"average_when_judged": where["load"]},
        whole=units.whole,
        notes=units.notes(),
    )


def _below_floor(units: Units, frozen: Criteria) -> str:
    least = float(frozen["floor"]["points"])
    ours, floors = units.series("k8"), units.series("question_only")
    floor = sum(floors) / len(floors)
    above = sum(ours) / len(ours) - floor
    if above < least:
        return f"k8 is {above:.1f} points above the question-only floor of {floor:.1f}, not {least:.0f}"
    return ""


def _accuracy(units: Units, frozen: Criteria) -> Finding:
    groups = [units.series(f"k{k}") for k in KS]
    try:
        z, rising = jonckheere(groups)
    except BadShape as error:
        return Finding("accuracy_trend", frozen.claim("accuracy_trend"), Outcome.VOID, f"{error}.")
    falling = 1 - rising
    outcome = (
        Outcome.SUPPORTED if rising < 0.05 else Outcome.REFUTED if falling < 0.05 else Outcome.NOT_RESOLVED
    )
    x = [math.log2(k) for k, group in zip(KS, groups, strict=True) for _ in group]
    bend = knee(x, [value for group in groups for value in group])
    means = ", ".join(f"k={k}: {sum(g) / len(g):.1f}" for k, g in zip(KS, groups, strict=True))
    because = (
        f"Jonckheere's z is {z:.2f} (one-sided p for rising {rising:.4f}); means are {means} %; the slope over log2 k "
        f"changes at k = {2**bend.estimate:.1f} ({2**bend.low:.1f} to {2**bend.high:.1f})."
    )
    numbers = {"z": z, "p_rising": rising, "knee_log2_k": bend.as_json()}
    return Finding("accuracy_trend", frozen.claim("accuracy_trend"), outcome, because, numbers)


def _work(units: Units, frozen: Criteria, out: Path) -> Finding:
    claim = frozen.claim("work_trend")
    times = read_times(units.plan, out)
    if times is None or not times["valid"]:
        why = "The models were not timed" if times is None else f"The timing is not valid: {times['why_not']}"
        return Finding("work_trend", claim, Outcome.VOID, f"{why}.")
    steps = [
        Step(cell["distinct"], cell["assignments"], cell["batch"], cell["seconds"], cell["arm"])
        for cell in times["cells"]
        if cell["assignments"]
    ]
    try:
        by_work, by_ratio = fit(steps), fit(steps, "mean_k")
    except BadShape as error:
        return Finding("work_trend", claim, Outcome.VOID, f"{error}.")
    quotient = by_work.held_out_error / by_ratio.held_out_error
    if quotient < frozen["work_trend"]["ratio"]:
        outcome = Outcome.SUPPORTED
    elif quotient >= 1:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.NOT_RESOLVED
    because = (
        f"Held-out relative error of b*T + a*n_a + c is {by_work.held_out_error:.3f}, of a line in k/E "
        f"{by_ratio.held_out_error:.3f}: a ratio of {quotient:.2f}."
    )
    return Finding("work_trend", claim, outcome, because, {"work": by_work.as_json(), "ratio": by_ratio.as_json()})


def _inference(units: Units, frozen: Criteria) -> Finding:
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    for k in (k for k in KS if k != 8):
        seeds = units.seeds_of(f"k{k}")
        at_inference = [float(units.evaluation("k8", seed, f"k{k}")["accuracy"]) for seed in seeds]
        pairs[f"k{k}"] = (at_inference, units.series(f"k{k}"))
    p = holm({name: paired_p(*pair) for name, pair in pairs.items()})
    apart = {name: paired_difference(*pair) for name, pair in pairs.items()}
    above = [n for n in apart if apart[n].low > 0 and p[n] < 0.05]
    below = [n for n in apart if apart[n].high < 0 and p[n] < 0.05]
    outcome = Outcome.REFUTED if above else Outcome.SUPPORTED if below else Outcome.NOT_RESOLVED
    said = ", ".join(f"{n}: {i.estimate:+.1f} ({i.low:+.1f} to {i.high:+.1f})" for n, i in apart.items())
    because = f"Inference-time minus trained, in points: {said}."
    numbers: dict[str, Any] = {name: {**apart[name].as_json(), "holm_p": p[name]} for name in apart}
    return Finding("inference_curve", frozen.claim("inference_curve"), outcome, because, numbers)
