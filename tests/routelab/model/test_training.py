"""Training: a killed run goes on to the same bits, a checkpoint that is not one is refused, a task is learned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from routelab import BadData, BadShape  # noqa: E402
from routelab.model import LabConfig, Questions, TrainSettings, train  # noqa: E402
from routelab.model.questions import batch_rows  # noqa: E402

SRC = Path(__file__).resolve().parents[3] / "src"
CONFIG = LabConfig(d=16, blocks=2, heads=2, vocabulary=20, question_length=3, n_experts=8, expert_width=8,
                   dense_width=16, router="anyexperts", backend="bucketed",
                   router_options={"k_min": 2, "k_max": 3, "n_virtual": 2, "cap_rounding": "stochastic"})  # fmt: skip
SETTINGS = TrainSettings(steps=12, batch=8, warmup=2, save_every=2, log_every=3, seed=5)


def questions(n: int = 40) -> Questions:
    """What color channel is the brightest? Three answers, to be seen at once."""
    draw = torch.Generator().manual_seed(1)
    kind = torch.randint(0, 3, (n,), generator=draw)
    images = torch.randint(0, 60, (n, 32, 32, 3), generator=draw).to(torch.uint8)
    images[torch.arange(n), :, :, kind] += 150
    question = torch.full((n, 3), 4)
    question[: n // 2, 0] = 0
    answer = torch.zeros(n, 3, dtype=torch.int64)
    answer[:, 0], answer[:, 1] = kind + 5, 1
    return Questions(images, question, answer, torch.ones(n, dtype=torch.bool))


def bits(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = train(CONFIG, SETTINGS, questions())
    path = tmp_path / "state.pt"
    for stop in (1, 5, 6, 12):
        parts = train(CONFIG, SETTINGS, questions(), checkpoint=path, stop_after=stop)
    assert same(bits(whole.model), bits(parts.model))
    assert whole.log == parts.log and [line["step"] for line in whole.log] == [3, 6, 9, 12]


_CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import CONFIG, SETTINGS, questions
from routelab.model import train
import torch
torch.set_num_threads(1)
train(CONFIG, SETTINGS, questions(), checkpoint=Path({path!r}), progress=lambda step, loss: time.sleep(3))
"""


def test_a_run_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    code = _CHILD.format(tests=str(Path(__file__).parent), path=str(path))
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    child = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        until = time.monotonic() + 120
        while not path.exists() and child.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert path.exists(), "the child wrote no checkpoint"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL, "it had ended before it was killed"
    resumed = train(CONFIG, SETTINGS, questions(), checkpoint=path)
    assert same(bits(resumed.model), bits(train(CONFIG, SETTINGS, questions()).model))


def test_ctrl_c_keeps_the_step_in_hand(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"

    def interrupt(step: int, loss: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, SETTINGS, questions(), checkpoint=path, progress=interrupt)
    assert torch.load(path, weights_only=True)["step"] == 3  # the first line of the log; no checkpoint was due
    resumed = train(CONFIG, SETTINGS, questions(), checkpoint=path)
    assert same(bits(resumed.model), bits(train(CONFIG, SETTINGS, questions()).model))


def test_a_checkpoint_that_is_not_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    train(CONFIG, SETTINGS, questions(), checkpoint=path, stop_after=2)
    with pytest.raises(BadData, match="settings differs"):
        train(CONFIG, TrainSettings(**{**SETTINGS.__dict__, "lr": 0.5}), questions(), checkpoint=path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadData, match="cut off"):
        train(CONFIG, SETTINGS, questions(), checkpoint=path)
    path.write_bytes(b"")
    with pytest.raises(BadData, match="no checkpoint"):
        train(CONFIG, SETTINGS, questions(), checkpoint=path)


def test_seeds_give_other_models_and_equal_seeds_equal_ones() -> None:
    short = {**SETTINGS.__dict__, "steps": 2}
    first, again, other = (
        train(CONFIG, TrainSettings(**{**short, "seed": seed}), questions()).model for seed in (1, 1, 2)
    )
    assert same(bits(first), bits(again)) and not same(bits(first), bits(other))


def test_what_can_be_seen_is_learned() -> None:
    config = LabConfig(**{**CONFIG.to_dict(), "router": "topk", "router_options": {"k": 2}})
    done = train(config, TrainSettings(steps=60, batch=16, lr=1e-2, warmup=5, log_every=20, seed=0), questions(64))
    assert done.log[-1]["right"] > 0.9 and done.log[-1]["loss"] < done.log[0]["loss"]
    assert done.log[-1]["mean_real"] == 2.0


def test_every_question_is_read_once_in_an_epoch() -> None:
    rows = torch.cat([batch_rows(40, 8, step, seed=3) for step in range(5)])
    assert sorted(rows.tolist()) == list(range(40))
    later = torch.cat([batch_rows(40, 8, step, seed=3) for step in range(5, 10)])
    assert sorted(later.tolist()) == list(range(40)) and later.tolist() != rows.tolist()
    with pytest.raises(BadData, match="3 questions for batches of 8"):
        batch_rows(3, 8, 0, 0)


def test_the_rate_warms_up_and_falls_to_a_tenth() -> None:
    settings = TrainSettings(steps=100, warmup=10, lr=1.0)
    rates = [settings.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == rates[10] == 1.0
    assert sorted(rates[10:], reverse=True) == rates[10:] and 0.1 <= rates[-1] < 0.11
    with pytest.raises(BadShape, match="positive"):
        TrainSettings(steps=0)
    with pytest.raises(BadShape, match="precision"):
        TrainSettings(precision="int8")  # type: ignore[arg-type]


def test_importance_has_a_rate_of_its_own() -> None:
    plain, tenfold = (
        train(CONFIG, TrainSettings(**{**SETTINGS.__dict__, "steps": 1, "importance_lr": factor}), questions()).model
        for factor in (1.0, 10.0)
    )
    moved = [name for name, a in bits(plain).items() if not torch.equal(a, bits(tenfold)[name])]
    assert moved and all(".mlp." in name or ".router.norm." in name for name in moved), moved
