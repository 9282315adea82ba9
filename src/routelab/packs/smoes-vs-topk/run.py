"""SMoES against fixed top-k routing: accuracy afresh, specialisation and work counted, times paired."""

from typing import Any

import numpy as np
import torch

from routelab.experiments.reproduction import (
    answers_right,
    far_pairs,
    floor,
    fresh,
    published,
    run_as,
    seed,
    sweep,
    trained_again,
    write_results,
)

PACK = "smoes-vs-topk"
#: SHA-256 of the published weights: with others this pack measures nothing.
WEIGHTS = {
    "topk": "",
    "smoes_attention": "",
}
QUESTIONS = 4_000
BATCHES = (1, 16, 64)
DEVICES = 2
STEPS = 200


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    torch.set_num_threads(1)
    arms = {name: published("E3", name, digest) for name, digest in WEIGHTS.items()}
    unit = arms["topk"].unit
    questions, about = fresh(unit, QUESTIONS, seed())
    text = about.modality == 0
    values: dict[str, Any] = {}

    for name, made in arms.items():
        right, tally = answers_right(made, questions)
        counts = tally.summary()
        say(f"{name}: {100 * right.mean():.2f} % of {len(right)} fresh questions, MSI {counts['msi']:.3f}")
        values[name] = {
            "accuracy": 100 * float(right.mean()),
            "standard_error": 100 * float(right.std() / np.sqrt(len(right))),
            "unit": "%",
            "right": right.astype(int).tolist(),
            "right_text_only": right[text].astype(int).tolist(),
            "msi": counts["msi"],
            "mean_real_experts": tally.mean_real(),
            "distinct_experts": counts["distinct_experts_mean"],
            "remote_pairs": far_pairs(made, questions, DEVICES),
        }
    guessed = floor(unit, about, seed() + 1)
    values["question_only"] = {"accuracy": 100 * float(guessed.mean()), "unit": "%"}
    say(f"without looking at the picture: {100 * guessed.mean():.2f} %")

    values["training"] = trained_again(arms["topk"], STEPS, say)

    models = {name: run_as(made.model, "grouped") for name, made in arms.items()}
    values["time"], values["sweep"], timings = sweep(models, questions, BATCHES, progress=say)
    write_results(PACK, values, timings)


main()
