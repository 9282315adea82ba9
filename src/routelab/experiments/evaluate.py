"""Evaluation of a trained model, at the budget that is asked for, question by question."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from routelab._errors import BadData, BadShape
from routelab.data import FAMILIES
from routelab.dispatch import MoELayer
from routelab.experiments.plan import Evaluation
from routelab.model import LabModel, Questions, Tally
from routelab.routing import (
    AnyExperts,
    FractionalK,
    ModalityK,
    TopK,
    calibrate,
    calibrate_shift,
    homes,
    place,
    traffic,
)

BATCH = 256
SEED = 77
_NEAR = 0.005  # relative distance from a budget at which calibration is content


@dataclass(frozen=True)
class Evaluated:
    """What a model gave on some questions: `right` bool [n], the whole answer to its end; and the routing's counts."""

    right: NDArray[np.bool_]
    tally: Tally

    @property
    def accuracy(self) -> float:
        """Percent."""
        return float(self.right.mean() * 100)


@torch.no_grad()
def evaluate(model: LabModel, questions: Questions, *, batch: int = BATCH) -> Evaluated:
    """Answers to all questions, in float32.

    One pass with teacher forcing tells whether the greedy answer is right: it is if and only if every token of the true
    answer is the most likely one after those before it. What routers draw is seeded, the same for every call.
    """
    model.eval()
    right, tally = [], Tally()
    for number, first in enumerate(range(0, len(questions), batch)):
        part = questions.rows(slice(first, first + batch))
        generator = torch.Generator().manual_seed(SEED * 100_003 + number)
        output = model(part.images, part.question, part.answer, has_image=part.has_image, generator=generator)
        tally.add(output.routings, output.layout.modality)
        right.append(((output.logits.argmax(-1) == part.answer) | (part.answer == 0)).all(1))
    return Evaluated(torch.cat(right).numpy(), tally)


def prepare(model: LabModel, evaluation: Evaluation, calibration: Questions) -> dict[str, Any]:
    """Bring a trained model to what an evaluation asks for: what was turned, and how far it got.

    Raises:
        BadShape: as `set_to`; or a k for each modality is asked of weights that are not top-k's.
    """
    text, vision = evaluation.k_text, evaluation.k_vision
    if text is None or vision is None:
        return set_to(model, evaluation.budget, calibration)
    _replace_topk(model, lambda r: ModalityK(r.d, r.n_experts, text, vision))
    return {"knob": "k by modality", "k_text": text, "k_vision": vision}


def set_to(model: LabModel, budget: float | None, calibration: Questions) -> dict[str, Any]:
    """Bring a trained model to a budget, or leave it as it was trained (None): what was turned, and how far it got.

    To a mean number of real experts per token: top-k gets fewer experts by fractional k over its own gate; fractional k
    is given another mean; AnyExperts and the routers with a shift are calibrated on questions that neither training nor
    test has. Where AnyExperts' importance is so uniform that all tokens' K jump past the budget together, K is rounded
    up or down by a draw [R], which knows nothing of the token.

    Raises:
        BadShape: the budget is out of the router's reach, or the router has no knob.
    """
    if budget is None:
        return {"knob": "as trained"}
    routers = model.routers()
    if not routers:
        raise BadShape("a budget for a model without a router", "evaluate it as it was trained")

    def measure() -> float:
        return evaluate(model, calibration).tally.mean_real()

    if isinstance(routers[0], TopK):
        _replace_topk(model, lambda r: FractionalK(r.d, r.n_experts, budget, most=math.ceil(budget)))
        return {"knob": "fractional k", "mean_k": budget}
    if isinstance(routers[0], FractionalK):
        for router in cast("list[FractionalK]", routers):
            router.set_mean(budget)
        return {"knob": "fractional k", "mean_k": budget}
    if isinstance(routers[0], AnyExperts):
        layers = cast("list[AnyExperts]", routers)
        found = calibrate(layers, measure, budget, steps=10)
        if found.off_by() > _NEAR:
            for layer in layers:
                layer.rounding = "stochastic"
            found = calibrate(layers, measure, budget, steps=10)
        knob = {"knob": "delta", "delta": found.delta, "lowered": found.lowered, "rounding": layers[0].rounding}
        return {**knob, "calibrated": found.reached}
    if hasattr(routers[0], "shift"):
        shift = calibrate_shift(cast("Any", routers), measure, budget, steps=12)
        return {"knob": "shift", "shift": shift.shift, "calibrated": shift.reached}
    raise BadShape(f"{type(routers[0]).__name__} has no knob for its budget", "evaluate it as it was trained")


def _replace_topk(model: LabModel, other: Callable[[TopK], FractionalK | ModalityK]) -> None:
    """Put another router over the gate of each top-k router.

    Raises:
        BadShape: a layer's router is not top-k.
    """
    for layer in (m for m in model.modules() if isinstance(m, MoELayer)):
        if not isinstance(layer.router, TopK):
            raise BadShape(f"{type(layer.router).__name__} in place of top-k", "evaluate it as it was trained")
        new = other(layer.router)
        new.gate = layer.router.gate
        layer.router = new


@torch.no_grad()
def remote_pairs(
    model: LabModel, calibration: Questions, test: Questions, devices: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Share of (token, expert) pairs, and of tokens with any, whose expert is on another device than the token's home.

    Experts are placed layer by layer, by their loads on the calibration questions: sorted by specialisation and sliced
    (`placed`), and, as a control, in the order of their numbers (`unplaced`: training gave that order no meaning).
    """
    load = evaluate(model, calibration).tally.load
    if load is None:
        raise BadShape("remote pairs of a model without a router")
    sums: dict[str, list[tuple[float, float]]] = {}
    model.eval()
    for first in range(0, len(test), BATCH):
        part = test.rows(slice(first, first + BATCH))
        generator = torch.Generator().manual_seed(SEED)
        output = model(part.images, part.question, part.answer, has_image=part.has_image, generator=generator)
        for number in devices:
            for layer, routing in enumerate(output.routings):
                plain = torch.arange(routing.n_experts) // (routing.n_experts // number)
                for name, device in (("placed", place(load[layer], number)), ("unplaced", plain)):
                    found = traffic(routing, output.layout.modality, device, homes(load[layer], device))
                    sums.setdefault(f"{name}_{number}", []).append((found.pair_remote, found.any_remote))
    return {
        name: {
            "pair_remote": sum(pair for pair, _ in rates) / len(rates),
            "any_remote": sum(any_ for _, any_ in rates) / len(rates),
        }
        for name, rates in sums.items()
    }


def by_group(
    right: NDArray[np.bool_],
    family: NDArray[np.int64],
    difficulty: NDArray[np.int64],
    modality: NDArray[np.int64],
) -> dict[str, dict[str, float]]:
    """Accuracy in percent by family, by level of difficulty, and of questions with and without a picture."""

    def share(where: NDArray[np.bool_]) -> float:
        return float(right[where].mean() * 100)

    return {
        "family": {FAMILIES[f]: share(family == f) for f in np.unique(family)},
        "difficulty": {str(level): share(difficulty == level) for level in np.unique(difficulty)},
        "modality": {("text", "vision")[m]: share(modality == m) for m in np.unique(modality)},
    }


def packed(right: NDArray[np.bool_]) -> str:
    """One bit per question, in base64."""
    return base64.b64encode(np.packbits(right).tobytes()).decode("ascii")


def unpacked(document: Mapping[str, Any], n: int) -> NDArray[np.bool_]:
    """Outcomes of n questions from a unit's evaluation.

    Raises:
        BadData: the field is missing or does not hold n bits.
    """
    try:
        raw = np.frombuffer(base64.b64decode(document["right"], validate=True), np.uint8)
    except (KeyError, ValueError, TypeError) as error:
        raise BadData(f"field 'right' holds no outcomes ({error})") from error
    if raw.size != (n + 7) // 8:
        raise BadData(f"field 'right' holds {raw.size * 8} outcomes, not {n}")
    return np.unpackbits(raw, count=n).astype(bool)
