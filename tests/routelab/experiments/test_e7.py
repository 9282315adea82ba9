"""E7: training resumes to the same bits, ways agree, and units come to the outcome that their numbers demand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")
np = pytest.importorskip("numpy")

from routelab import BadData, NotAResult  # noqa: E402
from routelab.bench import Plan  # noqa: E402
from routelab.data import cifar, textures  # noqa: E402
from routelab.experiments import Outcome, e7, e7_plots, read_result, require_result  # noqa: E402
from routelab.experiments._criteria import criteria  # noqa: E402
from routelab.experiments._e7_judge import judge  # noqa: E402
from routelab.experiments._e7_time import HeadShape, cells, skipped, time_cell  # noqa: E402
from routelab.experiments._e7_train import (  # noqa: E402
    ARMS,
    CIFAR_VARIABLE,
    PAD,
    SCALES,
    Classifier,
    cropped,
    pictures,
    train_unit,
)
from routelab.experiments.publish import publish  # noqa: E402

FROZEN = criteria("E7")
TINY = replace(SCALES["smoke"], training=200, test=100, epochs=3, batch=64)
DRAWS = np.random.default_rng(0)


def trained(arm: str, seed: int, accuracy: float, apart: float = 0.0) -> dict:
    log = [{"loss": 1.0, "penalties_apart_most": apart, "penalties_apart_least": apart}]
    return {"kind": "train", "arm": arm, "seed": seed, "accuracy": accuracy, "log": log}


def cell(hidden: int, batch: int, ratio: float, naive: float = 2.0, *, valid: bool = True) -> dict:
    base = DRAWS.lognormal(0, 0.2, 30)
    seconds = {w: list(f * base * DRAWS.lognormal(0, 0.01, 30)) for w, f in
               (("naive", naive), ("grouped", ratio), ("mixture", 1.0))}  # fmt: skip
    loud: dict = {w: [] for w in seconds}
    return {
        "kind": "time",
        "hidden": hidden,
        "batch": batch,
        "flops": {"routed": 1, "mixture": 4},
        "seconds": seconds if valid else loud,
        "seconds_beside_load": loud if valid else seconds,
        "conditions": {"valid": valid, "why_not": "" if valid else "0 of 30 blocks were quiet"},
    }


def whole(**shift: float) -> list[dict]:
    """Five seeds of every arm at 70 % but for the shifts, with small noise; and a grid with a crossover."""
    noise = [0.1, -0.1, 0.2, -0.2, 0.0]
    base = dict.fromkeys(ARMS, 70.0) | {arm: 68.0 for arm in ARMS if arm.endswith("_defect")}
    units = [
        trained(arm, s, at + shift.get(arm, 0.0) + noise[s] * (1 + i % 3) / 2, float(arm.endswith("shazeer")))
        for i, (arm, at) in enumerate(base.items())
        for s in range(5)
    ]
    return [*units, cell(64, 1, 1.5), cell(64, 256, 1.2), cell(1024, 256, 0.5)]


def outcome(name: str, units: list[dict]) -> Outcome:
    return next(f.outcome for f in judge(units, FROZEN)[0] if f.criterion == name)


@pytest.mark.parametrize(
    ("name", "units", "expected"),
    [
        ("a", whole(), "supported"),
        ("a", whole(soft_mixture=3.0), "refuted"),
        ("a", whole()[1:], "void"),
        ("a", whole(dense=-45.0), "void"),
        ("d", whole(), "supported"),
        ("d", whole(noisy_top2_defect=5.0), "refuted"),
        ("d", whole(noisy_top2_defect=2.0), "not_resolved"),
        ("b", whole(), "supported"),
        ("b", [cell(64, 256, 1.0, 0.5)], "refuted"),
        ("b", [cell(64, 256, 1.0, 0.5, valid=False)], "not_resolved"),
        ("b", [cell(64, 16, 1.0)], "not_resolved"),
        ("c", whole(), "supported"),
        ("c", [cell(64, 1, 1.5), cell(1024, 256, 1.5)], "refuted"),
        ("c", [cell(64, 1, 0.5), cell(1024, 256, 0.5)], "refuted"),
        ("c", [cell(64, 1, 1.5), cell(1024, 256, 0.5, valid=False)], "not_resolved"),
        ("work_b", whole(), "supported"),
        ("work_b", [{**cell(64, 1, 1.0), "flops": {"routed": 1, "mixture": 3}}], "refuted"),
        ("penalty", whole(), "supported"),
        ("penalty", [trained("noisy_top2", 0, 70, 0.5), trained("noisy_top2_shazeer", 0, 70, 1.0)], "refuted"),
        ("penalty", [], "not_resolved"),
    ],
)
def test_units_come_to_the_outcome_that_their_numbers_demand(name: str, units: list[dict], expected: str) -> None:
    assert outcome(name, units) == Outcome(expected)


def test_a_difference_that_noise_hides_is_not_resolved() -> None:
    units = whole()
    for unit, off in zip([u for u in units if u.get("arm") == "soft_mixture"], (4, -4, 3, -3, 2), strict=True):
        unit["accuracy"] += off
    assert outcome("a", units) == Outcome.NOT_RESOLVED


def test_training_that_is_stopped_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = train_unit("noisy_top2", 1, TINY, tmp_path / "a.pt", tmp_path / "a-weights.pt")

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if "epoch 2" in line:
            raise Killed

    with pytest.raises(Killed):
        train_unit("noisy_top2", 1, TINY, tmp_path / "b.pt", tmp_path / "b-weights.pt", kill)
    assert (tmp_path / "b.pt").is_file() and not (tmp_path / "b-weights.pt").exists()
    steps: list[str] = []
    resumed = train_unit("noisy_top2", 1, TINY, tmp_path / "b.pt", tmp_path / "b-weights.pt", steps.append)
    assert len(steps) == 1, "two of three epochs were there"
    for name in ("accuracy", "right", "log", "share", "validation"):
        assert resumed[name] == straight[name], name
    first, second = (torch.load(tmp_path / f"{n}-weights.pt", weights_only=True)["model"] for n in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)
    (tmp_path / "b.pt").write_bytes(b"cut off")
    again = train_unit("noisy_top2", 1, TINY, tmp_path / "b.pt", tmp_path / "b-weights.pt")
    assert again["right"] == straight["right"], "a checkpoint that is cut off costs time, not the result"


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_learns_something_of_what_it_trains(arm: str) -> None:
    torch.manual_seed(0)
    model = Classifier(arm, 16)
    images = torch.randn(8, 3, 32, 32)
    out = model(images)
    (out.logits.square().sum() + out.penalty).backward()
    still = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert out.logits.shape == (8, 10) and not still
    if arm == "frozen_top2":
        assert model.head.router.gate.weight.grad is None


def test_crops_are_of_the_picture_and_the_defect_takes_the_middle() -> None:
    images, _ = textures.generate(6, 1)
    padded = torch.from_numpy(np.pad(images, ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0))))
    rows = torch.tensor([4, 0, 2])
    assert np.array_equal(cropped(padded, rows, None).numpy(), images[[4, 0, 2]])
    generator = torch.Generator().manual_seed(0)
    seen = cropped(padded, rows, generator).numpy()
    for i, row in enumerate(rows.tolist()):
        whole_picture = padded[row].numpy()
        ways = [whole_picture[y : y + 32, x : x + 32] for y in range(9) for x in range(9)]
        assert any(np.array_equal(seen[i], w) or np.array_equal(seen[i], w[:, ::-1]) for w in ways)


def test_ways_of_a_timed_cell_agree_and_its_work_is_counted() -> None:
    unit = time_cell(8, 32, Plan(2, warmup=0, most_blocks=2, block_seconds=0.001), HeadShape(d=16))
    assert unit["largest_disagreement"] < 1e-4
    assert unit["flops"]["routed"] * 4 == unit["flops"]["mixture"] == 2 * 32 * 8 * 8 * 26
    assert set(unit["seconds"]) == {"naive", "sorted", "grouped", "mixture", "dense_total", "dense_active"}
    grid = {(h, b) for h in (64, 256, 1024, 4096, 16384) for b in (1, 16, 64, 256, 1024, 4096)}
    assert set(cells(smoke=False)) | set(skipped()) == grid and not set(cells(smoke=False)) & set(skipped())


def test_a_smoke_run_judges_reports_and_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(e7.SCALES, "smoke", replace(TINY, epochs=1))
    monkeypatch.setattr(e7, "cells", lambda smoke: [(16, 8)])
    lines: list[str] = []
    result = e7.run("smoke", tmp_path, progress=lines.append)
    assert result.whole and "not a result" in result.notes and len(result.findings) == 6
    assert set(e7.needed("smoke")) < set(e7.units("smoke"))
    before = len(lines)
    again = e7.run("smoke", tmp_path, progress=lines.append, only="train")
    assert len(lines) == before and again.findings[0].outcome == result.findings[0].outcome, "nothing is trained twice"
    result.write(tmp_path / "result.json")
    with pytest.raises(NotAResult):
        require_result(read_result(tmp_path / "result.json"))
    pytest.importorskip("matplotlib")
    assert all(path.stat().st_size for path in e7_plots.plots(result, tmp_path / "plots"))
    assert sum(line.startswith("| dense |") for line in e7_plots.tables(result)) == 1


def test_a_whole_run_is_published_with_its_units_and_one_checkpoint_an_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(e7.SCALES, "C", replace(TINY, epochs=1, seeds=(0, 1)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(e7, "cells", lambda smoke: [])
    monkeypatch.setattr(e7, "ARMS", {arm: ARMS[arm] for arm in ("dense", "noisy_top2")})
    result = e7.run("full", tmp_path)
    result.write(tmp_path / "E7" / "full" / "result.json")
    names = sorted(str(path.relative_to(tmp_path / "to")) for path in publish("E7", tmp_path, tmp_path / "to"))
    units = [f"E7/units/{arm}-{seed}.json" for arm in ("dense", "noisy_top2") for seed in (0, 1)]
    assert names == ["E7/result.json", *units, "E7/weights/dense-0.pt", "E7/weights/noisy_top2-0.pt"]
    (tmp_path / "E7" / "full" / "weights" / "dense-0.pt").write_bytes(b"another")
    with pytest.raises(BadData, match="is not what was evaluated"):
        publish("E7", tmp_path, tmp_path / "to")


def test_a_users_cifar_is_read_and_a_folder_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CIFAR_VARIABLE, str(tmp_path))
    with pytest.raises(BadData, match=r"data_batch_1\.bin"):
        e7.run("smoke", tmp_path / "out")
    for i, name in enumerate([*cifar.TRAIN_FILES, cifar.TEST_FILE]):
        cifar.write_file(tmp_path / name, *textures.generate(40, i))
    data = pictures(TINY, str(tmp_path))
    assert data.name == "CIFAR-10" and len(data.training[1]) == 180 and len(data.test[1]) == 40
    assert data.sha256 != pictures(TINY, None).sha256
