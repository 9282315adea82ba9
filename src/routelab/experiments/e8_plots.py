"""E8's figures and tables, from its result alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from routelab.bench.plots import Line, draw, panels, save
from routelab.experiments.result import Result

_ARMS = {"moe/fp32": "MoE fp32", "moe/bf16": "MoE bf16", "moe/int8": "MoE int8 weights"}
_DENSE = {
    "dense_active/fp32": "dense fp32, equal active width",
    "dense_active/bf16": "dense bf16, equal active width",
    "dense_total/fp32": "dense fp32, equal total width",
}


def plots(result: Result, folder: Path) -> list[Path]:
    """Time and throughput by batch, one thread, for each shape: SVG and PNG."""
    note = "; ".join(n for n in result.notes if n == "not a result" or "not quiet" in n)
    units = [u for u in result.values["units"].values() if u["kind"] == "time" and u["threads"] == 1]
    if not units:
        return []
    made = []
    for name, title, scale in (("latency", "median time (ms per layer-step)", 1e3), ("rate", "tokens per second", 1.0)):
        shapes = list(dict.fromkeys(unit["shape"] for unit in units))
        figure, axes = panels(len(shapes))
        for place, shape in zip(axes, shapes, strict=True):
            of = sorted((unit for unit in units if unit["shape"] == shape), key=lambda unit: int(unit["batch"]))
            lines = [line for arm in {**_ARMS, **_DENSE} if (line := _line(of, arm, name, scale)) is not None]
            draw(place, lines, title=f"{shape} experts / k", x="tokens in the step", y=title, log_x=True, log_y=True)
        made += save(figure, folder, f"{result.experiment}-{name}", note)
    return made


def tables(result: Result) -> list[str]:
    """Knees, and the numeric error of each precision."""
    lines = ["", "Knee: smallest batch with 90 % of the largest throughput, one thread:", ""]
    lines += ["| arm | " + " | ".join(shapes := sorted({s for k in result.values["knees"].values() for s in k})) + " |"]
    lines.append("|---|" + "---|" * len(shapes))
    for arm, found in result.values["knees"].items():
        lines.append(f"| {arm} | " + " | ".join(str(found.get(shape, "-")) for shape in shapes) + " |")
    lines += ["", "Relative error of a layer's output against float64, and routing in bf16:", ""]
    lines += ["| shape | fp32 | bf16 | int8 weights | tokens that choose otherwise |", "|---|---|---|---|---|"]
    for unit in result.values["units"].values():
        if unit["kind"] == "numeric":
            errors = [unit["error"].get(p, {}).get("relative_rms") for p in ("fp32", "bf16", "int8")]
            shown = ["-" if error is None else f"{error:.2g}" for error in errors]
            flips = f"{100 * unit['routing_bf16']['tokens_that_choose_otherwise']:.1f} %"
            lines.append("| " + " | ".join([unit["shape"], *shown, flips]) + " |")
    return lines


def _line(units: list[Mapping[str, Any]], arm: str, figure: str, scale: float) -> Line | None:
    key = "median" if figure == "latency" else "tokens_per_second"
    points = [(float(u["batch"]), float(u["arms"][arm][key]) * scale) for u in units if arm in u["arms"]]
    if not points:
        return None
    x, y = zip(*points, strict=True)
    return Line({**_ARMS, **_DENSE}[arm], x, y, reference=arm in _DENSE)
