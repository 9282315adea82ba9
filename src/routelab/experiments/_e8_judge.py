"""E8's units into findings: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from routelab.bench import Interval, knee_batch, paired_ratio
from routelab.experiments._criteria import Criteria
from routelab.experiments.result import Finding, Outcome, Ratio

Units = Sequence[Mapping[str, Any]]
REPEATS = 3
RESAMPLES = 10_000


def judge(units: Units, frozen: Criteria) -> tuple[list[Finding], list[Ratio]]:
    """Findings in the order of the criteria file, and every ratio that they speak of."""
    cells = [unit for unit in units if unit["kind"] == "time"]
    gained, ratios = _bytes(frozen, cells)
    findings = [_steady(frozen, cells), gained, _knee(frozen, cells), _numeric(frozen, units)]
    return findings, ratios


def times(cell: Mapping[str, Any], arm: str) -> list[float]:
    """An arm's seconds per layer-step, by block: of quiet blocks, or of all where those are too few."""
    quiet: list[float] = list(cell["seconds"].get(arm, []))
    return quiet if cell["conditions"]["valid"] else [*quiet, *cell["seconds_beside_load"].get(arm, [])]


def variation(seconds: Sequence[float]) -> float:
    """Coefficient of variation of the medians of three repeats (consecutive thirds of the blocks)."""
    medians = np.array([np.median(part) for part in np.array_split(np.array(seconds), REPEATS)])
    return float(medians.std(ddof=1) / medians.mean())


def knees(cells: Units, arm: str, share: float) -> dict[str, int]:
    """Knee batch by shape of an arm, one thread."""
    found = {}
    for shape in sorted({cell["shape"] for cell in cells}):
        of = [cell for cell in cells if cell["shape"] == shape and cell["threads"] == 1 and times(cell, arm)]
        if len(of) >= 2:
            rates = [cell["batch"] / float(np.median(times(cell, arm))) for cell in of]
            found[shape] = knee_batch([cell["batch"] for cell in of], rates, share)
    return found


def _steady(frozen: Criteria, cells: Units) -> Finding:
    most = float(frozen["steady"]["most_cv"])
    rows = {
        f"{_name(cell)}: {arm}": variation(times(cell, arm))
        for cell in cells
        for arm in cell["seconds"]
        if len(times(cell, arm)) >= REPEATS
    }
    good = sum(cv <= most for cv in rows.values())
    said = f"{good} of {len(rows)} medians vary by at most {100 * most:.0f} % from repeat to repeat"
    outcome = Outcome.VOID if not rows else Outcome.SUPPORTED if good == len(rows) else Outcome.REFUTED
    return _loaded(frozen, "steady", outcome, said, rows, cells)


def _bytes(frozen: Criteria, cells: Units) -> tuple[Finding, list[Ratio]]:
    table = frozen["bytes"]
    within, factor = float(table["within"]), float(table["overhead_factor"])
    most_cv = float(frozen["steady"]["most_cv"])
    rows: dict[str, Any] = {}
    inside: list[bool] = []
    outside: list[bool] = []
    ratios: list[Ratio] = []
    used = [cell for cell in cells if cell["batch"] in table["batches"] and cell["threads"] == 1]
    level = float(frozen.document["timing"]["level"])
    strict = 1 - (1 - level) / max(1, 2 * len(used))
    for cell in used:
        for above, below in (("fp32", "bf16"), ("bf16", "int8")):
            a, b, c = (times(cell, arm) for arm in (f"moe/{above}", f"moe/{below}", f"overhead/{above}"))
            if len(a) < REPEATS or len(b) < REPEATS or len(a) != len(b):
                continue
            over = float(np.median(a) / np.median(c))
            if over < factor or max(variation(a), variation(b)) > most_cv:
                continue
            predicted = cell["expert_bytes"][above] / cell["expert_bytes"][below]
            low, high = predicted * (1 - within), predicted * (1 + within)
            interval = paired_ratio(a, b, level=level, resamples=RESAMPLES)
            inside.append(interval.inside(low, high))
            apart = paired_ratio(a, b, level=strict, resamples=RESAMPLES).outside(low, high)
            outside.append(bool(cell["conditions"]["valid"]) and apart)
            row = {**interval.as_json(), "bytes": predicted, "over_overhead": over}
            rows[f"{_name(cell)}: {above} / {below}"] = row
            ratios.append(_ratio(f"moe {above} / {below}, {_name(cell)}", a, b, interval))
    said = f"{sum(inside)} of {len(rows)} gains lie within {100 * within:.0f} % of the ratio of bytes"
    said += f", {sum(outside)} outside"
    said += "".join(f"; {name}: {row['estimate']:.2f} for {row['bytes']:.2f}" for name, row in rows.items())
    outcome = Outcome.SUPPORTED if all(inside) else Outcome.NOT_RESOLVED
    if not rows:
        outcome, said = Outcome.VOID, "no step was both steady and five times its overhead"
    elif any(outside):
        outcome = Outcome.REFUTED
    return _loaded(frozen, "bytes", outcome, said, rows, used), ratios


def _knee(frozen: Criteria, cells: Units) -> Finding:
    share, factor = float(frozen["knee"]["share"]), float(frozen["knee"]["factor"])
    moe, dense = knees(cells, "moe/fp32", share), knees(cells, "dense_active/fp32", share)
    rows: dict[str, Any] = {}
    for shape in moe:
        if shape in dense:
            of = [cell for cell in cells if cell["shape"] == shape]
            rows[shape] = {
                "moe": moe[shape],
                "dense": dense[shape],
                "ratio": moe[shape] / dense[shape],
                "least": of[0]["sparsity"] / factor,
                "largest": max(cell["batch"] for cell in of),
            }
    good = [row["ratio"] >= row["least"] for row in rows.values()]
    # A knee at the last batch is only known to be at least there: a ratio that is too small with it is not resolved.
    open_end = [row["moe"] == row["largest"] for row in rows.values()]
    said = "; ".join(
        f"{shape}: MoE at {row['moe']}, dense at {row['dense']}, wanted {row['least']:.1f} times that"
        for shape, row in rows.items()
    )
    if not rows:
        outcome = Outcome.VOID
    elif all(good):
        outcome = Outcome.SUPPORTED
    else:
        bad = [not ok and not end for ok, end in zip(good, open_end, strict=True)]
        outcome = Outcome.REFUTED if any(bad) else Outcome.NOT_RESOLVED
    return _loaded(frozen, "knee", outcome, said or "nothing was timed", rows, cells)


def _numeric(frozen: Criteria, units: Units) -> Finding:
    most = float(frozen["numeric"]["most"])
    rows = {unit["shape"]: {**unit["error"], **unit["routing_bf16"]} for unit in units if unit["kind"] == "numeric"}
    errors = {f"{s}, {p}": row[p]["relative_rms"] for s, row in rows.items() for p in ("bf16", "int8") if p in row}
    said = "; ".join(f"{name}: {100 * error:.2f} %" for name, error in errors.items())
    flips = "; ".join(f"{s}: {100 * row['tokens_that_choose_otherwise']:.1f} %" for s, row in rows.items())
    if not errors:
        return Finding("numeric", frozen.claim("numeric"), Outcome.VOID, "Nothing was computed.")
    outcome = Outcome.SUPPORTED if max(errors.values()) <= most else Outcome.REFUTED
    because = f"{said}. With the router in bf16, tokens that choose another set of experts: {flips}."
    return Finding("numeric", frozen.claim("numeric"), outcome, because, rows)


def _loaded(
    frozen: Criteria, name: str, outcome: Outcome, said: str, numbers: Mapping[str, Any], cells: Units
) -> Finding:
    loud = sum(not cell["conditions"]["valid"] for cell in cells)
    if loud:
        outcome = Outcome.VOID if outcome is Outcome.VOID else Outcome.NOT_RESOLVED
        said = f"{loud} of {len(cells)} units were timed beside load and decide nothing. As they stand: {said}"
    return Finding(name, frozen.claim(name), outcome, said + ".", numbers)


def _name(cell: Mapping[str, Any]) -> str:
    return f"{cell['shape']}, batch {cell['batch']}, {cell['threads']} threads"


def _ratio(name: str, a: Sequence[float], b: Sequence[float], i: Interval) -> Ratio:
    above, below = float(np.median(a)), float(np.median(b))
    return Ratio(name, above, below, "s per layer-step", i.low, i.high, i.level, "median of the blocks' ratios, paired")
