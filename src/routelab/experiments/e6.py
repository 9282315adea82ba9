"""E6: sparsity ratio against latency and multiple-choice accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from routelab.data import TOKENS
from routelab.experiments._e6_judge import judge
from routelab.experiments._e6_latency import time_models
from routelab.experiments._gather import gather
from routelab.experiments.choice import QUESTIONS, measured
from routelab.experiments.plan import Arm, DataSpec, Evaluation, Plan, scaled
from routelab.experiments.result import Result
from routelab.experiments.runner import run_plan
from routelab.model import LabConfig, TrainSettings

N_EXPERTS, WIDTH, TRAINED_K = 32, 64, 8
#: The model trained with k = 8, run with another k for all tokens, or with fewer experts for visual tokens.
OTHER_KS = tuple(Evaluation(f"k{k}", budget=float(k)) for k in (1, 2, 4, 16, 32))
BY_MODALITY = tuple(Evaluation(f"text8_vision{k}", k_text=TRAINED_K, k_vision=k) for k in (1, 2, 4))
PROMPT = 18  # tokens of a question with four options


def config(k: int = TRAINED_K, **changes: Any) -> LabConfig:
    """The lab model of E6 with k of 32 experts, with changes."""
    base: dict[str, Any] = {
        "question_length": PROMPT,
        "vocabulary": len(TOKENS),
        "n_experts": N_EXPERTS,
        "expert_width": WIDTH,
        "dense_width": TRAINED_K * WIDTH,
        "backend": "bucketed",
        "router": "topk",
        "router_options": {"k": k},
    }
    return LabConfig(**{**base, **changes})


def soft(experts: int) -> LabConfig:
    """Soft MoE for the 16 visual tokens with one slot per expert, top-2 for text."""
    return config(2, layer="soft_vision", n_experts=experts, layer_options={"slots": 1})


def plan(size: str) -> Plan:
    """Arms, seeds and data of E6."""
    settings = TrainSettings(steps=1500, save_every=150)
    own = Evaluation("100")
    choice = {"per_sample": True, "text_k": TRAINED_K, "c": float(TRAINED_K)}
    arms = (
        Arm("k8", config(), settings, (own, *OTHER_KS, *BY_MODALITY), required=True, publish=True),
        *(Arm(f"k{k}", config(k), settings, required=True, publish=k in (1, 2)) for k in (1, 2, 4, 16)),
        Arm("k32", config(32), settings, required=True, seeds=2),
        Arm("question_only", config(layer="dense"), settings, blank="image", role="floor", required=True, seeds=2),
        Arm("dense_active", config(layer="dense"), settings, role="dense", seeds=2),
        Arm("dense_total", config(layer="dense", dense_width=N_EXPERTS * WIDTH), settings, role="dense", seeds=2),
        Arm("image_only", config(layer="dense"), settings, blank="question", role="floor", seeds=2),
        Arm("frozen_random", config(router="frozen_random"), settings, role="control", seeds=2),
        Arm("hash", config(router="hash"), settings, role="control", seeds=2),
        Arm("soft_slots_1", soft(16), settings, seeds=2),
        Arm("soft_slots_quarter", soft(4), settings, seeds=2),
        Arm("expert_choice_vision", config(router="expert_choice", router_options=choice), settings, seeds=2),
        Arm("e8_k2", config(2, n_experts=8, expert_width=4 * WIDTH), settings, seeds=2),
        Arm("e16_k4", config(4, n_experts=16, expert_width=2 * WIDTH), settings, seeds=2),
    )
    full = Plan("E6", "full", arms, (0, 1, 2, 3, 4), DataSpec(multiple_choice=True))
    return full if size == "full" else scaled(full)


def run(size: str, out: Path, *, processes: int = 2, progress: Callable[[str], None] = lambda _line: None) -> Result:
    """Train what is missing (nothing with 0 processes), time decoding of the first seed's models, then judge."""
    found = plan(size)
    if processes:
        run_plan(found, out, processes=processes, progress=progress)
    time_models(found, out, progress)
    return conclude(size, out)


def conclude(size: str, out: Path) -> Result:
    """The result of what is there, with multiple choice in the public formats beside it."""
    found = plan(size)
    result = judge(gather(found, out), out)
    asked = QUESTIONS if size == "full" else 40
    choice = measured(found, out, [arm.name for arm in found.arms if arm.publish], n=asked)
    return replace(result, values={**result.values, "choice": choice})
