"""AnyExperts against top-k and fractional k across batch sizes: accuracy afresh, work counted, times paired."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from routelab.experiments.reproduction import (
    Published,
    answers_right,
    floor,
    fresh,
    published,
    routings,
    run_as,
    seed,
    sweep,
    trained_again,
    write_results,
)
from routelab.model import Questions

PACK = "anyexperts-batch-sweep"
#: SHA-256 of the published weights: with others this pack measures nothing.
WEIGHTS = {
    "topk": "2d3d7709166dfc365f5574141ed4fe957eb169e3fd8b0c9a7d1bf324dd429baa",
    "fractional": "c718187973b5024bd00d2c44407bad3dd52dceed74886da4304e1ee34ce6b255",
    "anyexperts": "cf9fa7f0036249ba6d2ea722778fac559bb3e418b71e8968f44cacb8b6c5a515",
}
BUDGETS = {"topk": None, "fractional": 6.0, "anyexperts": 6.0}  # real experts per token; top-k has k = 6
QUESTIONS = 4_000
BATCHES = (1, 4, 16, 64)
COUNTED = 40  # batches of each size whose routing is counted
STEPS = 200


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    torch.set_num_threads(1)
    arms = {name: published("E1", name, digest) for name, digest in WEIGHTS.items()}
    unit = arms["topk"].unit
    questions, about = fresh(unit, QUESTIONS, seed())
    values: dict[str, Any] = {}

    for name, made in arms.items():
        right, tally = answers_right(made, questions, BUDGETS[name])
        say(f"{name}: {100 * right.mean():.2f} % of {len(right)} fresh questions, {tally.mean_real():.3f} real experts")
        values[name] = {
            "accuracy": 100 * float(right.mean()),
            "standard_error": 100 * float(right.std() / np.sqrt(len(right))),
            "unit": "%",
            "mean_real_experts": tally.mean_real(),
            "right": right.astype(int).tolist(),
        }
    guessed = floor(unit, about, seed() + 1)
    values["question_only"] = {"accuracy": 100 * float(guessed.mean()), "unit": "%"}
    say(f"without looking at the picture: {100 * guessed.mean():.2f} %")

    values["counted"] = {f"b{batch}": counted(arms, questions, batch) for batch in BATCHES}
    values["training"] = trained_again(arms["anyexperts"], STEPS, say)

    models = {name: run_as(made.model, "grouped") for name, made in arms.items()}
    values["time"], values["sweep"], timings = sweep(models, questions, BATCHES, progress=say)
    write_results(PACK, values, timings)


def counted(arms: Mapping[str, Published], questions: Questions, batch: int) -> dict[str, Any]:
    """Distinct experts per layer-step, real slots, and the slots that a padded kernel computes, per batch."""
    found = {}
    for name, made in arms.items():
        distinct, real, padded = [], [], []
        for first in range(0, COUNTED * batch, batch):
            at = first % (len(questions) - batch)
            routed = routings(made.model, questions.rows(slice(at, at + batch)))
            distinct.append(sum(one.distinct_experts() for one in routed) / len(routed))
            real.append(sum(one.assignments() for one in routed))
            padded.append(sum(one.index.numel() for one in routed))
        found[name] = {"distinct_experts": distinct, "real_slots": real, "padded_slots": padded}
    return found


main()
