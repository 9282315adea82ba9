"""Units that are measured in one process: kept, made anew, and given up early on a loud machine."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import BadData  # noqa: E402
from routelab.bench import Share  # noqa: E402
from routelab.experiments import _measured  # noqa: E402
from routelab.experiments._measured import FEW, kept_units, run_units, tried, unit_path  # noqa: E402


@pytest.mark.parametrize(("others", "blocks"), [(0.0, 36), (0.1, 36), (0.11, FEW), (2.0, FEW), (None, 36)])
def test_a_loud_machine_is_not_timed_at_length(monkeypatch, others, blocks) -> None:
    monkeypatch.setattr(_measured, "LoadWatch", lambda: type("W", (), {"share": lambda self: Share(others, 0, 0)})())
    assert tried(30, seconds=0) == blocks


def test_units_of_other_code_and_loud_ones_are_measured_anew(tmp_path) -> None:
    made: list[str] = []

    def measure(name: str) -> dict:
        made.append(name)
        return {"conditions": {"valid": name != "b:1", "why_not": "loud"}, "number": len(made)}

    names, code = ["a:8/2:1", "b:1"], ["one"]
    run = lambda: run_units("EX", "full", names, tmp_path, measure, lambda name: code[0], lambda line: None)  # noqa: E731
    first = run()
    assert [unit["unit"] for unit in first] == names and made == names
    assert run()[0] == first[0] and made == [*names, "b:1"]
    code[0] = "two"
    run()
    assert made[3:] == names
    assert set(kept_units("EX", names, tmp_path)) == {"a_8-2_1", "b_1"}


def test_a_cut_off_unit_is_named(tmp_path) -> None:
    path = unit_path(tmp_path, "EX", "full", "a:1")
    path.parent.mkdir(parents=True)
    path.write_text('{"unit": "a:1", ')
    with pytest.raises(BadData, match="a_1"):
        run_units("EX", "full", ["a:1"], tmp_path, lambda name: {}, lambda name: "", lambda line: None)
