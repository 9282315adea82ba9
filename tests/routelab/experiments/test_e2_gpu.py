"""Tier G of E2: without a GPU a line says so, and what it would run there is run here at a tiny size on the CPU."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import NotAResult  # noqa: E402
from routelab.bench import Plan, expert_bytes  # noqa: E402
from routelab.experiments import Outcome, _e2_gpu_cells, _e2_judge, e2_gpu, require_result  # noqa: E402
from routelab.experiments._e2_gpu_cells import MODEL_SHAPES, ModelShape, measure_cell, measure_law  # noqa: E402

TINY = ModelShape("8/2 tiny", 8, 16, 16, 2, 3)
PLAN = Plan(5, warmup=0, most_blocks=5, block_seconds=1e-9, others_limit=math.inf)


def test_without_a_gpu_a_line_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    told: list[str] = []
    result = e2_gpu.run("full", tmp_path, progress=told.append)
    assert "no GPU" in told[0] and "no GPU" in result.notes[0] and not result.whole
    assert {finding.outcome for finding in result.findings} == {Outcome.VOID}
    with pytest.raises(NotAResult):
        require_result(result)


@pytest.mark.parametrize(
    ("name", "millions", "layer_mb"),
    [("128/8 qwen3-vl-30b", 4.72, 1208), ("64/6 kimi-vl", 8.65, 1107), ("72/6 deepseek-vl2", 11.80, 1699),
     ("256/8 ling-mini", 3.15, 1611), ("64/6 deepseek-vl2-tiny", 3.44, 440)],
)  # fmt: skip
def test_the_shapes_have_the_sizes_of_their_models(name: str, millions: float, layer_mb: float) -> None:
    shape = MODEL_SHAPES[name]
    with torch.device("meta"):
        one = expert_bytes(replace(shape, n_experts=1).experts())
    assert one / 2e6 == pytest.approx(millions, abs=0.01)  # bf16, so two bytes a weight
    assert shape.n_experts * one / 1e6 == pytest.approx(layer_mb, rel=0.01)


@pytest.mark.skipif(torch.cuda.is_available(), reason="here the real thing can run")
def test_its_units_and_judgement_run_on_a_cpu_too(monkeypatch) -> None:
    monkeypatch.setattr(_e2_judge, "RESAMPLES", 200)
    monkeypatch.setattr(_e2_gpu_cells, "flush", lambda device: lambda: None)
    cells = [measure_cell(TINY, tokens, PLAN, "cpu") for tokens in (1, 4)]
    laws = [measure_law(TINY, tokens, PLAN, "cpu") for tokens in (1, 4)]
    arms = set(cells[0]["seconds"])
    assert {"on_demand/grouped_fixed", "on_demand/gather", "on_demand/padded_gather", "dense_active"} <= arms
    assert cells[1]["floor_seconds"]["on_demand"] >= cells[0]["floor_seconds"]["on_demand"] / 3 > 0
    result = e2_gpu.conclude("smoke", [{**unit, "unit": f"{i}"} for i, unit in enumerate((*cells, *laws))])
    outcome = {finding.criterion: finding.outcome for finding in result.findings}
    assert outcome["work_b"] is Outcome.VOID and outcome["floor"] in (Outcome.SUPPORTED, Outcome.REFUTED)
    assert result.tier == "G" and "not a result" in result.notes
    names = e2_gpu.units("full")
    assert len(names) == len(set(names)) == 6 * (10 + 10 + 16)
