"""Reports and published results: what they show is what the units say, floors and dense models beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
pytest.importorskip("matplotlib")

from routelab import BadData, NotAResult  # noqa: E402
from routelab.experiments import Finding, Outcome, Ratio, Result, _pool, e1, read_result  # noqa: E402
from routelab.experiments import publish as publishing  # noqa: E402
from routelab.experiments.plan import Plan, scaled  # noqa: E402
from routelab.experiments.report import page, write_report  # noqa: E402
from routelab.experiments.unit import read_unit, run_unit, weights_file  # noqa: E402

KEPT = ("topk", "anyexperts", "question_only", "dense_active")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    """E1 in small, as if it were whole: four of its arms, trained for four steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pool, "_PART", 300)
        small = scaled(e1.plan("full"))
        arms = tuple(dataclasses.replace(a, seeds=None, required=True) for a in small.arms if a.name in KEPT)
        plan = dataclasses.replace(small, size="full", arms=arms)
        out = tmp_path_factory.mktemp("runs")
        for unit in plan.units():
            run_unit(unit, out)
        return plan, out


@pytest.fixture()
def patched(run: tuple[Plan, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Plan, Path]:
    plan, _ = run
    monkeypatch.setattr(_pool, "_PART", 300)
    monkeypatch.setattr(e1, "plan", lambda size: plan)
    monkeypatch.setattr(e1, "_unusable", lambda units, frozen: "only four arms are there")
    return run


def test_a_report_shows_floors_dense_models_and_work(patched: tuple[Plan, Path], tmp_path: Path) -> None:
    result = e1.conclude("full", patched[1])
    files = write_report(result, tmp_path)
    assert {f.name for f in files} == {"E1.md", "E1-accuracy.svg", "E1-accuracy.png", "E1-loss.svg", "E1-loss.png"}
    text = (tmp_path / "E1.md").read_text(encoding="utf-8")
    rows = ("| question_only | floor |", "| dense_active | dense |", "| the commonest answer | floor |")
    more = ("**void**", "![E1-accuracy](E1-accuracy.svg)", result.criteria_sha256[:12], "level 2", "two_hop")
    for said in (*rows, *more):
        assert said in text, said
    cell = result.values["arms"]["topk"]["evaluations"]["100"]["accuracy"]
    assert f"{sum(cell) / 2:.1f} ± " in text
    svg = (tmp_path / "E1-accuracy.svg").read_text(encoding="utf-8")
    assert "real experts per token and layer" in svg and "accuracy (%)" in svg and "question only" in svg
    assert write_report(result, tmp_path) == files and (tmp_path / "E1-accuracy.svg").read_text() == svg


def test_a_page_names_each_outcome_and_both_operands() -> None:
    finding = Finding("accuracy", "It is better.", Outcome.NOT_RESOLVED, "By 0.1.")
    ratio = Ratio("a / b", 2.0, 4.0, "s", 0.4, 0.6)
    result = Result("E1", "full", "C", "0" * 64, ("topk",), (0,), {}, (finding,), (ratio,))
    text = "\n".join(page(result))
    assert "| accuracy | **not resolved** | By 0.1. |" in text
    assert "| a / b | 0.500 | 0.400 to 0.600 | 2 | 4 | s |" in text


def test_what_is_published_is_judged_anew_and_held_to_its_digests(
    patched: tuple[Plan, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = patched
    monkeypatch.setattr(publishing, "plan_of", lambda name, size: plan)
    files = {str(f.relative_to(tmp_path)) for f in publishing.publish("E1", out, tmp_path)}
    units = {f"E1/units/{name}-{seed}.json" for name in KEPT for seed in (0, 1)}
    weights = {f"E1/weights/{arm.name}-0.pt" for arm in plan.arms if arm.publish}
    assert files == units | weights | {"E1/result.json"}
    assert read_result(tmp_path / "E1" / "result.json").experiment == "E1"
    broken = weights_file(out, plan.unit("topk", 0))
    before = broken.read_bytes()
    try:
        broken.write_bytes(before[:-1] + b"x")
        with pytest.raises(BadData, match="digest differs"):
            publishing.publish("E1", out, tmp_path)
    finally:
        broken.write_bytes(before)
    monkeypatch.setattr(publishing, "MOST", 10)
    with pytest.raises(BadData, match="more than 10"):
        publishing.publish("E1", out, tmp_path)


def test_a_needed_unit_that_is_missing_stops_publishing(
    patched: tuple[Plan, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = patched
    longer = dataclasses.replace(plan, seeds=(0, 1, 2))
    monkeypatch.setattr(publishing, "plan_of", lambda name, size: longer)
    with pytest.raises(NotAResult, match="4 units of E1 are missing; train topk-2 first"):
        publishing.publish("E1", out, tmp_path)
    assert not list(tmp_path.iterdir())


def test_units_of_a_run_that_is_not_whole_are_kept_and_gone_on_from(
    patched: tuple[Plan, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, out = patched
    longer = dataclasses.replace(plan, seeds=(0, 1, 2))
    monkeypatch.setattr(publishing, "plan_of", lambda name, size: longer)
    kept = tmp_path / "kept"
    files = publishing.publish_units("E1", out, kept)
    assert not (kept / "E1" / "result.json").exists()
    assert len([f for f in files if f.suffix == ".json"]) == 2 * len(KEPT)
    elsewhere = tmp_path / "elsewhere"
    taken = publishing.take_units("E1", elsewhere, kept)
    assert len(taken) == len(files)
    unit = plan.unit("topk", 0)
    assert read_unit(elsewhere, unit) == read_unit(out, unit)
    assert weights_file(elsewhere, unit).read_bytes() == weights_file(out, unit).read_bytes()
    assert publishing.take_units("E1", elsewhere, kept) == []
    other = dataclasses.replace(longer, arms=tuple(dataclasses.replace(a, blank="question") for a in longer.arms))
    monkeypatch.setattr(publishing, "plan_of", lambda name, size: other)
    assert publishing.take_units("E1", tmp_path / "other", kept) == []
    monkeypatch.setattr(publishing, "plan_of", lambda name, size: longer)
    (kept / "E1" / "weights" / f"{unit.name}.pt").write_bytes(b"broken")
    with pytest.raises(BadData, match="is not what was evaluated"):
        publishing.take_units("E1", tmp_path / "third", kept)
