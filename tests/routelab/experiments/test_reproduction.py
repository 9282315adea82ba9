"""What packs do with published models: digests, fresh questions, floors, the first steps again, times."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab's extra is not installed")

from routelab import BadData
from routelab.bench import Plan, Timing
from routelab.data import generate
from routelab.experiments import reproduction
from routelab.experiments._registry import plan_of
from routelab.experiments.reproduction import (
    Published,
    answers_right,
    counted_step,
    far_pairs,
    floor,
    fresh,
    published,
    run_as,
    samples,
    seed,
    sweep,
    timed,
    trained_again,
    write_results,
)
from routelab.experiments.result import read_json, write_json
from routelab.experiments.unit import load_weights, run_unit, unit_file, weights_file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A model of the smoke size: twenty steps, which is no result and is not asked for one here."""
    out = tmp_path_factory.mktemp("out")
    unit = plan_of("E1", "smoke").unit("topk", 0)
    document = run_unit(unit, out)
    return Published(unit, document, load_weights(weights_file(out, unit)))


def test_the_first_steps_give_the_published_losses(made: Published) -> None:
    again = trained_again(made, 10, lambda _: None)
    assert again["steps"] and again["largest_difference"] == 0.0
    assert again["published"] == again["again"]
    log = [{**line, "loss": line["loss"] + 0.5} for line in made.document["training"]["log"]]
    other = Published(made.unit, {**made.document, "training": {"log": log}}, made.model)
    assert trained_again(other, 10, lambda _: None)["largest_difference"] == pytest.approx(0.5)


def test_another_file_than_the_published_one_is_refused(
    made: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduction, "plan_of", lambda experiment, _: plan_of(experiment, "smoke"))
    with pytest.raises(BadData, match="no model of topk is published"):
        published("E1", "topk", "0" * 64, folder=tmp_path)
    run_unit(made.unit, tmp_path / "out")
    weights = tmp_path / "E1" / "weights" / f"{made.unit.name}.pt"
    weights.parent.mkdir(parents=True)
    shutil.copy(weights_file(tmp_path / "out", made.unit), weights)
    with pytest.raises(BadData, match="has the digest"):
        published("E1", "topk", "0" * 64, folder=tmp_path)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    document = read_json(unit_file(tmp_path / "out", made.unit))
    stated = tmp_path / "E1" / "units" / f"{made.unit.name}.json"
    write_json(stated, {**document, "unit_sha256": "0" * 64})
    with pytest.raises(BadData, match="another plan"):
        published("E1", "topk", digest, folder=tmp_path)
    write_json(stated, document)
    assert published("E1", "topk", digest, folder=tmp_path).unit == made.unit


def test_fresh_questions_are_those_of_their_seed_and_no_others(made: Published) -> None:
    one, about = fresh(made.unit, 64, 123_456)
    two, _ = fresh(made.unit, 64, 123_456)
    other, _ = fresh(made.unit, 64, 123_457)
    assert bool((one.images == two.images).all()) and not bool((one.images == other.images).all())
    assert len(about.family) == 64
    for taken in (made.unit.data.training_seed, made.unit.data.test_seed, 5):
        with pytest.raises(BadData, match="may have been seen"):
            fresh(made.unit, 64, taken)


def test_the_floor_looks_at_no_picture_and_is_no_better_than_guessing_allows(made: Published) -> None:
    _, about = fresh(made.unit, 400, 123_456)
    right = floor(made.unit, about, 777_777, n=4_000)
    assert right.shape == (400,) and 0.1 < right.mean() < 0.6
    blind = type(about)(**{**about.__dict__, "images": np.zeros_like(about.images)})
    assert (floor(made.unit, blind, 777_777, n=4_000) == right).all()


def test_the_floor_knows_what_a_question_gives_away(made: Published) -> None:
    asked = generate(200, 5)
    told = type(asked)(**{**asked.__dict__, "question": np.repeat(asked.question[:1], 200, 0)})
    told = type(asked)(**{**told.__dict__, "answer": np.repeat(asked.answer[:1], 200, 0)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproduction, "drawn", lambda *_: told)
        assert floor(made.unit, told, 1, n=200).all()


def test_work_is_counted_and_answers_are_those_of_any_backend(made: Published) -> None:
    questions, _ = fresh(made.unit, 96, 123_456)
    right, tally = answers_right(made, questions)
    assert right.shape == (96,) and tally.mean_real() == pytest.approx(6.0)
    run_as(made.model, "loop")
    assert (answers_right(made, questions)[0] == right).mean() > 0.98
    run_as(made.model, "grouped")
    counted = counted_step(made.model, questions, 1, steps=5)
    assert len(counted) == 5 and all(6 <= one <= 32 for one in counted)
    shares = far_pairs(made, questions, 2, parts=6)
    assert len(shares["samples"]) == 6 and all(0 <= one <= 1 for one in shares["samples"])


def test_a_sweep_gives_pairs_or_says_why_not(made: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    questions, _ = fresh(made.unit, 16, 123_456)
    quiet = Plan(blocks=5, warmup=1, block_seconds=0.01, others_limit=1e9)
    monkeypatch.setattr(reproduction, "timed", lambda arms, _=None: timed(arms, quiet))
    by_batch, together, timings = sweep({"a": made.model, "b": made.model}, questions, (1, 4), progress=lambda _: None)
    assert len(by_batch["b1"]["a"]["ms"]) == len(by_batch["b4"]["b"]["ms"]) == len(together["a"]["ms"]) == 5
    assert len(timings) == 2 and all(one.valid for one in timings)
    total = [x + y for x, y in zip(by_batch["b1"]["a"]["ms"], by_batch["b4"]["a"]["ms"], strict=True)]
    assert together["a"]["ms"] == pytest.approx(total)
    assert together["a"]["questions_per_second"] == pytest.approx([5e3 / one for one in total], rel=1e-4)
    why = "1 of 5 blocks were quiet"
    loud = Timing({"a": np.ones(1)}, {}, {}, {}, valid=False, why_not=why, load_before=[9.0], load_after=[8.0])
    assert samples(loud, "a") == {"not_measured": "1 of 5 blocks were quiet; load [9.0] before, [8.0] after"}
    monkeypatch.setattr(reproduction, "timed", lambda _, __=None: loud)
    by_batch, together, _ = sweep({"a": made.model}, questions, (1,), progress=lambda _: None)
    assert "not_measured" in by_batch["b1"]["a"]["ms"] and "not_measured" in together["a"]["ms"]


def test_results_are_what_a_kernel_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOVEREIGN_SEED", "7")
    assert seed() == 1_000_007
    write_results("a-pack", {"x": [1.0]})
    expected = {"schema": "sovereign-results-v1", "pack": "a-pack", "seed": 7, "values": {"x": [1.0]}}
    assert read_json(tmp_path / "results.json") == expected
    with pytest.raises(ValueError, match="Out of range float"):
        write_results("a-pack", {"x": float("nan")})
