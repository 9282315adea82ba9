"""Units and results: budgets are met, what is finished is not done again, and a smoke run is no result."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")

from routelab import BadData, BadShape, NotAResult  # noqa: E402
from routelab.data import TOKENS  # noqa: E402
from routelab.experiments import Finding, Outcome, Ratio, Result, e1, e3, e6, read_result, require_result  # noqa: E402
from routelab.experiments import _pool as pools  # noqa: E402
from routelab.experiments import unit as units_module  # noqa: E402
from routelab.experiments._gather import gather  # noqa: E402
from routelab.experiments._pool import Pool, drawn, pool  # noqa: E402
from routelab.experiments.evaluate import evaluate, packed, prepare, remote_pairs, set_to, unpacked  # noqa: E402
from routelab.experiments.plan import Arm, DataSpec, Evaluation, Plan, code_digest  # noqa: E402
from routelab.experiments.publish import publish  # noqa: E402
from routelab.experiments.report import write_report  # noqa: E402
from routelab.experiments.runner import missing, run_plan  # noqa: E402
from routelab.experiments.unit import Taken, load_weights, run_unit, save_weights, unit_file, weights_file  # noqa: E402
from routelab.model import LabConfig, LabModel, Questions, TrainSettings  # noqa: E402

TINY = {"d": 16, "blocks": 2, "heads": 2, "vocabulary": len(TOKENS), "question_length": 6, "n_experts": 12,
        "expert_width": 8, "dense_width": 16}  # fmt: skip
KNOBS: dict[str, dict[str, Any]] = {
    "topk": {"k": 6},
    "fractional_k": {"mean_k": 6.0},
    "anyexperts": {"k_min": 6, "k_max": 9, "n_virtual": 3, "cap_rounding": "stochastic"},
    "adamoe": {"k": 9, "n_null": 6},
    "top_p": {"p": 0.7},
}


@pytest.fixture(scope="module")
def few() -> Pool:
    """A few questions for all three uses."""
    data = pools.generate(192, 5)
    part = Questions(
        torch.from_numpy(data.images), torch.from_numpy(data.question), torch.from_numpy(data.answer),
        torch.from_numpy(data.modality == 1),
    )  # fmt: skip
    return Pool(part, part.rows(slice(0, 96)), part, data.family, data.difficulty, data.modality)


@pytest.fixture()
def drawn_once(few: Pool, monkeypatch: pytest.MonkeyPatch) -> Pool:
    monkeypatch.setattr(units_module, "pool", lambda spec, folder: few)
    return few


def tiny_plan(size: str = "full", **changes: Any) -> Plan:
    settings = TrainSettings(steps=4, batch=16, warmup=1, save_every=2, log_every=2)
    arms = (
        Arm("topk", LabConfig(**TINY, router_options={"k": 6}), settings,
            (Evaluation("100"), Evaluation("50", budget=3.0)), required=True, publish=True),
        Arm("blind", LabConfig(**TINY, layer="dense"), settings, blank="image", role="floor", seeds=1),
    )  # fmt: skip
    return Plan(**{"experiment": "E1", "size": size, "arms": arms, "seeds": (0, 1), "data": DataSpec(), **changes})


@pytest.mark.parametrize("router", KNOBS)
@pytest.mark.parametrize("budget", [6.0, 5.4, 4.5, 3.6])
def test_budgets_are_met_within_two_percent(router: str, budget: float, few: Pool) -> None:
    made = LabModel(LabConfig(**TINY, router=router, router_options=KNOBS[router]))
    set_to(made, budget, few.calibration)
    assert evaluate(made, few.test).tally.mean_real() == pytest.approx(budget, rel=0.02)


def test_top_k_at_its_own_k_is_unchanged_by_the_knob(few: Pool) -> None:
    made = LabModel(LabConfig(**TINY, router_options={"k": 6}))
    before = evaluate(made, few.test).right
    assert set_to(made, 6.0, few.calibration)["knob"] == "fractional k"
    assert np.array_equal(before, evaluate(made, few.test).right)


def test_what_has_no_knob_says_so(few: Pool) -> None:
    for config in (LabConfig(**TINY, layer="dense"), LabConfig(**TINY, router="hash", router_options={"k": 6})):
        with pytest.raises(BadShape, match="as it was trained"):
            set_to(LabModel(config), 3.0, few.calibration)
    with pytest.raises(BadShape, match="in place of top-k"):
        made = LabModel(LabConfig(**TINY, router="hash", router_options={"k": 6}))
        prepare(made, Evaluation("x", k_text=2, k_vision=1), few.calibration)


def test_a_k_for_each_modality(few: Pool) -> None:
    made = LabModel(LabConfig(**TINY, router_options={"k": 6}))
    prepare(made, Evaluation("x", k_text=5, k_vision=2), few.calibration)
    assert evaluate(made, few.test).tally.summary()["mean_real_by_modality"] == {"text": 5.0, "vision": 2.0}


def test_remote_pairs_are_fewer_where_groups_are_placed_together(few: Pool) -> None:
    options = {"k": 3, "text_experts": 6, "vision_experts": 6}
    made = LabModel(LabConfig(**TINY, router="modality_groups", router_options=options))
    apart = remote_pairs(made, few.calibration, few.test, (2,))
    assert apart["placed_2"] == {"pair_remote": 0.0, "any_remote": 0.0}
    mixed = remote_pairs(LabModel(LabConfig(**TINY, router_options={"k": 3})), few.calibration, few.test, (2,))
    assert 0 < mixed["placed_2"]["pair_remote"] < mixed["placed_2"]["any_remote"] <= 1


def test_outcomes_survive_packing() -> None:
    right = np.random.default_rng(0).random(77) < 0.5
    assert np.array_equal(unpacked({"right": packed(right)}, 77), right)
    for bad in ({}, {"right": "?"}, {"right": packed(right[:60])}):
        with pytest.raises(BadData, match="'right'"):
            unpacked(bad, 77)


def test_a_unit_is_made_once_and_says_what_it_is(tmp_path: Path, drawn_once: Pool) -> None:
    unit = tiny_plan().unit("topk", 0)
    said: list[str] = []
    document = run_unit(unit, tmp_path, said.append)
    assert any("step 4 of 4" in line for line in said)
    written = unit_file(tmp_path, unit).stat().st_mtime_ns
    assert run_unit(unit, tmp_path) == document and unit_file(tmp_path, unit).stat().st_mtime_ns == written
    assert document["unit_sha256"] == unit.digest() and document["code_sha256"] == code_digest()
    at = document["evaluations"]
    assert at["50"]["routing"]["mean_real"] == pytest.approx(3.0, rel=0.02)
    assert unpacked(at["100"], at["100"]["n"]).mean() * 100 == pytest.approx(at["100"]["accuracy"])
    assert not list((tmp_path / "E1" / "full" / "state").glob("*.pt")), "the checkpoint of a finished unit is left"
    # The weights that are kept are those that were evaluated.
    again = evaluate(load_weights(weights_file(tmp_path, unit)), drawn_once.test)
    assert packed(again.right) == at["100"]["right"]
    # Another plan's unit is not this one.
    other = dataclasses.replace(unit, arm=dataclasses.replace(unit.arm, evaluations=(Evaluation("100"),)))
    assert units_module.read_unit(tmp_path, other) is None


def test_two_processes_do_not_work_on_one_unit(tmp_path: Path, drawn_once: Pool) -> None:
    unit = tiny_plan().unit("topk", 0)
    with units_module._alone(tmp_path, unit), pytest.raises(Taken, match="topk-0"):
        run_unit(unit, tmp_path)


def test_a_unit_file_that_is_cut_off_is_named(tmp_path: Path, drawn_once: Pool) -> None:
    unit = tiny_plan().unit("topk", 0)
    run_unit(unit, tmp_path)
    path = unit_file(tmp_path, unit)
    path.write_text(path.read_text()[:200])
    with pytest.raises(BadData, match=r"topk-0\.json"):
        run_unit(unit, tmp_path)
    weights_file(tmp_path, unit).write_bytes(b"PK")
    with pytest.raises(BadData, match=r"topk-0\.pt"):
        load_weights(weights_file(tmp_path, unit))


def test_weights_of_no_lab_model_are_refused(tmp_path: Path) -> None:
    made = LabModel(LabConfig(**TINY, router_options={"k": 2}))
    save_weights(tmp_path / "a.pt", made)
    document = torch.load(tmp_path / "a.pt", weights_only=True)
    assert document["model"]["head.weight"].dtype == torch.float16
    document["config"]["d"] = 32
    torch.save(document, tmp_path / "b.pt")
    with pytest.raises(BadData, match=r"b\.pt holds no lab model"):
        load_weights(tmp_path / "b.pt")


def test_what_is_missing_is_run_and_needed_units_come_first(
    tmp_path: Path, drawn_once: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tiny_plan("smoke")
    assert [u.name for u in plan.units()] == ["topk-0", "topk-1", "blind-0"]
    run_unit(plan.unit("topk", 1), tmp_path)
    assert [u.name for u in missing(plan, tmp_path)] == ["topk-0", "blind-0"]
    said: list[str] = []
    assert run_plan(plan, tmp_path, progress=said.append) == [] and missing(plan, tmp_path) == []
    assert said[0] == "E1 smoke: 1 of 3 units are there"
    found = gather(plan, tmp_path)
    assert found.whole and found.series("topk", "50", "routing", "mean_real") == pytest.approx([3.0, 3.0], rel=0.02)
    assert found.budget_off("topk", "100") is None and found.budget_off("topk", "50") < 0.02
    unit_file(tmp_path, plan.unit("topk", 1)).unlink()
    broken = gather(plan, tmp_path)
    assert broken.lacking == ("topk-1",) and not broken.whole
    with pytest.raises(NotAResult, match="topk-1"):
        broken.evaluation("topk", 1)


def test_pools_begin_alike_and_no_test_picture_is_in_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_PART", 300)
    spec = DataSpec(training=400, test=50, calibration=20)
    small, large = drawn(spec, 100, 7), drawn(spec, 400, 7)
    assert np.array_equal(small.images, large.images[:100]) and np.array_equal(small.answer, large.answer[:100])
    made = pool(spec, tmp_path)
    again = pool(spec, tmp_path)
    assert torch.equal(made.training.images, again.training.images) and len(made.training) == 400
    seen = {bytes(row) for row in made.training.images.reshape(400, -1).numpy()}
    assert not seen & {bytes(row) for row in made.test.images.reshape(50, -1).numpy()}
    choice = drawn(dataclasses.replace(spec, multiple_choice=True), 30, 7)
    assert choice.question.shape == (30, e6.PROMPT)


@pytest.mark.parametrize("module", [e1, e3, e6])
def test_plans_can_be_built_and_their_criteria_name_their_arms(module: Any) -> None:
    full, smoke = module.plan("full"), module.plan("smoke")
    assert [a.name for a in full.arms] == [a.name for a in smoke.arms] and full.seeds == (0, 1, 2, 3, 4)
    for arm in smoke.arms:
        LabModel(arm.config)
    assert len({u.digest() for u in full.units()}) == len(list(full.units()))


def test_all_published_checkpoints_together_have_at_most_40_mb() -> None:
    arms = [arm for module in (e1, e3, e6) for arm in module.plan("full").arms if arm.publish]
    weights = sum(v.numel() * 2 for arm in arms for v in LabModel(arm.config).state_dict().values())
    assert 10_000_000 < weights < 40_000_000


def a_result(size: str = "full", **changes: Any) -> Result:
    finding = Finding("accuracy", "It is better.", Outcome.NOT_RESOLVED, "By 0.1.", {"low": -1.0})
    ratio = Ratio("a / b", 2.0, 4.0, "s", 0.4, 0.6, method="bootstrap")
    base = Result("E1", size, "C", "0" * 64, ("topk",), (0,), {"x": [1.5]}, (finding,), (ratio,), {"torch": "2"})
    return dataclasses.replace(base, **changes)


def test_a_result_survives_its_file_with_both_operands(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    a_result().write(path)
    assert read_result(path) == a_result()
    document = json.loads(path.read_text())
    assert document["schema"] == "routelab-result-v1" and document["outcome"] == {"accuracy": "not_resolved"}
    assert document["ratios"][0] == {"name": "a / b", "numerator": 2.0, "denominator": 4.0, "value": 0.5, "unit": "s",
                                     "low": 0.4, "high": 0.6, "level": 0.95, "method": "bootstrap"}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other"}, "schema"),
        ({"size": "medium"}, "size"),
        ({"seeds": 3}, "seeds"),
        ({"criteria_sha256": None}, "criteria_sha256"),
        ({"findings": [{"criterion": "a"}]}, "finding"),
        ({"findings": [{"criterion": "a", "claim": "", "outcome": "proved", "because": ""}]}, "proved"),
    ],
)
def test_a_bad_result_file_is_refused_by_field(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**a_result().to_dict(), **change}))
    with pytest.raises(BadData, match=said):
        read_result(path)


def test_a_smoke_run_and_half_a_run_are_no_result(tmp_path: Path) -> None:
    for result in (a_result("smoke"), a_result(whole=False)):
        with pytest.raises(NotAResult):
            require_result(result)
        with pytest.raises(NotAResult):
            write_report(result, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(NotAResult, match="topk-0"):
        publish("E1", tmp_path / "runs", tmp_path / "published")
    a_result("smoke", experiment="E2").write(tmp_path / "runs" / "E2" / "full" / "result.json")
    with pytest.raises(NotAResult, match="smoke"):
        publish("E2", tmp_path / "runs", tmp_path / "published")
    assert not (tmp_path / "published").exists()
