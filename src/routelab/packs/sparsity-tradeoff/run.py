"""Sparsity ratio k/E against latency and accuracy: models trained at one k, and one model run at others."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from routelab.experiments.reproduction import (
    answers_right,
    counted_step,
    floor,
    fresh,
    published,
    run_as,
    seed,
    sweep,
    trained_again,
    write_results,
)
from routelab.model import Tally

PACK = "sparsity-tradeoff"
#: SHA-256 of the published weights: with others this pack measures nothing.
WEIGHTS = {
    "k1": "",
    "k2": "",
    "k8": "",
}
RUN_AT = (1, 2, 4, 16, 32)  # the model that was trained with k = 8, run with another
QUESTIONS = 3_000
BATCHES = (1, 16, 64)
STEPS = 200


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    torch.set_num_threads(1)
    arms = {name: published("E6", name, digest) for name, digest in WEIGHTS.items()}
    unit = arms["k8"].unit
    questions, about = fresh(unit, QUESTIONS, seed())
    values: dict[str, Any] = {"trained": {}, "run_at": {}}

    for name, made in arms.items():
        values["trained"][name] = told(name, *answers_right(made, questions))
    for k in RUN_AT:
        other = published("E6", "k8", WEIGHTS["k8"])
        right, tally = answers_right(other, questions, float(k))
        values["run_at"][f"k{k}"] = told(f"trained with k = 8, run with {k}", right, tally)
    guessed = floor(unit, about, seed() + 1)
    values["question_only"] = {"accuracy": 100 * float(guessed.mean()), "unit": "%"}
    say(f"without looking at the picture: {100 * guessed.mean():.2f} %")

    values["step"] = {
        f"b{batch}": {name: counted_step(made.model, questions, batch) for name, made in arms.items()}
        for batch in BATCHES
    }
    values["training"] = trained_again(arms["k8"], STEPS, say)

    models = {name: run_as(made.model, "grouped") for name, made in arms.items()}
    values["time"], values["sweep"], timings = sweep(models, questions, BATCHES, progress=say)
    write_results(PACK, values, timings)


def told(name: str, right: NDArray[np.bool_], tally: Tally) -> dict[str, Any]:
    say(f"{name}: {100 * right.mean():.2f} % of {len(right)} fresh questions")
    return {
        "accuracy": 100 * float(right.mean()),
        "standard_error": 100 * float(right.std() / np.sqrt(len(right))),
        "unit": "%",
        "right": right.astype(int).tolist(),
        "mean_real_experts": tally.mean_real(),
    }


main()
