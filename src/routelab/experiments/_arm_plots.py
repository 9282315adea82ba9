"""Plots of trained arms: accuracy against real experts per token, and loss against steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from routelab.bench.plots import Line, draw, panels, save
from routelab.experiments.result import Result


def plots(result: Result, folder: Path) -> list[Path]:
    """`<experiment>-accuracy` and `<experiment>-loss`, as SVG and PNG; floors and dense models are lines."""
    return _accuracy(result, folder) + _loss(result, folder)


def _interval(numbers: Sequence[float]) -> tuple[float, float]:
    """Half of a 95 % interval over seeds below and above the mean; 0 for one seed."""
    if len(numbers) < 2:
        return 0.0, 0.0
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * np.std(numbers, ddof=1) / np.sqrt(len(numbers)))
    return half, half


def _accuracy(result: Result, folder: Path) -> list[Path]:
    arms: Mapping[str, Any] = result.values["arms"]
    lines, spans = [], []
    for name, arm in arms.items():
        points = []
        for found in arm["evaluations"].values():
            if "void" not in found and found["routing"]:
                middle = float(np.mean(found["accuracy"]))
                half = _interval(found["accuracy"])[0]
                points.append((float(np.mean(found["routing"]["mean_real"])), middle, middle - half, middle + half))
        if points:
            x, y, low, high = zip(*sorted(points), strict=True)
            lines.append(Line(name, x, y, low, high))
            spans += list(x)
    if not lines:
        return []
    ends = (min(spans), max(max(spans), min(spans) + 0.5))
    for name, arm in arms.items():
        if arm["role"] in ("floor", "dense"):
            level = float(np.mean(next(iter(arm["evaluations"].values()))["accuracy"]))
            lines.append(Line(name.replace("_", " "), ends, (level, level), reference=True))
    made = []
    for number, first in enumerate(range(0, len(lines), 7)):  # more lines in one panel cannot be told apart
        some = lines[first : first + 7]
        floors = [line for line in lines if line.reference and line not in some]
        figure, axes = panels(1, width=6.4, height=4.4)
        title = f"{result.experiment}: accuracy by work" + (f" ({number + 1})" if len(lines) > 7 else "")
        draw(axes[0], [*some, *floors], title=title, x="real experts per token and layer", y="accuracy (%)")
        made += save(figure, folder, f"{result.experiment}-accuracy" + (f"-{number + 1}" if number else ""))
    return made


def _loss(result: Result, folder: Path) -> list[Path]:
    lines = []
    for name, arm in list(result.values["arms"].items())[:7]:
        curves = [dict(map(tuple, curve)) for curve in arm["loss"]]
        steps = sorted(set.intersection(*(set(curve) for curve in curves)))
        if steps:
            lines.append(Line(name, steps, [float(np.mean([curve[step] for curve in curves])) for step in steps]))
    if not lines:
        return []
    figure, axes = panels(1, width=6.4, height=4.4)
    draw(axes[0], lines, title=f"{result.experiment}: loss in training", x="step", y="cross entropy (nats)")
    return save(figure, folder, f"{result.experiment}-loss")
