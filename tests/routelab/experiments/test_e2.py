"""E2: what it runs has the budgets that it says, and units come to the outcome that their numbers demand."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")

from routelab import NotAResult  # noqa: E402
from routelab.bench import Plan  # noqa: E402
from routelab.experiments import Outcome, _e2_judge, e2, e2_plots, read_result, require_result  # noqa: E402
from routelab.experiments._criteria import criteria  # noqa: E402
from routelab.experiments._e2_cells import count_cell, measure_cell  # noqa: E402
from routelab.experiments._e2_judge import compare, judge  # noqa: E402
from routelab.experiments._e2_model import ARMS, measure_model, samples  # noqa: E402
from routelab.experiments._e2_work import SHAPES, TINY, Shape, draw, first_again, routers, skewed  # noqa: E402

FROZEN = criteria("E2")


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch) -> None:
    monkeypatch.setattr(_e2_judge, "RESAMPLES", 400)


SMALL = Shape("64/6", 64, 32, 8, 6, 9)
DRAWS = np.random.default_rng(0)


def cell(shape: str, batch: int, *, valid: bool = True, **times: float) -> dict:
    """A unit in which each arm takes its time, plus a little noise that is the same for all arms of a block."""
    base = {
        "on_demand/loop": 2.0, "on_demand/sorted": 1.5, "on_demand/grouped": 1.0, "on_demand/padded_sorted": 2.0,
        "on_demand/padded_grouped": 1.4, "on_demand_first/padded_grouped": 1.3, "fractional/sorted": 1.5,
        "fractional/grouped": 1.0, "fixed/grouped": 1.0, "fractional_cut/grouped": 1.0,
        "layer_on_demand/grouped": 1.2, "layer_fractional/grouped": 1.2,
    }  # fmt: skip
    base.update({name.replace("__", "/"): value for name, value in times.items()})
    noise = DRAWS.lognormal(0, 0.3, 30)
    seconds = {arm: list(value * noise * DRAWS.lognormal(0, 0.002, 30)) for arm, value in base.items()}
    empty: dict[str, list[float]] = {arm: [] for arm in base}
    counts = {"fixed": {"mean_real": 6.0}, "fractional_cut": {"mean_real": 5.4}}
    counts["on_demand"] = counts["fractional"] = {"mean_real": 6.0, "distinct": 9.0}
    return {
        "unit": f"cell:{shape}:{batch}",
        "kind": "cell",
        "shape": shape,
        "batch": batch,
        "counts": counts,
        "seconds": seconds if valid else empty,
        "seconds_beside_load": empty if valid else seconds,
        "conditions": {"valid": valid, "why_not": "" if valid else "0 of 30 blocks were quiet"},
    }


def outcome(name: str, cells: list[dict]) -> Outcome:
    return next(f.outcome for f in judge(cells, FROZEN)[0] if f.criterion == name)


@pytest.mark.parametrize(
    ("criterion", "supporting", "refuting"),
    [
        ("b", {}, {"on_demand__grouped": 0.9}),
        ("b", {}, {"on_demand__grouped": 1.2}),
        ("b_layer", {}, {"layer_on_demand__grouped": 1.5}),
        ("d", {}, {"on_demand__padded_grouped": 1.05}),
        ("d_kind", {}, {"on_demand_first__padded_grouped": 1.0}),
        ("c", {}, {"fractional_cut__grouped": 0.9}),
    ],
)
def test_numbers_decide_and_one_quiet_cell_refutes(criterion: str, supporting: dict, refuting: dict) -> None:
    good = [cell("64/6", batch, **supporting) for batch in (64, 128, 256)]
    assert outcome(criterion, good) is Outcome.SUPPORTED
    assert outcome(criterion, [*good, cell("64/6", 512, **refuting)]) is Outcome.REFUTED


def test_what_was_timed_beside_load_decides_nothing() -> None:
    loud = cell("64/6", 64, valid=False, on_demand__grouped=3.0)
    assert outcome("b", [cell("64/6", 128), loud]) is Outcome.NOT_RESOLVED
    found = next(f for f in judge([loud], FROZEN)[0] if f.criterion == "b")
    assert found.outcome is Outcome.NOT_RESOLVED and "decide nothing" in found.because
    assert all("decides nothing" in ratio.method for ratio in judge([loud], FROZEN)[1])
    # one quiet cell that refutes still does, whatever else was loud
    assert outcome("d", [loud, cell("64/6", 8, on_demand__padded_grouped=1.0)]) is Outcome.REFUTED


def test_an_interval_that_crosses_the_limit_is_not_resolved() -> None:
    wide = cell("64/6", 64)
    spread = DRAWS.lognormal(0, 0.4, 30)
    wide["seconds"]["on_demand/grouped"] = list(np.array(wide["seconds"]["on_demand/grouped"]) * spread)
    assert outcome("b", [wide]) is Outcome.NOT_RESOLVED


def test_arms_that_miss_their_budget_are_not_compared() -> None:
    off = cell("64/6", 64, on_demand__grouped=3.0)
    off["counts"]["on_demand"] = {"mean_real": 6.2, "distinct": 9.0}
    assert outcome("b", [off]) is Outcome.VOID and outcome("b", [off, cell("64/6", 8)]) is Outcome.SUPPORTED
    off["counts"]["on_demand"]["mean_real"] = 6.1
    assert outcome("b", [off]) is Outcome.REFUTED


def test_no_cell_is_void() -> None:
    assert {f.outcome for f in judge([], FROZEN)[0]} == {Outcome.VOID}


def test_the_best_kernel_is_chosen_on_blocks_that_do_not_judge_it() -> None:
    one = cell("64/6", 64)
    a, b = one["seconds"]["on_demand/sorted"], one["seconds"]["on_demand/grouped"]
    a[:10], b[:10], a[10:], b[10:] = [1.0] * 10, [2.0] * 10, [4.0] * 20, [0.5] * 20  # the first blocks mislead
    (compared,) = compare([(one, ("on_demand/sorted", "on_demand/grouped"), ("fixed/grouped",))], FROZEN)
    assert compared.numerator == "on_demand/sorted" and compared.interval.n == 20 and compared.above == 4.0


def test_arms_of_one_budget_have_one_budget_and_share_their_tokens() -> None:
    drawn = draw(SMALL, routers(SMALL, 0), batch=32, sets=4, seed=1)
    assert drawn.mean_real("fixed") == 6.0
    assert drawn.mean_real("on_demand") == pytest.approx(6.0, rel=0.02)
    assert drawn.mean_real("on_demand_cut") == pytest.approx(5.4, rel=0.02)
    for name in ("", "_cut"):
        ours, other = drawn.arms[f"on_demand{name}"], drawn.arms[f"fractional{name}"]
        assert [r.assignments() for r in ours] == [r.assignments() for r in other]
        assert all(r.checked() for r in (*ours, *other))
    spread = torch.cat([r.real.sum(1) for r in drawn.arms["on_demand"]])
    assert spread.float().std() > 0.7 and spread.min() >= 4 and spread.max() <= 9  # importance does vary
    fixed, fractional = drawn.arms["fixed"][0], drawn.arms["fractional"][0]
    first = torch.stack([fixed.index[:, 0], fractional.index[:, 0]])
    assert torch.equal(first[0], first[1])  # one gate: they rank experts alike


def test_cheap_padding_names_no_further_expert() -> None:
    routing = draw(SMALL, routers(SMALL, 0), batch=16, sets=1, seed=2).arms["on_demand"][0]
    again = first_again(routing)
    assert torch.equal(again.index[routing.real], routing.index[routing.real])
    for row, real, padded in zip(routing.index, routing.real, again.index, strict=True):
        assert set(padded.tolist()) == set(row[real].tolist())


def test_skew_lowers_the_number_of_distinct_experts() -> None:
    t = [
        np.mean([r.checked().distinct_experts() for r in skewed(SMALL, 6, zipf, 8, 20, seed=3)]) for zipf in (0, 1, 2)
    ]
    assert t[0] > t[1] > t[2]
    assert t[0] == pytest.approx(34.9, abs=1.5)  # uniform, 64 / 6, batch 8: section 0.4 of the method notes


def test_a_unit_times_all_arms_and_counts_them() -> None:
    plan = Plan(2, warmup=0, most_blocks=2, block_seconds=1e-9, others_limit=1e9)
    unit = measure_cell(TINY, 4, plan)
    assert {len(times) for times in unit["seconds"].values()} == {2}
    arms = {"on_demand/gather", "on_demand/padded_gather", "dense_active", "dense_total", "layer_on_demand/grouped"}
    assert arms <= set(unit["seconds"])
    assert unit["counts"]["on_demand"]["slots"] == 12
    counted = count_cell(TINY, 4, plan)
    assert len(counted["distinct"]["fixed"]) == 64 and "seconds" not in counted


def test_a_smoke_run_resumes_and_is_no_result(tmp_path, monkeypatch) -> None:
    made = []

    def unit(size: str, name: str) -> dict:
        made.append(name)
        kind, shape, batch = name.split(":")
        if kind == "cell":
            found = cell(shape, int(batch), valid=batch != "4")
            found["p99"] = dict.fromkeys(found["seconds"], 1.0)
        else:
            found = count_cell(TINY, int(batch), Plan())
        return {**copy.deepcopy(found), "versions": {}, "machine": {}}

    monkeypatch.setattr(e2, "measure_unit", unit)
    monkeypatch.setattr(e2, "units", lambda size: ["count:tiny:1", "cell:tiny:1", "cell:tiny:4"])
    told: list[str] = []
    result = e2.run("smoke", tmp_path, progress=told.append)
    assert made == ["count:tiny:1", "cell:tiny:1", "cell:tiny:4"] and len(told) == 3
    e2.run("smoke", tmp_path)
    assert made[3:] == ["cell:tiny:4"]  # the one that was not quiet is tried again, the others are not
    result.write(tmp_path / "result.json")
    again = read_result(tmp_path / "result.json")
    assert again.to_dict() == result.to_dict() and "not a result" in again.notes
    with pytest.raises(NotAResult):
        require_result(again)


def test_the_full_plan_is_every_shape_at_every_batch() -> None:
    names = e2.units("full")
    assert len(names) == len(set(names)) == 3 * len(SHAPES) * 10 + 8 and "cell:128/8:512" in names


@pytest.mark.parametrize("form", ["vqav2", "visual7w"])
def test_the_model_is_timed_on_questions_from_files_at_one_budget(form: str) -> None:
    unit = measure_model(form, 4, Plan(2, warmup=0, most_blocks=2, block_seconds=1e-9, others_limit=1e9))
    assert set(unit["seconds"]) == {f"{arm}/{phase}" for arm in ARMS for phase in ("prefill", "step")}
    real = {arm: unit["counts"][arm]["prefill"]["mean_real"] for arm in ARMS}
    assert real["topk"] == 6 and real["dense_active"] == 0
    assert real["on_demand"] == pytest.approx(6, rel=0.05) and real["fractional"] == pytest.approx(6, rel=0.02)
    assert unit["counts"]["topk"]["step"]["tokens"] == 4 < unit["counts"]["topk"]["prefill"]["tokens"]
    assert unit["memory"]["topk"]["weights"] > 10 * unit["memory"]["dense_active"]["weights"] / 4
    images, questions = samples(form, 4, 0)
    assert images.shape == (4, 32, 32, 3) and questions.shape[0] == 4 and (questions[:, -1] != 0).all()


def test_its_figures_come_from_the_result_alone(tmp_path) -> None:
    cells = [cell(shape, batch) for shape in ("8/2", "64/6") for batch in (1, 8, 64)]
    for one in cells:
        one["p99"] = dict.fromkeys(one["seconds"], 1.0)
    counts = [{**count_cell(TINY, batch, Plan()), "unit": f"count:tiny:{batch}"} for batch in (1, 4)]
    result = e2.conclude("smoke", [{**unit, "versions": {}, "machine": {}} for unit in (*cells, *counts)])
    result.write(tmp_path / "result.json")
    made = e2_plots.plots(read_result(tmp_path / "result.json"), tmp_path)
    assert {path.name for path in made} == {
        f"E2-{name}.{kind}" for name in ("latency", "ratios", "distinct", "saving") for kind in ("svg", "png")
    }
    ratios = (tmp_path / "E2-ratios.svg").read_text()
    assert "not a result" in ratios and "64/6" in ratios and "8/2" in ratios
    rows = [line for line in e2_plots.tables(result) if line.startswith(("| 1 |", "| 8 |", "| 64 |"))]
    assert len(rows) == 6 and all(row.endswith("| yes |") for row in rows)
