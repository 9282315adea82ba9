"""Plots that read without colour: Okabe-Ito colours, each with a marker and a line style of its own; SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Okabe and Ito, "Color Universal Design" (2008), without the yellow, which is too faint for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


@dataclass(frozen=True)
class Line:
    """One series. `low` and `high` are the ends of its intervals; `reference` draws it in grey without markers (dense
    lines, bounds, predictions)."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    reference: bool = False


def panels(number: int, *, width: float = 4.6, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    """A figure with that many panels side by side."""
    figure = Figure(figsize=(width * number, height), layout="constrained")
    return figure, [figure.add_subplot(1, number, i + 1) for i in range(number)]


def draw(
    axes: Axes,
    lines: Sequence[Line],
    *,
    title: str,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    levels: Sequence[float] = (),
) -> None:
    """Series with their intervals; `x` and `y` name the axes with their units; `levels` are drawn as thin lines."""
    if log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
    if log_y:
        axes.set_yscale("log")
    colour, grey = 0, 0
    for line in lines:
        if line.reference:
            axes.plot(line.x, line.y, color="0.45", linestyle=STYLES[1 + grey % 4], linewidth=1.2, label=line.name)
            grey += 1
            continue
        place = colour % len(COLOURS)
        axes.plot(
            line.x,
            line.y,
            color=COLOURS[place],
            marker=MARKERS[place],
            linestyle=STYLES[place],
            markersize=4,
            linewidth=1.4,
            label=line.name,
        )
        if line.low is not None and line.high is not None:
            below = [max(0.0, value - low) for value, low in zip(line.y, line.low, strict=True)]
            above = [max(0.0, high - value) for value, high in zip(line.y, line.high, strict=True)]
            axes.errorbar(
                line.x, line.y, yerr=[below, above], fmt="none", ecolor=COLOURS[place], elinewidth=1.0, capsize=2
            )
        colour += 1
    for level in levels:
        axes.axhline(level, color="0.7", linewidth=0.8)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, color="0.9", linewidth=0.5)
    if lines:
        axes.legend(fontsize=7, frameon=False)


def save(figure: Figure, folder: Path, name: str, note: str = "") -> list[Path]:
    """Write `name`.svg and `name`.png; `note` stands under the figure (what keeps it from being a result). The same
    numbers give the same SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    if note:
        figure.supxlabel(note, fontsize=8, color="#D55E00")
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(paths[0], metadata={"Date": None})
        figure.savefig(paths[1], dpi=150)
    return paths
