"""E3's criteria over its units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from routelab.bench import holm, paired_difference, paired_p, provenance
from routelab.experiments._criteria import Criteria, criteria
from routelab.experiments._e3_latency import read_times
from routelab.experiments._gather import Units
from routelab.experiments.result import Finding, Outcome, Ratio, Result

COMPARED = ("topk", "smoes_attention", "hard_50")


def judge(units: Units, out: Path) -> Result:
    """The result of the units that are there; a criterion that lacks one is void."""
    frozen = criteria("E3")
    reason = f"{units.lacking[0]} and others are missing" if units.lacking else _below_floor(units, frozen)
    ratios: list[Ratio] = []
    values = units.values()
    if reason:
        findings = [
            Finding(name, frozen.claim(name), Outcome.VOID, f"{reason}.")
            for name in ("specialisation", "latency", "traffic")
        ]
    else:
        latency, ratio = _latency(units, frozen, out)
        ratios += [ratio] if ratio else []
        findings = [_specialisation(units, frozen), latency, _traffic(units, frozen)]
        values["remote"] = {
            arm: {name: [r["pair_remote"] for r in _remote(units, arm, name)] for name in ("placed_2", "unplaced_2")}
            for arm in COMPARED
        }
    where = provenance()
    return Result(
        experiment="E3",
        size=units.plan.size,
        tier="C",
        criteria_sha256=frozen.sha256,
        arms=tuple(arm.name for arm in units.plan.arms if units.seeds_of(arm.name)),
        seeds=units.plan.seeds,
        values=values,
        findings=tuple(findings),
        ratios=tuple(ratios),
        versions=where["versions"],
        machine=where["machine"],
        load={"average_when_judged": where["load"]},
        whole=units.whole,
        notes=units.notes(),
    )


def _remote(units: Units, arm: str, name: str) -> list[dict[str, float]]:
    return [units.evaluation(arm, seed)["remote"][name] for seed in units.seeds_of(arm)]


def _below_floor(units: Units, frozen: Criteria) -> str:
    least = float(frozen["floor"]["points"])
    floors = units.series("question_only", "100", "modality", "vision")
    floor = sum(floors) / len(floors)
    for arm in COMPARED:
        seen = units.series(arm, "100", "modality", "vision")
        above = sum(seen) / len(seen) - floor
        if above < least:
            return f"{arm} is {above:.1f} points above the question-only floor of {floor:.1f}, not {least:.0f}"
    return ""


def _specialisation(units: Units, frozen: Criteria) -> Finding:
    table = frozen["specialisation"]
    index = [units.series(arm, "100", "routing", "msi") for arm in ("smoes_attention", "topk")]
    text = [units.series(arm, "100", "modality", "text") for arm in ("topk", "hard_50")]
    every = [units.series(arm) for arm in ("smoes_attention", "topk")]
    p = holm({"msi": paired_p(*index), "hard_text": paired_p(*text)})
    msi, lost = paired_difference(*index), paired_difference(*text)
    accuracy = paired_difference(*every, level=0.90)
    raised = msi.estimate >= table["msi"] and msi.low > 0 and p["msi"] < 0.05
    costs = lost.estimate >= table["loss"] and lost.low > 0 and p["hard_text"] < 0.05
    if raised and costs and accuracy.low > -table["margin"]:
        outcome = Outcome.SUPPORTED
    elif msi.high < table["msi"] or accuracy.high < -table["margin"] or lost.high < table["loss"]:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.NOT_RESOLVED
    because = (
        f"The index differs by {msi.estimate:+.3f} ({msi.low:+.3f} to {msi.high:+.3f}), accuracy by "
        f"{accuracy.estimate:+.2f} points (90 % interval {accuracy.low:+.2f} to {accuracy.high:+.2f}); the hard "
        f"partition loses {lost.estimate:+.2f} points on text-only questions ({lost.low:+.2f} to {lost.high:+.2f})."
    )
    numbers: dict[str, Any] = {"msi": msi.as_json(), "accuracy": accuracy.as_json(), "hard_text_loss": lost.as_json()}
    return Finding("specialisation", frozen.claim("specialisation"), outcome, because, {**numbers, "holm_p": p})


def _traffic(units: Units, frozen: Criteria) -> Finding:
    table = frozen["traffic"]
    name = f"placed_{table['devices']}"
    ours, plain = ([r["pair_remote"] for r in _remote(units, arm, name)] for arm in ("smoes_attention", "topk"))
    relative = [(b - a) / b if b else 0.0 for a, b in zip(ours, plain, strict=True)]
    found = paired_difference(relative, [0.0] * len(relative))
    unplaced = [r["pair_remote"] for r in _remote(units, "topk", f"unplaced_{table['devices']}")]
    placement = paired_difference(unplaced, plain)
    if found.estimate >= table["reduction"] and found.low > 0:
        outcome = Outcome.SUPPORTED
    elif found.high < table["reduction"]:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.NOT_RESOLVED
    because = (
        f"Remote pairs are {100 * found.estimate:.1f} % fewer than top-k's ({100 * found.low:.1f} to "
        f"{100 * found.high:.1f} %); placing top-k's own experts takes {100 * placement.estimate:.1f} points of "
        f"{100 * sum(unplaced) / len(unplaced):.1f} % off."
    )
    if outcome is Outcome.REFUTED and placement.low > 0:
        because += " Placement, not training, does the work."
    numbers = {"reduction": found.as_json(), "placement": placement.as_json(), "smoes": ours, "topk": plain}
    return Finding("traffic", frozen.claim("traffic"), outcome, because, numbers)


def _latency(units: Units, frozen: Criteria, out: Path) -> tuple[Finding, Ratio | None]:
    table = frozen["latency"]
    times = read_times(units.plan, out)
    if times is None or not times["valid"]:
        why = "The models were not timed" if times is None else f"The timing is not valid: {times['why_not']}"
        return Finding("latency", frozen.claim("latency"), Outcome.VOID, f"{why}."), None
    low, high = times["ratio"]["low"], times["ratio"]["high"]
    if table["low"] <= low and high <= table["high"]:
        outcome = Outcome.SUPPORTED
    elif high < table["low"] or low > table["high"]:
        outcome = Outcome.REFUTED
    else:
        outcome = Outcome.NOT_RESOLVED
    ratio = Ratio(
        "prefill of SMoES / prefill of top-k", times["seconds"]["smoes_attention"], times["seconds"]["topk"],
        "s", low, high, 0.95, "median of paired blocks, bootstrap",
    )  # fmt: skip
    because = (
        f"The ratio of paired prefill times at batch {table['batch']} is {times['ratio']['estimate']:.3f} "
        f"({low:.3f} to {high:.3f})."
    )
    return Finding("latency", frozen.claim("latency"), outcome, because, times["ratio"]), ratio
