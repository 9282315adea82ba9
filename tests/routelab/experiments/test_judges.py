"""E1, E3 and E6 come to each outcome exactly where their frozen criteria say so."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab.experiments import _e3_judge, _e6_judge, _gather, e1, e3, e6  # noqa: E402
from routelab.experiments._criteria import criteria  # noqa: E402
from routelab.experiments._gather import Units  # noqa: E402

NOISE = (0.3, -0.2, 0.1, -0.3, 0.1)  # of the seeds, equal in all arms unless a test adds more
FLOOR = {"question_only": 30.0, "image_only": 20.0}


@pytest.fixture(autouse=True)
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gather, "_majority", lambda units: 10.0)
    monkeypatch.setattr(_e6_judge, "knee", functools.partial(_e6_judge.knee, resamples=3))  # 20 s with all of them


def evaluation(accuracy: float, budget: float | None, **more: Any) -> dict[str, Any]:
    real = 6.0 if budget is None else budget
    routing = {"mean_real": real, "msi": 0.2, **more.pop("routing", {})}
    modality = {"vision": accuracy, "text": 80.0, **more.pop("modality", {})}
    return {"budget": budget, "accuracy": accuracy, "n": 8, "routing": routing, "family": {}, "difficulty": {},
            "modality": modality, "knob": "as trained", **more}  # fmt: skip


def made_units(module: Any, given: dict[str, Any], without: tuple[str, ...] = ()) -> Units:
    """Units of a plan in which arm `name` has the accuracy given[name] (a number, or one for each seed); `given` may
    also hold changes of one evaluation as (arm, evaluation): number, or number and further fields."""
    plan = module.plan("full")
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for unit in plan.units():
        name = unit.arm.name
        if name in without:
            continue
        at = {}
        for asked in unit.arm.evaluations:
            value = given.get((name, asked.name), given.get(name, FLOOR.get(name, 60.0)))
            value, more = value if isinstance(value, tuple) else (value, {})
            seed = unit.seed
            accuracy = (value[seed] if isinstance(value, list) else value) + NOISE[seed]
            at[asked.name] = evaluation(accuracy, asked.budget, **json.loads(json.dumps(more)))
        found[name, unit.seed] = {"evaluations": at, "parameters": 1, "training": {"cpu_seconds": 1.0, "log": []}}
    lacking = tuple(a.name + "-0" for a in plan.arms if a.name in without and a.required)
    return Units(plan, found, lacking, lacking)


def outcomes(result: Any) -> dict[str, str]:
    return {finding.criterion: str(finding.outcome) for finding in result.findings}


SPREAD = [60.0, 60.5, 59.0, 61.0, 59.5]


@pytest.mark.parametrize(
    ("given", "accuracy"),
    [
        ({"anyexperts": 62.0}, "supported"),
        ({"anyexperts": 60.2}, "refuted"),  # higher, and without doubt, but by less than half a point
        ({"anyexperts": 59.0}, "refuted"),
        ({"anyexperts": SPREAD}, "not_resolved"),
        ({"anyexperts": 62.0, "anyexperts_shuffled": 62.0}, "not_resolved"),  # importance does nothing
        ({"anyexperts": 62.0, "anyexperts_shuffled": [62.1, 61.0, 63.0, 60.5, 62.5]}, "not_resolved"),
    ],
)
def test_e1_accuracy(given: dict[str, Any], accuracy: str) -> None:
    assert outcomes(e1.judge(made_units(e1, given)))["accuracy"] == accuracy


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({("topk", "90"): 57.0}, "supported"),
        ({}, "refuted"),  # free for everyone
        ({("anyexperts", "90"): 57.0, ("topk", "90"): 57.0}, "refuted"),
        ({("anyexperts", "90"): [60, 58.6, 60, 58.4, 60], ("topk", "90"): 57.0}, "not_resolved"),
    ],
)
def test_e1_budget(given: dict[str, Any], budget: str) -> None:
    assert outcomes(e1.judge(made_units(e1, given)))["budget"] == budget


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"question_only": 45.0}, "above the question-only floor"),
        ({("anyexperts", "100"): (62.0, {"routing": {"mean_real": 6.2}})}, "3.3 % off its budget"),
        ({("anyexperts", "90"): (62.0, {"void": "out of reach"})}, "off its budget"),
    ],
)
def test_e1_is_void_where_it_cannot_decide(given: dict[str, Any], said: str) -> None:
    result = e1.judge(made_units(e1, given))
    assert set(outcomes(result).values()) == {"void"} and said in result.findings[0].because


def test_missing_units_make_a_run_that_is_not_whole() -> None:
    judges = (e1.judge, lambda u: _e3_judge.judge(u, Path()), lambda u: _e6_judge.judge(u, Path()))
    for module, judge in zip((e1, e3, e6), judges, strict=True):
        needed = next(a.name for a in module.plan("full").arms if a.required)
        result = judge(made_units(module, {}, without=(needed,)))
        assert not result.whole and set(outcomes(result).values()) == {"void"}
        assert result.notes == ("1 units that a criterion needs are missing",)
        assert result.criteria_sha256 == criteria(result.experiment).sha256


def e3_given(msi: float = 0.4, placed: float = 0.2, **more: Any) -> dict[Any, Any]:
    def remote(rate: float) -> dict[str, Any]:
        rates = {"placed_2": rate, "unplaced_2": 0.5}
        return {name: {"pair_remote": value, "any_remote": 1.0} for name, value in rates.items()}

    given: dict[Any, Any] = {
        ("topk", "100"): (60.0, {"remote": remote(0.4)}),
        ("smoes_attention", "100"): (60.0, {"remote": remote(placed), "routing": {"msi": msi}}),
        ("hard_50", "100"): (60.0, {"remote": remote(0.0), "modality": {"text": 70.0}}),
    }
    for arm, (accuracy, fields) in more.items():
        given[arm, "100"] = (accuracy, {**given[arm, "100"][1], **fields})
    return given


@pytest.mark.parametrize(
    ("given", "specialisation", "traffic"),
    [
        (e3_given(), "supported", "supported"),
        (e3_given(msi=0.25), "refuted", "supported"),
        (e3_given(smoes_attention=(57.0, {})), "refuted", "supported"),
        (e3_given(hard_50=(60.0, {"modality": {"text": 79.5}})), "refuted", "supported"),
        (e3_given(smoes_attention=([60, 58, 61, 57.5, 60], {})), "not_resolved", "supported"),
        (e3_given(placed=0.38), "supported", "refuted"),
    ],
)
def test_e3(given: dict[Any, Any], specialisation: str, traffic: str, tmp_path: Path) -> None:
    result = _e3_judge.judge(made_units(e3, given), tmp_path)
    found = outcomes(result)
    assert (found["specialisation"], found["traffic"]) == (specialisation, traffic)
    assert found["latency"] == "void", "nothing was timed"
    if traffic == "refuted":
        assert "Placement, not training, does the work" in result.findings[2].because


@pytest.mark.parametrize(
    ("low", "high", "valid", "outcome"),
    [(0.98, 1.02, True, "supported"), (1.05, 1.1, True, "refuted"), (0.95, 1.01, True, "not_resolved"),
     (0.98, 1.02, False, "void")],
)  # fmt: skip
def test_e3_latency(low: float, high: float, valid: bool, outcome: str, tmp_path: Path) -> None:
    path = tmp_path / "E3" / "full" / "latency.json"
    path.parent.mkdir(parents=True)
    times = {"topk": 0.1, "smoes_attention": 0.1}
    ratio = {"low": low, "high": high, "estimate": (low + high) / 2}
    path.write_text(json.dumps({"valid": valid, "why_not": "busy", "seconds": times, "ratio": ratio}))
    result = _e3_judge.judge(made_units(e3, e3_given()), tmp_path)
    assert outcomes(result)["latency"] == outcome
    assert len(result.ratios) == (1 if valid else 0)


RISING = {"k1": 55.0, "k2": 57.0, "k4": 59.0, "k8": 60.0, "k16": 60.5, "k32": 61.0}


@pytest.mark.parametrize(
    ("given", "trend"),
    [(RISING, "supported"), ({k: 116 - v for k, v in RISING.items()}, "refuted"), ({}, "not_resolved")],
)
def test_e6_accuracy_trend(given: dict[str, Any], trend: str, tmp_path: Path) -> None:
    assert outcomes(_e6_judge.judge(made_units(e6, given), tmp_path))["accuracy_trend"] == trend


@pytest.mark.parametrize(
    ("change", "curve"),
    [
        ({("k8", "k1"): 40.0, ("k8", "k2"): 50.0}, "supported"),
        ({("k8", "k1"): 40.0, ("k8", "k2"): 58.5}, "refuted"),  # fewer experts at inference beat training with them
        ({("k8", f"k{k}"): RISING[f"k{k}"] for k in (1, 2, 4, 16, 32)}, "not_resolved"),
    ],
)
def test_e6_inference_curve(change: dict[Any, Any], curve: str, tmp_path: Path) -> None:
    given = {**RISING, **{("k8", f"k{k}"): RISING[f"k{k}"] for k in (1, 2, 4, 16, 32)}, **change}
    assert outcomes(_e6_judge.judge(made_units(e6, given), tmp_path))["inference_curve"] == curve


@pytest.mark.parametrize(("law", "outcome"), [("work", "supported"), ("ratio", "refuted")])
def test_e6_work_trend(law: str, outcome: str, tmp_path: Path) -> None:
    cells = []
    for k in (1, 2, 4, 8, 16, 32):
        for batch in (1, 8, 32, 128):
            distinct = 32 * (1 - (1 - k / 32) ** batch)
            seconds = 1e-3 + (1e-4 * distinct + 2e-6 * batch * k if law == "work" else 1e-4 * k)
            cells.append({"arm": f"k{k}", "batch": batch, "seconds": seconds, "distinct": distinct,
                          "assignments": float(batch * k)})  # fmt: skip
    path = tmp_path / "E6" / "full" / "latency.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"valid": True, "why_not": "", "cells": cells}))
    assert outcomes(_e6_judge.judge(made_units(e6, RISING), tmp_path))["work_trend"] == outcome
    path.write_text(json.dumps({"valid": False, "why_not": "busy", "cells": cells}))
    assert outcomes(_e6_judge.judge(made_units(e6, RISING), tmp_path))["work_trend"] == "void"
