"""E7's units into findings: pure, so that the same units always come to the same outcome."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from routelab.bench import Interval, equivalent, holm, paired_difference, paired_p, paired_ratio
from routelab.experiments._criteria import Criteria
from routelab.experiments.result import Finding, Outcome, Ratio

Units = Sequence[Mapping[str, Any]]


def judge(units: Units, frozen: Criteria) -> tuple[list[Finding], list[Ratio]]:
    """Findings in the order of the criteria file, and every ratio that they speak of."""
    trained = accuracies(units)
    cells = [unit for unit in units if unit["kind"] == "time"]
    grouped = [compared(cell, "grouped", "mixture", frozen) for cell in cells]
    naive = [compared(cell, "naive", "mixture", frozen) for cell in cells]
    findings = [
        _heads(frozen, trained),
        _naive(frozen, cells, naive),
        _crossover(frozen, cells, grouped),
        _defect(frozen, trained),
        _work(frozen, cells),
        _penalty(frozen, units),
    ]
    ratios = [r for pairs in (naive, grouped) for r in pairs if r is not None]
    return findings, ratios


def accuracies(units: Units) -> dict[str, dict[int, float]]:
    """Test accuracy in percent by arm and seed."""
    found: dict[str, dict[int, float]] = {}
    for unit in units:
        if unit["kind"] == "train":
            found.setdefault(unit["arm"], {})[unit["seed"]] = unit["accuracy"]
    return found


def paired(trained: Mapping[str, Mapping[int, float]], a: str, b: str) -> tuple[list[float], list[float]]:
    """Accuracies of two arms on the seeds that both have."""
    seeds = sorted(set(trained.get(a, {})) & set(trained.get(b, {})))
    return [trained[a][s] for s in seeds], [trained[b][s] for s in seeds]


def compared(cell: Mapping[str, Any], above: str, below: str, frozen: Criteria) -> Ratio | None:
    """Paired ratio of two ways in one cell; of the loud blocks, marked so, where too few were quiet."""
    valid = bool(cell["conditions"]["valid"])
    times = cell["seconds" if valid else "seconds_beside_load"]
    if len(times.get(above, [])) < 2:
        times, valid = cell["seconds"], valid and len(cell["seconds"].get(above, [])) >= 2
    if len(times.get(above, [])) < 2:
        return None
    level = float(frozen.document["timing"]["level"])
    i = paired_ratio(times[above], times[below], level=level)
    return Ratio(
        f"{above} / {below}, hidden {cell['hidden']}, batch {cell['batch']}",
        float(np.median(times[above])),
        float(np.median(times[below])),
        "s per pass",
        i.low,
        i.high,
        level,
        "paired bootstrap over blocks" + ("" if valid else ", beside other load: decides nothing"),
    )


def _floor(frozen: Criteria, trained: Mapping[str, Mapping[int, float]], arms: Sequence[str]) -> str:
    """Why accuracies cannot decide, or nothing."""
    need = float(frozen.document["floor"]["chance"]) + float(frozen.document["floor"]["above"])
    seeds = len(frozen.document["scale"]["seeds"])
    for arm in arms:
        found = list(trained.get(arm, {}).values())
        if len(found) < seeds:
            return f"{arm} has {len(found)} of {seeds} seeds"
        if np.mean(found) < need:
            return f"{arm} reaches {np.mean(found):.1f} %, under the floor of {need:.1f} %"
    return ""


def _heads(frozen: Criteria, trained: Mapping[str, Mapping[int, float]]) -> Finding:
    table = frozen["a"]
    arms, margin = table["arms"], float(table["margin"])
    why = _floor(frozen, trained, arms)
    if why:
        return Finding("a", table["claim"], Outcome.VOID, why)
    inside, p, shown = {}, {}, {}
    for a, b in itertools.combinations(arms, 2):
        x, y = paired(trained, a, b)
        name = f"{a} - {b}"
        inside[name], interval = equivalent(x, y, margin)
        p[name] = paired_p(x, y)
        shown[name] = interval
    adjusted = holm(p)
    apart = [name for name in inside if not inside[name] and adjusted[name] < 0.05]
    outcome = Outcome.SUPPORTED if all(inside.values()) else Outcome.REFUTED if apart else Outcome.NOT_RESOLVED
    said = "; ".join(
        f"{name} {i.estimate:+.2f} points (90 % interval {i.low:+.2f} to {i.high:+.2f}, Holm p {adjusted[name]:.3f})"
        for name, i in shown.items()
    )
    numbers = {name: {**i.as_json(), "holm_p": adjusted[name]} for name, i in shown.items()}
    return Finding("a", table["claim"], outcome, f"{said}; margin {margin} points", numbers)


def _defect(frozen: Criteria, trained: Mapping[str, Mapping[int, float]]) -> Finding:
    table = frozen["d"]
    arms = table["arms"]
    why = _floor(frozen, trained, [*arms, *(f"{arm}_defect" for arm in arms)])
    if why:
        return Finding("d", table["claim"], Outcome.VOID, why)
    drops: dict[str, Interval] = {arm: paired_difference(*paired(trained, arm, f"{arm}_defect")) for arm in arms}
    outcome = Outcome.NOT_RESOLVED
    if all(i.low > 0 for i in drops.values()):
        outcome = Outcome.SUPPORTED
    elif any(i.high < 0 for i in drops.values()):
        outcome = Outcome.REFUTED
    said = "; ".join(f"{a} {i.estimate:+.2f} points ({i.low:+.2f} to {i.high:+.2f})" for a, i in drops.items())
    numbers = {a: i.as_json() for a, i in drops.items()}
    return Finding("d", table["claim"], outcome, f"drop by the defect: {said}", numbers)


def _loud(cells: Units) -> str:
    bad = [cell for cell in cells if not cell["conditions"]["valid"]]
    first = bad[0]["conditions"] if bad else {}
    return f"{len(bad)} of {len(cells)} timed cells were not quiet ({first.get('why_not', '')})" if bad else ""


def _naive(frozen: Criteria, cells: Units, ratios: Sequence[Ratio | None]) -> Finding:
    table = frozen["b"]
    for cell, ratio in zip(cells, ratios, strict=True):
        if (cell["hidden"], cell["batch"]) != (table["hidden"], table["batch"]) or ratio is None:
            continue
        low, high, least = ratio.low, ratio.high, float(table["least"])
        assert low is not None and high is not None
        said = f"naive over mixture {ratio.value:.2f} ({low:.2f} to {high:.2f})"
        numbers = ratio.to_dict()
        if not cell["conditions"]["valid"]:
            return Finding("b", table["claim"], Outcome.NOT_RESOLVED, f"{said}, but {_loud([cell])}", numbers)
        outcome = Outcome.SUPPORTED if low >= least else Outcome.REFUTED if high < least else Outcome.NOT_RESOLVED
        return Finding("b", table["claim"], outcome, f"{said}; {least} wanted", numbers)
    return Finding("b", table["claim"], Outcome.NOT_RESOLVED, "the cell was not timed")


def _crossover(frozen: Criteria, cells: Units, ratios: Sequence[Ratio | None]) -> Finding:
    table = frozen["c"]
    surface = {
        f"{cell['hidden']}x{cell['batch']}": [round(ratio.value, 3), ratio.low, ratio.high]
        for cell, ratio in zip(cells, ratios, strict=True)
        if ratio is not None
    }
    if not cells or _loud(cells):
        why = _loud(cells) if cells else "no cell was timed"
        return Finding("c", table["claim"], Outcome.NOT_RESOLVED, why, {"surface": surface})
    wins = [
        (cell["hidden"], cell["batch"])
        for cell, r in zip(cells, ratios, strict=True)
        if r is not None and r.high is not None and r.high < 1
    ]
    smallest = min((cell["hidden"] * cell["batch"], cell["hidden"], cell["batch"]) for cell in cells)[1:]
    outcome = Outcome.SUPPORTED if wins and smallest not in wins else Outcome.REFUTED
    said = f"grouped is faster in {len(wins)} of {len(cells)} cells, in the smallest {smallest} it is " + (
        "too" if smallest in wins else "not"
    )
    return Finding("c", table["claim"], outcome, said, {"surface": surface, "wins": [list(w) for w in wins]})


def _work(frozen: Criteria, cells: Units) -> Finding:
    table = frozen["work_b"]
    share = sorted({cell["flops"]["routed"] / cell["flops"]["mixture"] for cell in cells})
    if not share:
        return Finding("work_b", table["claim"], Outcome.NOT_RESOLVED, "no cell was timed")
    exact = all(abs(s - float(table["share"])) < 1e-9 for s in share)
    outcome = Outcome.SUPPORTED if exact else Outcome.REFUTED
    said = f"share of expert FLOPs {share[0]:.3f} to {share[-1]:.3f} over {len(cells)} cells"
    return Finding("work_b", table["claim"], outcome, said, {"shares": share})


def _penalty(frozen: Criteria, units: Units) -> Finding:
    table = frozen["penalty"]
    released = _apart(units, "noisy_top2", "penalties_apart_most")
    proper = _apart(units, "noisy_top2_shazeer", "penalties_apart_least")
    if not released or not proper:
        return Finding("penalty", table["claim"], Outcome.NOT_RESOLVED, "one of the two arms was not trained")
    same, other = max(released), min(proper)
    outcome = Outcome.SUPPORTED if same == 0 and other > 0 else Outcome.REFUTED
    said = f"relative difference of the penalties: released at most {same:.2g}, smooth estimator at least {other:.2g}"
    return Finding("penalty", table["claim"], outcome, said, {"released": released, "smooth": proper})


def _apart(units: Units, arm: str, name: str) -> list[float]:
    """A number of the last epoch of each seed of an arm."""
    return [u["log"][-1][name] for u in units if u["kind"] == "train" and u["arm"] == arm and name in u["log"][-1]]
