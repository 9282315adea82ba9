"""E2's units into findings: pure, so that the same units always come to the same outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routelab.bench import Fit, Interval, Step, bootstrap, expected_distinct, fit, paired_ratio
from routelab.experiments._criteria import Criteria
from routelab.experiments.result import Finding, Outcome, Ratio

Units = Sequence[Mapping[str, Any]]
RESAMPLES = 10_000


@dataclass(frozen=True)
class Compared:
    """One ratio of one cell: `interval` at the level that supports, `strict` at the one that refutes (Bonferroni).

    `valid`: whether it was timed in enough quiet blocks.
    """

    cell: str
    numerator: str
    denominator: str
    above: float
    below: float
    interval: Interval
    strict: Interval
    valid: bool

    def as_ratio(self, what: str) -> Ratio:
        method = "median of the blocks' ratios, paired bootstrap"
        method += "" if self.valid else ", beside other load: decides nothing"
        i = self.interval
        name = f"{self.numerator} / {self.denominator}, {what}, {self.cell}"
        return Ratio(name, self.above, self.below, "s per layer-step", i.low, i.high, i.level, method)


def judge(units: Units, frozen: Criteria) -> tuple[list[Finding], list[Ratio], dict[str, Any]]:
    """Findings in the order of the criteria file, every ratio that they speak of, and the fits."""
    cells = [unit for unit in units if unit["kind"] == "cell"]
    laws = [unit for unit in units if unit["kind"] == "law"]
    counts = [unit for unit in units if unit["kind"] == "count"]
    tolerance = float(frozen.document["budget"]["tolerance"])
    paired = [cell for cell in cells if one_budget(cell, tolerance)]
    counts = [unit for unit in counts if one_budget(unit, tolerance)]
    fits = fit_laws(laws)
    findings, ratios = [_law(frozen, fits, laws)], []
    best = ("on_demand/sorted", "on_demand/grouped")
    padded = ("on_demand/padded_sorted", "on_demand/padded_grouped", "on_demand/padded_gather")
    ragged = ("on_demand/loop", "on_demand/sorted", "on_demand/grouped", "on_demand/gather")
    same = [(cell, ("on_demand/grouped",), ("fractional/grouped",)) for cell in paired]
    own_best = [(cell, best, ("fractional/sorted", "fractional/grouped")) for cell in paired]
    layer = [(cell, ("layer_on_demand/grouped",), ("layer_fractional/grouped",)) for cell in paired]
    for name, pairs in (("b", same + own_best), ("b_layer", layer)):
        compared = compare(pairs, frozen)
        findings.append(_banded(frozen, name, compared))
        each = len(compared) if name == "b_layer" else len(compared) // 2  # a cell is left out of both halves or none
        kernels = ["same kernel"] * each + ["best kernel of each"] * (len(compared) - each)
        ratios += [c.as_ratio(f"{name}, {kernel}") for c, kernel in zip(compared, kernels, strict=True)]
    shapes = frozen["c"]["shapes"]
    cut = [(cell, ("fractional_cut/grouped",), ("fixed/grouped",)) for cell in cells if cell["shape"] in shapes]
    compared = compare(cut, frozen)
    findings.append(_saving(frozen, cut, compared))
    ratios += [c.as_ratio("c") for c in compared]
    for name, above in (("d", padded), ("d_kind", ("on_demand_first/padded_grouped",))):
        compared = compare([(cell, above, ragged) for cell in cells], frozen)
        findings.append(_above(frozen, name, compared))
        ratios += [c.as_ratio(name) for c in compared]
    findings += [_counted_ratio(frozen, counts), _counted_saving(frozen, counts)]
    return findings, ratios, {name: found.as_json() for name, found in fits.items()}


def one_budget(unit: Mapping[str, Any], tolerance: float) -> bool:
    """Whether on-demand and fractional routing ran equally many experts per token; else the unit is left out."""
    ours, other = (float(unit["counts"][arm]["mean_real"]) for arm in ("on_demand", "fractional"))
    return abs(ours - other) <= tolerance * other


def compare(
    pairs: Iterable[tuple[Mapping[str, Any], Sequence[str], Sequence[str]]], frozen: Criteria
) -> list[Compared]:
    """Time of the best of some arms over the best of others, cell by cell. Where there is a choice, the first blocks
    make it and the others give the ratio; beside load the loud blocks serve, marked as such."""
    wanted = list(pairs)
    timing = frozen.document["timing"]
    level, share = float(timing["level"]), float(timing["selection_share"])
    strict = 1 - (1 - level) / max(1, len(wanted))
    found = []
    for cell, above, below in wanted:
        valid = bool(cell["conditions"]["valid"])
        times = cell["seconds" if valid else "seconds_beside_load"]
        if len(next(iter(times.values()), [])) < 4:
            times, valid = cell["seconds"], False
        blocks = len(next(iter(times.values()), []))
        if blocks < 4 or not (set(above) & set(times) and set(below) & set(times)):
            continue
        first = max(1, math.ceil(share * blocks)) if len(above) > 1 or len(below) > 1 else 0
        a, b = (_quickest(times, names, first) for names in (above, below))
        t, u = np.array(times[a][first:]), np.array(times[b][first:])
        found.append(
            Compared(
                _name(cell),
                a,
                b,
                float(np.median(t)),
                float(np.median(u)),
                paired_ratio(t, u, level=level, resamples=RESAMPLES),
                paired_ratio(t, u, level=strict, resamples=RESAMPLES),
                valid,
            )
        )
    return found


def fit_laws(laws: Units) -> dict[str, Fit]:
    """Fits by `shape, model`: on quiet blocks where a unit has enough of them, else on all of its blocks."""
    fits = {}
    for shape in sorted({law["shape"] for law in laws}):
        steps = [step for law in laws if law["shape"] == shape for step in _steps(law)]
        if len({step.group for step in steps}) < 2:
            continue
        for model in ("distinct and assignments", "assignments", "distinct", "mean_k"):
            fits[f"{shape}, {model}"] = fit(steps, model)
    return fits


def _steps(law: Mapping[str, Any]) -> list[Step]:
    times = law["seconds"] if law["conditions"]["valid"] else _joined(law)
    made = []
    for arm, count in law["counts"].items():
        if times[arm]:
            seconds = float(np.median(times[arm]))
            made.append(Step(count["distinct"], count["assignments"], count["tokens"], seconds, str(law["batch"])))
    return made


def _joined(unit: Mapping[str, Any]) -> dict[str, list[float]]:
    beside = unit["seconds_beside_load"]
    return {arm: [*values, *beside.get(arm, [])] for arm, values in unit["seconds"].items()}


def _quickest(times: Mapping[str, Sequence[float]], names: Sequence[str], first: int) -> str:
    there = [name for name in names if name in times]
    return there[0] if len(there) == 1 else min(there, key=lambda name: float(np.median(times[name][: first or None])))


def _law(frozen: Criteria, fits: Mapping[str, Fit], laws: Units) -> Finding:
    least, rival = float(frozen["a"]["least_r2"]), str(frozen["a"]["rival"])
    shapes = sorted({law["shape"] for law in laws})
    pairs = {
        s: (fits[f"{s}, distinct and assignments"], fits[f"{s}, {rival}"]) for s in shapes if f"{s}, {rival}" in fits
    }
    numbers = {s: {"law": ours.as_json(), rival: other.as_json()} for s, (ours, other) in pairs.items()}
    said = "; ".join(
        f"{s}: held-out R^2 {ours.held_out_r2:.3f}, relative error {ours.held_out_error:.2f} against "
        f"{other.held_out_error:.2f}"
        for s, (ours, other) in pairs.items()
    )
    good = bool(pairs) and all(
        ours.held_out_r2 >= least and ours.held_out_error < other.held_out_error for ours, other in pairs.values()
    )
    outcome = Outcome.SUPPORTED if good else Outcome.REFUTED if pairs else Outcome.VOID
    said = said or "no unit was timed"
    return _loaded(frozen, "a", outcome, said, numbers, [bool(law["conditions"]["valid"]) for law in laws])


def _banded(frozen: Criteria, name: str, compared: Sequence[Compared]) -> Finding:
    low, high = float(frozen[name]["low"]), float(frozen[name]["high"])
    inside = [c.interval.inside(low, high) for c in compared]
    outside = [c.strict.outside(low, high) for c in compared]
    said = (
        f"{sum(inside)} of {len(compared)} ratios have their interval inside {low} .. {high}, {sum(outside)} theirs "
        f"outside; {_spread(compared)}"
    )
    return _decided(frozen, name, compared, inside, outside, said)


def _above(frozen: Criteria, name: str, compared: Sequence[Compared]) -> Finding:
    least = float(frozen[name]["above"])
    inside = [c.interval.low > least for c in compared]
    outside = [c.strict.high < least for c in compared]
    said = (
        f"{sum(inside)} of {len(compared)} ratios have their interval above {least}, {sum(outside)} theirs below; "
        f"{_spread(compared)}"
    )
    return _decided(frozen, name, compared, inside, outside, said)


def _saving(
    frozen: Criteria,
    pairs: Sequence[tuple[Mapping[str, Any], Sequence[str], Sequence[str]]],
    compared: Sequence[Compared],
) -> Finding:
    within = float(frozen["c"]["within_points"])
    predicted = {_name(cell): _expected(cell) for cell, _, _ in pairs}
    inside, outside, rows = [], [], {}
    for c in compared:
        off = 100 * predicted[c.cell]
        low, high = 100 * (1 - c.interval.high) - off, 100 * (1 - c.interval.low) - off
        strict_low, strict_high = 100 * (1 - c.strict.high) - off, 100 * (1 - c.strict.low) - off
        inside.append(-within <= low and high <= within)
        outside.append(strict_high < -within or strict_low > within)
        saved = 100 * (1 - c.interval.estimate)
        rows[c.cell] = {"saving_percent": saved, "predicted_percent": off, "off_low": low, "off_high": high}
    said = f"{sum(inside)} of {len(rows)} savings lie within {within:.0f} points of the prediction"
    said += f", {sum(outside)} do not"
    said += "".join(
        f"; {cell}: {row['saving_percent']:.1f} % for {row['predicted_percent']:.1f} %" for cell, row in rows.items()
    )
    return _decided(frozen, "c", compared, inside, outside, said, rows)


def _expected(cell: Mapping[str, Any]) -> float:
    """1 - E[T'] / E[T] of uniform routing with this cell's own mean numbers of experts."""
    experts, batch = int(str(cell["shape"]).split("/")[0]), int(cell["batch"])
    k, cut = (cell["counts"][arm]["mean_real"] for arm in ("fixed", "fractional_cut"))
    return 1 - expected_distinct(experts, [cut] * batch) / expected_distinct(experts, [k] * batch)


def _counted_ratio(frozen: Criteria, cells: Units) -> Finding:
    least = float(frozen["work_b"]["least"])
    rows = {_name(cell): _distinct_ratio(cell, "on_demand", "fractional", frozen, len(cells)) for cell in cells}
    inside = [interval.low >= least for interval, _ in rows.values()]
    outside = [strict.high < least for _, strict in rows.values()]
    said = f"{sum(inside)} of {len(rows)} ratios of mean T have their interval at or above {least}"
    if rows:
        estimates = [interval.estimate for interval, _ in rows.values()]
        said += f", {sum(outside)} theirs below; from {min(estimates):.3f} to {max(estimates):.3f}"
    numbers = {cell: interval.as_json() for cell, (interval, _) in rows.items()}
    return Finding("work_b", frozen.claim("work_b"), _outcome(inside, outside), said + ".", numbers)


def _counted_saving(frozen: Criteria, cells: Units) -> Finding:
    within, shapes = float(frozen["work_c"]["within_points"]), frozen["work_c"]["shapes"]
    counted = [cell for cell in cells if cell["shape"] in shapes]
    inside, outside, rows = [], [], {}
    for cell in counted:
        ratio, strict = _distinct_ratio(cell, "fractional_cut", "fixed", frozen, len(counted))
        off = 100 * cell["expected_saving"]
        low, high = 100 * (1 - ratio.high) - off, 100 * (1 - ratio.low) - off
        inside.append(-within <= low and high <= within)
        outside.append(100 * (1 - strict.low) - off < -within or 100 * (1 - strict.high) - off > within)
        saved = 100 * (1 - ratio.estimate)
        rows[_name(cell)] = {"saving_percent": saved, "predicted_percent": off, "off_low": low, "off_high": high}
    said = f"{sum(inside)} of {len(rows)} savings of T lie within {within:.0f} points of the prediction"
    said += f", {sum(outside)} do not."
    return Finding("work_c", frozen.claim("work_c"), _outcome(inside, outside), said, rows)


def _distinct_ratio(
    cell: Mapping[str, Any], above: str, below: str, frozen: Criteria, number: int
) -> tuple[Interval, Interval]:
    """Mean T of one arm over mean T of another, resampled together by draw of tokens: at the level that supports, and
    at the one that refutes among so many cells."""
    a, b = (np.array(cell["distinct"][arm], dtype=np.float64) for arm in (above, below))
    level = float(frozen.document["timing"]["level"])

    def statistic(draws: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        chosen = draws.astype(np.int64)
        return np.asarray(a[chosen].mean(axis) / b[chosen].mean(axis), dtype=np.float64)

    places = np.arange(a.size, dtype=np.float64)
    strict = 1 - (1 - level) / max(1, number)
    return (
        bootstrap(places, statistic, level=level, resamples=RESAMPLES),
        bootstrap(places, statistic, level=strict, resamples=RESAMPLES),
    )


def _name(cell: Mapping[str, Any]) -> str:
    return f"{cell['shape']}, batch {cell['batch']}"


def _spread(compared: Sequence[Compared]) -> str:
    if not compared:
        return "none was timed"
    low, high = min(compared, key=lambda c: c.interval.estimate), max(compared, key=lambda c: c.interval.estimate)
    return f"from {low.interval.estimate:.3f} ({low.cell}) to {high.interval.estimate:.3f} ({high.cell})"


def _outcome(inside: Sequence[bool], outside: Sequence[bool]) -> Outcome:
    if not inside:
        return Outcome.VOID
    if any(outside):
        return Outcome.REFUTED
    return Outcome.SUPPORTED if all(inside) else Outcome.NOT_RESOLVED


def _decided(
    frozen: Criteria,
    name: str,
    compared: Sequence[Compared],
    inside: Sequence[bool],
    outside: Sequence[bool],
    said: str,
    rows: Mapping[str, Any] | None = None,
) -> Finding:
    """Only quiet cells refute; one that was not quiet keeps the criterion from being supported."""
    refuted = any(out and c.valid for out, c in zip(outside, compared, strict=True))
    outcome = Outcome.REFUTED if refuted else _outcome(inside, [False] * len(outside))
    numbers = rows or {
        f"{c.cell}: {c.numerator} / {c.denominator}": {**c.interval.as_json(), "valid": c.valid} for c in compared
    }
    return _loaded(frozen, name, outcome, said, numbers, [c.valid for c in compared])


def _loaded(
    frozen: Criteria, name: str, outcome: Outcome, said: str, numbers: Mapping[str, Any], valid: Sequence[bool]
) -> Finding:
    loud = len(valid) - sum(valid)
    if loud and not (outcome is Outcome.REFUTED and name != "a"):
        outcome = Outcome.VOID if outcome is Outcome.VOID else Outcome.NOT_RESOLVED
    if loud:
        said = (
            f"{loud} of {len(valid)} comparisons were timed beside other processes that took more than a tenth of a "
            f"core, and decide nothing. As they stand: {said}"
        )
    return Finding(name, frozen.claim(name), outcome, said + ".", numbers)
