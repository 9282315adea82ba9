"""E2's figures, from its result alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from routelab.bench.plots import Line, draw, panels, save
from routelab.experiments.result import Result

_ARMS = {
    "fixed/grouped": "top-k, grouped",
    "fractional/grouped": "fractional k, grouped",
    "on_demand/grouped": "AnyExperts ragged, grouped",
    "on_demand/loop": "AnyExperts ragged, loop",
    "on_demand/padded_grouped": "AnyExperts padded, grouped",
    "layer_on_demand/grouped": "AnyExperts layer with its router",
}
_DENSE = {"dense_active": "dense, equal active width", "dense_total": "dense, equal total width"}


def plots(result: Result, folder: Path) -> list[Path]:
    """Latency by batch, ratios by batch, saving against its prediction, and distinct experts: SVG and PNG of each."""
    note = "" if result.size == "full" else "smoke: not a result"
    loud = [n for n in result.notes if "not quiet" in n]
    note = "; ".join(filter(None, [note, *loud]))
    units = list(result.values["units"].values())
    cells = [unit for unit in units if unit["kind"] == "cell"]
    counts = [unit for unit in units if unit["kind"] == "count"]
    made = []
    for name, figure in (("latency", _latency(cells)), ("ratios", _ratios(result)), ("distinct", _distinct(counts))):
        if figure is not None:
            made += save(figure, folder, f"{result.experiment}-{name}", note)
    saving = _saving(result)
    return made + (save(saving, folder, f"{result.experiment}-saving", note) if saving is not None else [])


def tables(result: Result) -> list[str]:
    """Median milliseconds per layer-step by shape and batch, dense lines beside them, with the counts."""
    lines = []
    cells = [unit for unit in result.values["units"].values() if unit["kind"] == "cell"]
    names = {**_ARMS, **_DENSE}
    for shape in _shapes(cells):
        lines += ["", f"{shape} experts / k, milliseconds per layer-step (median), one thread:", ""]
        lines.append("| batch | real experts | distinct T | " + " | ".join(names.values()) + " | quiet |")
        lines.append("|---|---|---|" + "---|" * (len(names) + 1))
        for cell in sorted((c for c in cells if c["shape"] == shape), key=lambda c: int(c["batch"])):
            count = cell["counts"]["on_demand"]
            times = [f"{cell['arms'][arm]['median'] * 1e3:.3g}" if arm in cell["arms"] else "-" for arm in names]
            state = "yes" if cell["conditions"]["valid"] else "no"
            row = [str(cell["batch"]), f"{count['mean_real']:.2f}", f"{count['distinct']:.1f}", *times, state]
            lines.append("| " + " | ".join(row) + " |")
    return lines


def _shapes(units: list[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(unit["shape"] for unit in units))


def _latency(cells: list[Mapping[str, Any]]) -> Any:
    shapes = _shapes(cells)
    if not shapes:
        return None
    figure, axes = panels(len(shapes))
    for place, shape in zip(axes, shapes, strict=True):
        of_shape = sorted((cell for cell in cells if cell["shape"] == shape), key=lambda cell: int(cell["batch"]))
        lines = []
        for arm, name in {**_ARMS, **_DENSE}.items():
            timed = [(cell["batch"], cell["arms"][arm]["median"] * 1e3) for cell in of_shape if arm in cell["arms"]]
            if timed:
                x, y = zip(*timed, strict=True)
                lines.append(Line(name, x, y, reference=arm in _DENSE))
        draw(place, lines, title=f"{shape} experts / k", x="tokens in the step", y="median time (ms per layer-step)",
             log_x=True, log_y=True)  # fmt: skip
    return figure


def _ratios(result: Result) -> Any:
    wanted = {
        "b": (", b, same kernel, ", "on-demand over fractional k", (0.97, 1.10)),
        "b_layer": (", b_layer, ", "the whole layer", (0.97, 1.10)),
        "d": (", d, ", "best padded over best ragged", (1.10,)),
    }
    if not result.ratios:
        return None
    figure, axes = panels(len(wanted))
    for place, (mark, title, levels) in zip(axes, wanted.values(), strict=True):
        series: dict[str, list[tuple[float, float, float, float]]] = {}
        for ratio in result.ratios:
            if mark in ratio.name and ratio.low is not None and ratio.high is not None:
                shape, batch = ratio.name.rsplit(", ", 2)[-2:]
                row = (float(batch.removeprefix("batch ")), ratio.value, ratio.low, ratio.high)
                series.setdefault(shape, []).append(row)
        lines = []
        for shape, rows in series.items():
            x, y, low, high = zip(*sorted(rows), strict=True)
            lines.append(Line(shape, x, y, low, high))
        draw(place, lines, title=title, x="tokens in the step", y="time ratio, 95 % interval", log_x=True,
             levels=(1.0, *levels))  # fmt: skip
    return figure


def _saving(result: Result) -> Any:
    rows = next((finding.numbers for finding in result.findings if finding.criterion == "c"), {})
    if not rows:
        return None
    figure, axes = panels(len(shapes := list(dict.fromkeys(cell.split(",")[0] for cell in rows))))
    for place, shape in zip(axes, shapes, strict=True):
        of = sorted((int(c.rsplit(" ", 1)[1]), r) for c, r in rows.items() if c.startswith(f"{shape},"))
        x = [float(batch) for batch, _ in of]
        predicted = [row["predicted_percent"] for _, row in of]
        low = [row["predicted_percent"] + row["off_low"] for _, row in of]
        high = [row["predicted_percent"] + row["off_high"] for _, row in of]
        lines = [
            Line("measured", x, [row["saving_percent"] for _, row in of], low, high),
            Line("predicted from distinct experts", x, predicted, reference=True),
        ]
        draw(place, lines, title=f"{shape}: 10 % lower budget", x="tokens in the step", y="time saved (%)", log_x=True,
             levels=(0.0,))  # fmt: skip
    return figure


def _distinct(counts: list[Mapping[str, Any]]) -> Any:
    shapes = _shapes(counts)
    if not shapes:
        return None
    figure, axes = panels(len(shapes))
    names = {"fixed": "top-k", "fractional": "fractional k", "on_demand": "AnyExperts"}
    names["on_demand_cut"] = "AnyExperts at 0.9 k"
    for place, shape in zip(axes, shapes, strict=True):
        of_shape = sorted((unit for unit in counts if unit["shape"] == shape), key=lambda unit: int(unit["batch"]))
        x = [float(unit["batch"]) for unit in of_shape]
        lines = [Line(name, x, [u["counts"][arm]["distinct"] for u in of_shape]) for arm, name in names.items()]
        draw(place, lines, title=f"{shape} experts / k", x="tokens in the step", y="distinct experts T", log_x=True)
    return figure
