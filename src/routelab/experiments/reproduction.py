"""What a pack does with the lab's published models: looks at them, evaluates them afresh, trains the first steps again,
and times them. Nothing of it reads a number that was published before, but to compare a fresh one with it."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from routelab._errors import BadData
from routelab.bench import Plan, Timing, measure
from routelab.data import END, ShapeQA
from routelab.dispatch import MoELayer
from routelab.experiments._pool import drawn
from routelab.experiments._registry import plan_of
from routelab.experiments.evaluate import evaluate, remote_pairs, set_to
from routelab.experiments.plan import Unit
from routelab.experiments.result import read_json
from routelab.experiments.unit import load_weights
from routelab.model import LabModel, Questions, Tally, train
from routelab.routing import VISION, Routing

PUBLISHED = Path(__file__).parents[1] / "published"
SEED_VARIABLE = "SOVEREIGN_SEED"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """A model that was trained by a full run: its unit of the plan, what the unit's file says, and the model."""

    unit: Unit
    document: Mapping[str, Any]
    model: LabModel


def published(experiment: str, arm: str, weights_sha256: str, seed: int = 0, folder: Path = PUBLISHED) -> Published:
    """The published model of an arm, after a look at its digest.

    Raises:
        BadData: there is none, the file is not the one of that digest, or it is of another plan.
    """
    unit = plan_of(experiment, "full").unit(arm, seed)
    place = folder / experiment
    weights = place / "weights" / f"{unit.name}.pt"
    try:
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    except OSError as error:
        raise BadData(f"no model of {arm} is published for {experiment}: {error}", "reinstall the lab") from error
    if digest != weights_sha256:
        raise BadData(f"{weights.name} has the digest {digest}, not {weights_sha256}", "put the published file back")
    document = read_json(place / "units" / f"{unit.name}.json")
    if document.get("unit_sha256") != unit.digest():
        raise BadData(f"{unit.name}.json of {experiment} is of another plan", "publish the experiment anew")
    return Published(unit, document, load_weights(weights))


def fresh(unit: Unit, n: int, seed: int) -> tuple[Questions, ShapeQA]:
    """n questions of the unit's kind that neither training nor any published number has seen.

    Raises:
        BadData: the seed is one of the lab's own.
    """
    data = unit.data
    if seed in {data.training_seed, data.test_seed} or seed < 10_000:
        raise BadData(f"the seed {seed} may have been seen in training", "choose one from 10,000 on")
    found = drawn(data, n, seed)
    return questions_of(found), found


def questions_of(data: ShapeQA) -> Questions:
    """The questions as tensors."""
    return Questions(
        torch.from_numpy(data.images),
        torch.from_numpy(data.question),
        torch.from_numpy(data.answer),
        torch.from_numpy(data.modality == VISION),
    )


@torch.no_grad()
def answers_right(
    made: Published, questions: Questions, budget: float | None = None
) -> tuple[NDArray[np.bool_], Tally]:
    """Whether each question was answered right, [n], and what routing came to, at a budget of real experts.

    Raises:
        BadShape: the budget is out of reach.
    """
    if budget is not None:
        set_to(made.model, budget, fresh(made.unit, made.unit.data.calibration, 31_337)[0])
    found = evaluate(made.model, questions)
    return found.right, found.tally


def trained_again(made: Published, steps: int, progress: Progress = print) -> dict[str, Any]:
    """The first steps of the model's training once more, from the same seed, beside the published loss curve.

    Returns `steps`, `published` and `again` (loss in nats at each line of the log), and `largest_difference`. Equal
    code, library and processor give equal losses; another order of sums in a product gives small differences.
    """
    unit, settings = made.unit, made.unit.settings()
    progress(f"drawing the {unit.data.training} questions of the training")
    data = questions_of(drawn(unit.data, unit.data.training, unit.data.training_seed))
    done = train(
        unit.arm.config, settings, data, stop_after=steps, progress=lambda n, x: progress(f"step {n}: loss {x:.3f}")
    )
    before = {line["step"]: line["loss"] for line in made.document["training"]["log"]}
    shared = [line for line in done.log if line["step"] in before]
    if not shared:
        raise BadData(f"the published log of {unit.name} has no line in its first {steps} steps", "take more steps")
    differences = [abs(line["loss"] - before[line["step"]]) for line in shared]
    return {
        "steps": [line["step"] for line in shared],
        "published": [before[line["step"]] for line in shared],
        "again": [line["loss"] for line in shared],
        "largest_difference": max(differences),
        "unit": "nats",
    }


def far_pairs(made: Published, questions: Questions, devices: int, parts: int = 10) -> dict[str, Any]:
    """Share of (token, expert) pairs that cross between devices, experts placed by the lab's rule: one number for each
    of so many parts of the questions (`samples`), and their mean."""
    calibration = fresh(made.unit, made.unit.data.calibration, 31_337)[0]
    size = len(questions) // parts
    found = [
        remote_pairs(made.model, calibration, questions.rows(slice(i * size, (i + 1) * size)), (devices,))
        for i in range(parts)
    ]
    shares = [one[f"placed_{devices}"]["pair_remote"] for one in found]
    return {"samples": shares, "mean": sum(shares) / len(shares), "unit": "share"}


def floor(unit: Unit, questions: ShapeQA, seed: int, n: int = 100_000) -> NDArray[np.bool_]:
    """Whether the answer that is most frequent for the very same question, over n others, is right: bool [questions].

    No picture is looked at, so this is a question-only floor that needs no training. A question that does not occur
    among the others gets the most frequent answer of its family.
    """
    others = drawn(unit.data, n, seed)
    by_question: dict[bytes, Counter[bytes]] = {}
    by_family: dict[int, Counter[bytes]] = {}
    for asked, answer, family in zip(others.question, others.answer, others.family, strict=True):
        by_question.setdefault(asked.tobytes(), Counter())[answer.tobytes()] += 1
        by_family.setdefault(int(family), Counter())[answer.tobytes()] += 1
    guessed = []
    for asked, answer, family in zip(questions.question, questions.answer, questions.family, strict=True):
        seen = by_question.get(asked.tobytes()) or by_family.get(int(family)) or Counter()
        guessed.append(bool(seen) and seen.most_common(1)[0][0] == answer.tobytes())
    return np.array(guessed)


def run_as(model: LabModel, backend: str) -> LabModel:
    """The model with its experts dispatched in another way; all ways compute the same."""
    for module in model.modules():
        if isinstance(module, MoELayer):
            module.run = backend
    return model


@torch.no_grad()
def routings(model: LabModel, questions: Questions) -> tuple[Routing, ...]:
    """What a prefill of these questions routes: one routing per MoE layer."""
    model.eval()
    generator = torch.Generator().manual_seed(7)
    return model.prefill(questions.images, questions.question, has_image=questions.has_image, generator=generator)[2]


def counted_step(model: LabModel, questions: Questions, batch: int, steps: int = 40) -> list[float]:
    """Distinct experts per MoE layer in the prefill of a batch, for each of so many batches."""
    found = []
    for step in range(steps):
        at = (step * batch) % max(1, len(questions) - batch)
        routed = routings(model, questions.rows(slice(at, at + batch)))
        found.append(sum(one.distinct_experts() for one in routed) / len(routed))
    return found


def answering(model: LabModel, questions: Questions, batch: int) -> Callable[[], Tensor]:
    """A call that answers one batch, prefill and decode with the cache, the next questions at each call."""
    model.eval()
    batches = [questions.rows(slice(i, i + batch)) for i in range(0, len(questions) - batch + 1, batch)]
    if not batches:
        raise BadData(f"{len(questions)} questions for batches of {batch}", "give more questions")
    turn = [0]

    def once() -> Tensor:
        part = batches[turn[0] % len(batches)]
        turn[0] += 1
        return model.answer(part.images, part.question, end=END, has_image=part.has_image)

    return once


def timed(arms: Mapping[str, Callable[[], object]], plan: Plan | None = None) -> Timing:
    """Paired, interleaved times on one thread, by the lab's rules."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        return measure(arms, plan or Plan())


def samples(timing: Timing, arm: str) -> list[float] | dict[str, str]:
    """An arm's times per block in milliseconds; where the run was not quiet, why there are none."""
    if not timing.valid:
        return {"not_measured": f"{timing.why_not}; load {timing.load_before} before, {timing.load_after} after"}
    return [round(1e3 * float(second), 6) for second in timing.seconds[arm]]


def sweep(
    arms: Mapping[str, LabModel],
    questions: Questions,
    batches: Sequence[int],
    *,
    blocks: int = 20,
    seconds: float = 40.0,
    progress: Progress = print,
) -> tuple[dict[str, Any], dict[str, Any], list[Timing]]:
    """Time answering, arms paired and interleaved, at each batch size.

    Returns:
        By batch (`b16`) and arm the samples `ms`, with the conditions; by arm the time for one batch of each size,
        `ms`, and `questions_per_second` over them, block by block; the timings. What was not quiet says so in place of
        samples.
    """
    by_batch: dict[str, Any] = {}
    timings: list[Timing] = []
    for batch in batches:
        calls = {name: answering(model, questions, batch) for name, model in arms.items()}
        timing = timed(calls, Plan(blocks=blocks, most_blocks=2 * blocks, most_seconds=seconds))
        timings.append(timing)
        by_batch[f"b{batch}"] = {
            **{name: {"ms": samples(timing, name), "unit": "ms"} for name in arms},
            "conditions": timing.conditions(),
        }
        told = ", ".join(f"{name} {1e3 * timing.median(name):.2f} ms" for name in arms)
        progress(f"batch size {batch}: {told if timing.valid else timing.why_not}")
    return by_batch, {name: _together(timings, name, batches) for name in arms}, timings


def _together(timings: Sequence[Timing], arm: str, batches: Sequence[int]) -> dict[str, Any]:
    taken = [samples(timing, arm) for timing in timings]
    why = next((one for one in taken if isinstance(one, dict)), None)
    if why is not None:
        return {"ms": why, "questions_per_second": why, "unit": "ms"}
    total = np.sum(np.array(taken, dtype=float), axis=0)
    return {
        "ms": total.round(6).tolist(),
        "questions_per_second": (1e3 * sum(batches) / total).round(6).tolist(),
        "unit": "ms",
    }


def seed() -> int:
    """The seed that the run was given, moved to where no seed of the lab lies."""
    return 1_000_000 + int(os.environ.get(SEED_VARIABLE, "0")) % 1_000_000_000


def write_results(pack: str, values: Mapping[str, Any], timings: Sequence[Timing] = ()) -> None:
    """`results.json` in the folder that the script started in: what the kernel reads."""
    document: dict[str, Any] = {
        "schema": "sovereign-results-v1",
        "pack": pack,
        "seed": int(os.environ.get(SEED_VARIABLE, "0")),
        "values": dict(values),
    }
    if timings:
        document["repetitions"] = min(len(next(iter(timing.seconds.values()), ())) for timing in timings)
    Path("results.json").write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
