"""Figures: written twice they are the same bytes, they tell their axes, and no two lines look alike without colour."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
pytest.importorskip("matplotlib")

from routelab.bench import plots  # noqa: E402


def test_a_figure_is_the_same_twice_and_says_what_it_shows(tmp_path) -> None:
    def written(folder: str) -> list[bytes]:
        figure, (axes,) = plots.panels(1)
        ends = ([0, 0, 0], [9, 9, 12])
        lines = [plots.Line(f"arm {i}", [1, 2, 4], [i, i + 1, i + 3], *ends) for i in range(7)]
        dense = plots.Line("dense", [1, 2, 4], [1, 1, 1], reference=True)
        plots.draw(axes, [*lines, dense], title="T", x="tokens in the step", y="time (ms)", log_x=True, levels=(1.0,))
        return [path.read_bytes() for path in plots.save(figure, tmp_path / folder, "one", note="not a result")]

    first, second = written("a"), written("b")
    assert first == second
    for text in (b"tokens in the step", b"time (ms)", b"not a result", b"arm 6", b"dense"):
        assert text in first[0]
    assert first[1].startswith(b"\x89PNG")


def test_lines_differ_without_colour() -> None:
    assert len(set(plots.MARKERS)) == len(set(plots.COLOURS)) == len(set(plots.STYLES)) == 7
