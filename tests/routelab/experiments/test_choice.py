"""Multiple choice through files: both scorers say the same of a model's answers, and always A is never circular."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra [lab] is not installed")

from tests.routelab.reference import choice_scorers  # noqa: E402

from routelab.data import TOKENS, mmbench  # noqa: E402
from routelab.experiments import e6  # noqa: E402
from routelab.experiments.choice import choices, measured  # noqa: E402
from routelab.experiments.unit import save_weights, weights_file  # noqa: E402
from routelab.model import LabConfig, LabModel  # noqa: E402


def model() -> LabModel:
    config = LabConfig(d=16, blocks=2, heads=2, vocabulary=len(TOKENS), question_length=e6.PROMPT, n_experts=4,
                       expert_width=8, dense_width=16, router_options={"k": 2})  # fmt: skip
    return LabModel(config)


def test_a_second_scorer_says_the_same_of_the_same_files(tmp_path: Path) -> None:
    made = model()
    letters = [TOKENS.index(letter) for letter in "ABCD"]
    with torch.no_grad():
        made.head.bias.fill_(-30.0)
        made.head.bias[letters] = 0.0  # some letter, not always the same
    found = choices(made, tmp_path, 40)
    assert found["mmbench_rows"] > 100 and 0 < found["seed_n"] <= 40
    assert found["mmbench_gap"] == pytest.approx(found["mmbench_vanilla"] - found["mmbench_circular"])
    assert found["seed_letter"] == found["seed_likelihood"], "a model that only knows letters ranks as it answers"
    rows = mmbench.load(tmp_path / "mmbench" / "mmbench_circular.tsv")
    given = mmbench.load_results(tmp_path / "mmbench" / "results.tsv")
    second = choice_scorers.mmbench_circular(
        [{"index": r.index, "answer": r.answer, **dict.fromkeys("ABCD", ""), **r.options} for r in rows], given
    )
    assert 100 * sum(second.values()) / len(second) == found["mmbench_circular"]


def test_always_a_is_right_now_and_then_and_never_in_every_rotation(tmp_path: Path) -> None:
    made = model()
    with torch.no_grad():
        made.head.weight.zero_()
        made.head.bias.fill_(-30.0)
        made.head.bias[TOKENS.index("A")] = 30.0
    found = choices(made, tmp_path, 40)
    assert found["mmbench_circular"] == 0 and 10 < found["mmbench_vanilla"] == found["mmbench_gap"] < 60


def test_what_was_measured_is_kept_by_the_weights_digest(tmp_path: Path) -> None:
    plan = e6.plan("smoke")
    assert measured(plan, tmp_path, ["k8"], n=8) == {}
    save_weights(weights_file(tmp_path, plan.unit("k8", 0)), model())
    said: list[str] = []
    first = measured(plan, tmp_path, ["k8", "k1"], n=8, progress=said.append)
    assert list(first) == ["k8"] and len(said) == 1
    assert measured(plan, tmp_path, ["k8"], n=8, progress=said.append) == first and len(said) == 1
    kept = json.loads((tmp_path / "E6" / "smoke" / "choice" / "choices.json").read_text())
    assert list(kept.values()) == list(first.values())
