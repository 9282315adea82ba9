"""E7's tables and figures, from its result alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from routelab.bench.plots import Line, draw, panels, save
from routelab.experiments.result import Result

_WAYS = {"naive": "naive loop", "sorted": "sorted slices", "grouped": "grouped", "mixture": "dense mixture"}
_DENSE = {"dense_active": "dense, equal FLOPs", "dense_total": "dense, equal parameters"}


def tables(result: Result) -> list[str]:
    """Accuracy by head, and the median time of every way by expert width and batch."""
    lines = ["", f"Test accuracy in percent on {result.values['data']} (chance {result.values['chance']:.0f}):", ""]
    lines += ["| head | what | seeds | parameters | accuracy | load CV of the experts |", "|---|---|---|---|---|---|"]
    for name, arm in result.values["heads"].items():
        spread = "" if arm["deviation"] is None else f" ± {arm['deviation']:.2f}"
        load = arm["load_variation"]
        even = f"{sum(load) / len(load):.2f}" if load else "-"
        about = f"{name} | {arm['what']} | {len(arm['seeds'])} | {arm['parameters']}"
        lines.append(f"| {about} | {arm['mean']:.2f}{spread} | {even} |")
    ways = [*_WAYS, *_DENSE]
    lines += ["", "Median time of the expert stage in ms, one thread, by expert width and batch:", ""]
    lines += ["| width | batch | " + " | ".join({**_WAYS, **_DENSE}.values()) + " | quiet |"]
    lines.append("|---|---|" + "---|" * (len(ways) + 1))
    for unit in _cells(result):
        told = [f"{unit['arms'][way]['median'] * 1e3:.3g}" if way in unit["arms"] else "-" for way in ways]
        quiet = "yes" if unit["conditions"]["valid"] else "no"
        lines.append(f"| {unit['hidden']} | {unit['batch']} | " + " | ".join(told) + f" | {quiet} |")
    return lines


def plots(result: Result, folder: Path) -> list[Path]:
    """Time by batch for each expert width, and grouped over mixture by batch: SVG and PNG of each."""
    loud = [note for note in result.notes if "not quiet" in note]
    note = "; ".join([*([] if result.size == "full" else ["smoke: not a result"]), *loud])
    cells = _cells(result)
    widths = sorted({unit["hidden"] for unit in cells})
    if not widths:
        return []
    figure, axes = panels(len(widths))
    for place, width in zip(axes, widths, strict=True):
        of = [unit for unit in cells if unit["hidden"] == width]
        lines = []
        for way, name in {**_WAYS, **_DENSE}.items():
            timed = [(unit["batch"], unit["arms"][way]["median"] * 1e3) for unit in of if way in unit["arms"]]
            if timed:
                x, y = zip(*timed, strict=True)
                lines.append(Line(name, x, y, reference=way in _DENSE))
        draw(place, lines, title=f"expert width {width}", x="batch (samples)", y="median time (ms per pass)",
             log_x=True, log_y=True)  # fmt: skip
    return save(figure, folder, f"{result.experiment}-latency", note) + _ratio(result, folder, note)


def _ratio(result: Result, folder: Path, note: str) -> list[Path]:
    series: dict[int, list[tuple[float, float, float, float]]] = {}
    for ratio in result.ratios:
        if ratio.name.startswith("grouped / mixture") and ratio.low is not None and ratio.high is not None:
            width, batch = (int(part.rsplit(" ", 1)[1]) for part in ratio.name.split(", ")[1:])
            series.setdefault(width, []).append((float(batch), ratio.value, ratio.low, ratio.high))
    if not series:
        return []
    figure, (axes,) = panels(1)
    lines = []
    for width, rows in sorted(series.items()):
        x, y, low, high = zip(*sorted(rows), strict=True)
        lines.append(Line(f"width {width}", x, y, low, high))
    draw(axes, lines, title="grouped over dense mixture", x="batch (samples)", y="time ratio, 95 % interval",
         log_x=True, levels=(1.0,))  # fmt: skip
    return save(figure, folder, f"{result.experiment}-crossover", note)


def _cells(result: Result) -> list[Mapping[str, Any]]:
    return sorted(result.values["times"].values(), key=lambda unit: (unit["hidden"], unit["batch"]))
