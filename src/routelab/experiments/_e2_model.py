"""E2 end to end: the lab's vision-language model on questions read from VQAv2's and Visual7W's files.

Prefill (image, question, first token) and one decode step are timed apart; weights are random, so only time is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from routelab.bench import Plan, Run, attention_flops, measure, memory_of, provenance, threads
from routelab.data import TOKENS, generate, left_padded, visual7w, vqav2
from routelab.data.export import prompt, read_pictures, visual7w_records, vqav2_records, write_pictures
from routelab.experiments._e2_work import SPREAD
from routelab.model import LabConfig, LabModel
from routelab.routing import AnyExperts, Routing, calibrate

BATCHES = (1, 8, 32, 128)
FORMATS = ("vqav2", "visual7w")
K, N_EXPERTS, WIDTH = 6, 32, 64
ARMS: Mapping[str, Mapping[str, Any]] = {
    "topk": {"router": "topk", "router_options": {"k": K}},
    "fractional": {"router": "fractional_k", "router_options": {"mean_k": float(K)}},
    "on_demand": {"router": "anyexperts"},
    "on_demand_padded": {"router": "anyexperts", "backend": "padded_grouped"},
    "dense_active": {"layer": "dense"},
}
_ON_DEMAND = {"k_min": K, "k_max": K * 3 // 2, "cap_rounding": "stochastic"}


def measure_model(form: str, batch: int, plan: Plan, seed: int = 0) -> dict[str, Any]:
    """Prefill and decode step of every arm at one batch of samples; a JSON object."""
    images, questions = samples(form, batch, seed)
    arms: dict[str, Run] = {}
    counts, memory = {}, {}
    with torch.inference_mode(), threads(1):
        for name in ARMS:
            model = build(name, questions.shape[1], images, questions, seed)
            _, prefix, routings = model.prefill(images, questions)
            token = torch.full((batch,), 5)
            _, _, stepped = model.step(token, prefix)
            arms[f"{name}/prefill"] = partial(model.prefill, images, questions)
            arms[f"{name}/step"] = partial(model.step, token, prefix)
            counts[name] = {"prefill": _counts(routings), "step": _counts(stepped)}
            memory[name] = memory_of(arms[f"{name}/prefill"], model).as_json()
        timing = measure(arms, plan)
        where = provenance(seed=seed)
    length = images.shape[1] // 8 * (images.shape[2] // 8) + questions.shape[1]
    return {
        "kind": "model",
        "shape": form,
        "batch": batch,
        "counts": counts,
        "memory": memory,
        "attention_flops_per_layer": attention_flops(length, length, 128) * batch,
        "seconds": {arm: [float(f"{value:.5g}") for value in values] for arm, values in timing.seconds.items()},
        "seconds_beside_load": {
            arm: [float(f"{value:.5g}") for value in values] for arm, values in timing.beside.items()
        },
        "p99": dict(timing.tail),
        "inner": dict(timing.inner),
        "conditions": timing.conditions(),
        **where,
    }


def samples(form: str, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures and questions from files of a public schema, as a model reads them: uint8 [B, 32, 32, 3], [B, Lq]."""
    drawn = generate(4 * batch + 32, seed=seed + 70_001)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        if form == "vqav2":
            records, _ = vqav2_records(drawn, seed)
            header = vqav2.Header()
            vqav2.write_questions(at / "questions.json", header, records)
            header, asked = vqav2.load_questions(at / "questions.json")
            rows = [(q.question_id - 1, vqav2.image_name(header.data_subtype, q.image_id), q.question) for q in asked]
        else:
            visual7w.write(at / "dataset.json", visual7w_records(drawn, seed))
            rows = [
                (pair.qa_id - 1, image.filename, pair.question)
                for image in visual7w.load(at / "dataset.json")
                for pair in image.qa_pairs
            ]
        rows = rows[:batch]
        names = [name for _, name, _ in rows]
        write_pictures(at, names, drawn.images[[row for row, _, _ in rows]])
        pixels = read_pictures(at, names)
    tokens = [prompt(question) for _, _, question in rows]
    width = max(len(one) for one in tokens)
    return torch.from_numpy(pixels), torch.from_numpy(np.asarray(left_padded(tokens, width), dtype=np.int64))


def build(name: str, question_length: int, images: Tensor, questions: Tensor, seed: int) -> LabModel:
    """The model of an arm; AnyExperts' importance is spread, and its budget set to k on these very samples."""
    torch.manual_seed(seed)
    options = dict(ARMS[name])
    if options.get("router") == "anyexperts":
        options["router_options"] = _ON_DEMAND
    base = {"backend": "grouped", "n_experts": N_EXPERTS, "expert_width": WIDTH, "dense_width": K * WIDTH}
    fixed = {"question_length": question_length, "vocabulary": len(TOKENS)}
    model = LabModel(LabConfig(**{**base, **fixed, **options})).eval()
    spread = [router for router in model.routers() if isinstance(router, AnyExperts)]
    for router in spread:
        last = router.mlp[2]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight)
        u = router.mlp(router.norm(torch.randn(4096, router.d)))
        last.weight.mul_(SPREAD / u.std())
        last.bias.sub_(u.mean() * SPREAD / u.std())
    if spread:

        def mean_real() -> float:
            routings = model.prefill(images, questions, generator=torch.Generator().manual_seed(seed))[2]
            return sum(r.mean_real_experts() for r in routings) / len(routings)

        calibrate(spread, mean_real, float(K))
    return model


def _counts(routings: tuple[Routing, ...]) -> dict[str, float]:
    """Means over layers; zeros for a dense model."""
    n = max(1, len(routings))
    return {
        "mean_real": sum(r.mean_real_experts() for r in routings) / n,
        "assignments": sum(r.assignments() for r in routings) / n,
        "distinct": sum(r.distinct_experts() for r in routings) / n,
        "tokens": sum(r.index.shape[0] for r in routings) / n,
    }
