"""E8: units come to the outcome that their numbers demand, and its numeric part is computed, not assumed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")

from routelab.bench import Plan  # noqa: E402
from routelab.experiments import Outcome, _e8_judge, e8, e8_plots, read_result  # noqa: E402
from routelab.experiments._criteria import criteria  # noqa: E402
from routelab.experiments._e2_work import TINY, Shape  # noqa: E402
from routelab.experiments._e8_cells import measure_cell, numeric  # noqa: E402
from routelab.experiments._e8_judge import judge, variation  # noqa: E402

FROZEN = criteria("E8")


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch) -> None:
    monkeypatch.setattr(_e8_judge, "RESAMPLES", 400)


DRAWS = np.random.default_rng(0)


def cell(batch: int, *, valid: bool = True, spread: float = 0.002, **times: float) -> dict:
    base = {"moe__fp32": 4.0, "moe__bf16": 2.0, "moe__int8": 1.0, "overhead__fp32": 0.2, "overhead__bf16": 0.2}
    base["dense_active__fp32"] = max(0.1, 0.01 * batch)  # knee at batch 10 or so
    base["moe__fp32"] = max(4.0, 0.04 * batch)  # and at 100
    base.update(times)
    seconds = {a.replace("__", "/"): list(t * DRAWS.lognormal(0, spread, 30)) for a, t in base.items()}
    empty: dict[str, list[float]] = {arm: [] for arm in seconds}
    return {
        "unit": f"time:64/6:{batch}:1", "kind": "time", "shape": "64/6", "batch": batch, "threads": 1,
        "sparsity": 64 / 6,
        "expert_bytes": {"fp32": 400, "bf16": 200, "int8": 100}, "counts": {}, "p99": dict.fromkeys(seconds, 9.0),
        "seconds": seconds if valid else empty, "seconds_beside_load": empty if valid else seconds,
        "conditions": {"valid": valid, "why_not": ""}, "versions": {}, "machine": {},
    }  # fmt: skip


def outcomes(cells: list[dict]) -> dict[str, Outcome]:
    return {f.criterion: f.outcome for f in judge(cells, FROZEN)[0]}


def sweep(**changes) -> list[dict]:
    return [cell(batch, **changes) for batch in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)]


def test_gains_in_proportion_knees_apart_and_steady_medians_are_supported() -> None:
    found = outcomes(sweep())
    assert found["steady"] is found["bytes"] is found["knee"] is Outcome.SUPPORTED
    assert found["numeric"] is Outcome.VOID


def test_each_claim_can_be_refuted() -> None:
    assert outcomes(sweep(moe__bf16=3.5))["bytes"] is Outcome.REFUTED
    assert outcomes(sweep(spread=0.9))["steady"] is Outcome.REFUTED
    early = [cell(b, moe__fp32=max(0.5, 0.04 * b)) for b in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)]
    assert outcomes(early)["knee"] is Outcome.REFUTED


def test_unsteady_or_overhead_bound_steps_are_not_compared() -> None:
    assert outcomes(sweep(overhead__fp32=3.0, overhead__bf16=3.0))["bytes"] is Outcome.VOID
    assert outcomes(sweep(spread=0.9))["bytes"] is Outcome.VOID


def test_a_knee_at_the_last_batch_is_open() -> None:
    late = {"moe__fp32": 4.0}
    short = [cell(b, dense_active__fp32=max(0.1, 0.001 * b), **late) for b in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    assert outcomes(short)["knee"] is Outcome.NOT_RESOLVED


def test_load_decides_nothing() -> None:
    found = outcomes([*sweep(), cell(2, valid=False)])
    assert found["bytes"] is found["knee"] is found["steady"] is Outcome.NOT_RESOLVED


def test_variation_is_that_of_three_medians() -> None:
    assert variation([1.0] * 10 + [2.0] * 10 + [3.0] * 10) == pytest.approx(0.5)


def test_numeric_error_falls_with_precision() -> None:
    found = numeric(Shape("32/6", 32, 64, 32, 6, 9), n_tokens=128)
    error = {name: row["relative_rms"] for name, row in found["error"].items()}
    assert error["fp32"] < 1e-5 < error["bf16"] < 0.02
    flips = found["routing_bf16"]
    assert 0 <= flips["experts_that_change"] <= flips["tokens_that_choose_otherwise"] < 0.5


def test_a_unit_times_every_precision_with_one_kernel() -> None:
    unit = measure_cell(TINY, 4, 1, Plan(2, warmup=0, most_blocks=2, block_seconds=1e-9, others_limit=1e9))
    assert unit["threads"] == 1
    assert {"moe/fp32", "moe/bf16", "dense_total/bf16", "overhead/fp32"} <= set(unit["seconds"])


def test_a_result_goes_round_through_its_file(tmp_path) -> None:
    result = e8.conclude("smoke", [*sweep(), {**numeric(TINY, n_tokens=16), "unit": "numeric:tiny"}])
    result.write(tmp_path / "r.json")
    assert read_result(tmp_path / "r.json").to_dict()["outcome"]["knee"] == "supported"
    assert len(e8.units("full")) == 2 + 2 * 2 * 10
    made = e8_plots.plots(read_result(tmp_path / "r.json"), tmp_path)
    assert {path.name for path in made} == {f"E8-{n}.{kind}" for n in ("latency", "rate") for kind in ("svg", "png")}
    assert "dense fp32, equal active width" in made[0].read_text() and "not a result" in made[0].read_text()
    page = "\n".join(e8_plots.tables(result))
    assert "| moe/fp32 | 128 |" in page and "| tiny |" in page
