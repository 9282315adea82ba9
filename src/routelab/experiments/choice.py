"""Multiple choice in the public formats: lab models on SEED-Bench and MMBench files, by the official rules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from routelab.experiments.answering import answer_file
from routelab.experiments.files_command import write_shapeqa
from routelab.experiments.plan import Plan
from routelab.experiments.result import read_json, write_json
from routelab.experiments.unit import load_weights, weights_file
from routelab.model import LabModel
from routelab.scoring import mmbench, seed

QUESTIONS = 1_000
SEED = 41_001  # neither training nor any other number has seen it


def measured(
    plan: Plan,
    out: Path,
    arms: Sequence[str],
    *,
    n: int = QUESTIONS,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """What `choices` gives for the first seed of each arm whose weights are there; kept in a file, by their digest.

    Raises:
        BadData: as the writers, loaders and scorers have it.
    """
    folder = out / plan.experiment / plan.size / "choice"
    path = folder / "choices.json"
    known: dict[str, Any] = read_json(path) if path.exists() else {}
    found: dict[str, Any] = {}
    for arm in arms:
        weights = weights_file(out, plan.unit(arm, plan.seeds[0]))
        if not weights.exists():
            continue
        name = f"{hashlib.sha256(weights.read_bytes()).hexdigest()}-{n}"
        if name not in known:
            progress(f"{arm}: multiple choice in the public formats")
            known[name] = choices(load_weights(weights), folder / str(n), n)
            write_json(path, known)
        found[arm] = known[name]
    return found


def choices(model: LabModel, folder: Path, n: int = QUESTIONS) -> dict[str, Any]:
    """Accuracy in percent of a model that was trained on lettered options, on n fresh questions written to files.

    SEED-Bench's protocols, which are not comparable: `seed_letter`, the first letter that it gives; `seed_likelihood`,
    the letter of least loss among those offered. MMBench: `vanilla`, every question once; `circular`, right in every
    rotation of its options; `gap`, the one less the other, in points.
    """
    pictures = folder / "seed" / "pictures"
    asked = Path(write_shapeqa("seed", n, SEED, 0.0, folder / "seed")["questions"])
    rows = Path(write_shapeqa("mmbench", n, SEED, 0.0, folder / "mmbench")["questions"])
    numbers: dict[str, Any] = {}
    for protocol in ("letter", "likelihood"):
        results = folder / "seed" / f"{protocol}.json"
        numbers["seed_n"] = answer_file(model, "seed", asked, results, pictures=pictures, protocol=protocol)
        report = seed.score_files(asked, results, protocol)
        numbers[f"seed_{protocol}"] = 100 * report.overall.total / report.overall.count
    results = folder / "mmbench" / "results.tsv"
    numbers["mmbench_rows"] = answer_file(model, "mmbench", rows, results)
    for mode in ("vanilla", "circular"):
        report = mmbench.score_files(rows, results, mode)
        numbers[f"mmbench_{mode}"] = 100 * report.overall.total / report.overall.count
    return {**numbers, "mmbench_gap": numbers["mmbench_vanilla"] - numbers["mmbench_circular"]}
