"""One unit of a plan: train, round the weights to what is kept, evaluate at every budget, write one file."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from routelab._errors import BadData, BadShape, LabError
from routelab.bench.provenance import load, machine, versions
from routelab.experiments._criteria import criteria
from routelab.experiments._pool import Pool, pool
from routelab.experiments.evaluate import by_group, evaluate, packed, prepare, remote_pairs
from routelab.experiments.plan import Arm, Evaluation, Unit, code_digest
from routelab.experiments.result import read_json, write_json
from routelab.model import LabConfig, LabModel, Questions, train
from routelab.model.training import load_whole, save_whole

SCHEMA = "routelab-unit-v1"

Progress = Callable[[str], None]


class Taken(LabError):
    """Another process works on this unit."""


def unit_file(out: Path, unit: Unit) -> Path:
    return out / unit.experiment / unit.size / "units" / f"{unit.name}.json"


def weights_file(out: Path, unit: Unit) -> Path:
    return out / unit.experiment / unit.size / "weights" / f"{unit.name}.pt"


def read_unit(out: Path, unit: Unit) -> dict[str, Any] | None:
    """The finished unit's file, or None if it is not there or is of another plan or other criteria.

    Raises:
        BadData: it is cut off.
    """
    path = unit_file(out, unit)
    if not path.exists():
        return None
    document = read_json(path)
    same = document.get("unit_sha256") == unit.digest()
    return document if same and document.get("schema") == SCHEMA else None


def run_unit(unit: Unit, out: Path, progress: Progress = lambda _line: None) -> dict[str, Any]:
    """The unit's file: read if it is there, else made; training goes on where a killed process left it.

    Raises:
        Taken: another process works on it. BadData, BadShape: as `train` and `evaluate` have it.
    """
    with _alone(out, unit):
        done = read_unit(out, unit)
        if done is not None:
            return done
        torch.set_num_threads(1)
        questions = pool(unit.data, out / "data")
        steps = unit.arm.settings.steps
        began, cpu = time.time(), time.process_time()
        checkpoint = out / unit.experiment / unit.size / "state" / f"{unit.name}.pt"
        trained = train(
            unit.arm.config,
            unit.settings(),
            _hidden(questions.training, unit.arm),
            checkpoint=checkpoint,
            progress=lambda step, loss: progress(f"{unit.name}: step {step} of {steps}, loss {loss:.3f}"),
        )
        spent = {"seconds": time.time() - began, "cpu_seconds": time.process_time() - cpu}
        kept = weights_file(out, unit)
        save_weights(kept, trained.model)
        evaluations = {}
        for evaluation in unit.arm.evaluations:
            progress(f"{unit.name}: evaluating at {evaluation.name}")
            evaluations[evaluation.name] = evaluate_at(load_weights(kept), evaluation, questions, unit.arm)
        document = {
            "schema": SCHEMA,
            **unit.document(),
            "unit_sha256": unit.digest(),
            "criteria_sha256": criteria(unit.experiment).sha256,
            "code_sha256": code_digest(),
            "parameters": sum(p.numel() for p in trained.model.parameters()),
            "training": {"log": trained.log, **spent, "resumed_time_not_counted": True},
            "evaluations": evaluations,
            "weights_sha256": hashlib.sha256(kept.read_bytes()).hexdigest(),
            "versions": versions(),
            "machine": machine(),
            "load": load(),
        }
        write_json(unit_file(out, unit), document)
        checkpoint.unlink(missing_ok=True)
        return read_json(unit_file(out, unit))


def evaluate_at(model: LabModel, evaluation: Evaluation, questions: Pool, arm: Arm) -> dict[str, Any]:
    """One evaluation, as a unit's file holds it."""
    try:
        knob = prepare(model, evaluation, _hidden(questions.calibration, arm))
    except BadShape as error:
        return {"budget": evaluation.budget, "void": str(error)}
    test = _hidden(questions.test, arm)
    found = evaluate(model, test)
    more = {}
    if evaluation.devices:
        more["remote"] = remote_pairs(model, questions.calibration, test, evaluation.devices)
    return {
        "budget": evaluation.budget,
        **more,
        **knob,
        "accuracy": found.accuracy,
        **by_group(found.right, questions.family, questions.difficulty, questions.modality),
        "n": int(found.right.size),
        "right": packed(found.right),
        "routing": found.tally.summary(),
    }


def save_weights(path: Path, model: LabModel) -> None:
    """The model's configuration and weights, floats in half precision: what is kept, and what is evaluated."""
    state = {n: t.half() if t.is_floating_point() else t for n, t in model.state_dict().items()}
    save_whole(path, {"config": model.config.to_dict(), "model": state})


def load_weights(path: Path) -> LabModel:
    """The model of a weights file, in float32.

    Raises:
        BadData: it is missing, cut off or no such file.
    """
    document = load_whole(path)
    try:
        model = LabModel(LabConfig.from_dict(document["config"]))
        model.load_state_dict({n: t.float() if t.is_floating_point() else t for n, t in document["model"].items()})
    except (KeyError, TypeError, RuntimeError, BadShape) as error:
        raise BadData(f"{path.name} holds no lab model ({error})", "train it anew") from error
    return model


def _hidden(questions: Questions, arm: Arm) -> Questions:
    """The questions without what the arm does not see. A blank question is the one token that ends answers."""
    if arm.blank == "image":
        return questions.blanked()
    return questions.unasked(stand_in=1) if arm.blank == "question" else questions


@contextmanager
def _alone(out: Path, unit: Unit) -> Iterator[None]:
    """Hold the unit's lock; it is let go when the process ends, however it ends."""
    path = out / unit.experiment / unit.size / "state" / f"{unit.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Taken(f"another process works on {unit.name} of {unit.experiment}", "wait for it") from error
        yield
