"""E3: SMoES against fixed routing: accuracy, specialisation, and where latency can change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from routelab.data import TOKENS
from routelab.experiments._e3_judge import judge
from routelab.experiments._e3_latency import time_models
from routelab.experiments._gather import gather
from routelab.experiments.plan import Arm, DataSpec, Evaluation, Plan, scaled
from routelab.experiments.result import Result
from routelab.experiments.runner import run_plan
from routelab.model import LabConfig, TrainSettings

K, N_EXPERTS, WIDTH, BINS = 4, 16, 64, 4
#: Ten times the paper's 1e-4, since the lab's training is thousands of times shorter; the paper's own is an arm too.
INFORMATION = 1e-3
DEVICES = (2, 4, 8)


def config(**changes: Any) -> LabConfig:
    """The lab model of E3, with changes."""
    base: dict[str, Any] = {
        "question_length": 6,
        "vocabulary": len(TOKENS),
        "n_experts": N_EXPERTS,
        "expert_width": WIDTH,
        "dense_width": K * WIDTH,
        "backend": "bucketed",
        "router": "topk",
        "router_options": {"k": K},
    }
    return LabConfig(**{**base, **changes})


def smoes(score: str = "attention", **changes: Any) -> LabConfig:
    """SMoES with the lab's bins and coefficients."""
    options = {"k": K, "n_bins": BINS, "score": score, "information": INFORMATION, "balance": 1e-3}
    scores = "attention" if score == "attention" else "none"
    return config(router="smoes", router_options={**options, **changes}, scores=scores)


def groups(text: int, vision: int) -> LabConfig:
    """Experts for one modality each, the rest for both."""
    options = {"k": K, "text_experts": text, "vision_experts": vision}
    return config(router="modality_groups", router_options=options)


def plan(size: str) -> Plan:
    """Arms, seeds and data of E3: three questions in ten are text only."""
    settings = TrainSettings(steps=1500, save_every=150)
    each = (Evaluation("100", devices=DEVICES),)
    dense = config(layer="dense")
    arms = (
        Arm("topk", config(), settings, each, required=True, publish=True),
        Arm("smoes_attention", smoes(), settings, each, required=True, publish=True),
        Arm("hard_50", groups(N_EXPERTS // 2, N_EXPERTS // 2), settings, each, required=True, publish=True),
        Arm("question_only", dense, settings, blank="image", role="floor", required=True, seeds=2),
        Arm("smoes_gaussian", smoes("gaussian"), settings, each, publish=True),
        Arm("binning_only", smoes(term="none"), settings, each),
        Arm("hard_75", groups(N_EXPERTS * 3 // 4, N_EXPERTS // 4), settings, each),
        Arm("moiie_groups", groups(N_EXPERTS // 4, N_EXPERTS // 4), settings, each),
        Arm("dense_active", dense, settings, role="dense", seeds=2),
        Arm("dense_total", config(layer="dense", dense_width=N_EXPERTS * WIDTH), settings, role="dense", seeds=2),
        Arm("image_only", dense, settings, blank="question", role="floor", seeds=2),
        Arm("frozen_random", config(router="frozen_random"), settings, role="control", seeds=2),
        Arm("hash", config(router="hash"), settings, role="control", seeds=2),
        Arm("smar", config(router="smar"), settings, each, seeds=2),
        Arm("smoes_paper_coefficient", smoes(information=1e-4), settings, each, seeds=2),
        Arm("mi_fixed_bins", smoes(bins="fixed"), settings, each, seeds=2),
        Arm("mi_hard_score", smoes("hard"), settings, each, seeds=2),
    )
    full = Plan("E3", "full", arms, (0, 1, 2, 3, 4), DataSpec(text_share=0.3))
    return full if size == "full" else scaled(full)


def run(size: str, out: Path, *, processes: int = 2, progress: Callable[[str], None] = lambda _line: None) -> Result:
    """Train what is missing (nothing with 0 processes), time the first seed's models against each other, then judge."""
    found = plan(size)
    if processes:
        run_plan(found, out, processes=processes, progress=progress)
    time_models(found, out, progress)
    return conclude(size, out)


def conclude(size: str, out: Path) -> Result:
    """The result of what is there."""
    return judge(gather(plan(size), out), out)
