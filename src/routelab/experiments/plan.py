"""What an experiment trains and evaluates: arms, seeds, data and sizes, with the digests that name each unit."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from routelab._errors import BadData
from routelab.experiments._code import digest_of
from routelab.model import LabConfig, TrainSettings

Blank = Literal["nothing", "image", "question"]

#: Seeds of the generator. Training, validation (where settings are chosen), calibration of budgets and test never meet.
TRAINING_SEED, VALIDATION_SEED, CALIBRATION_SEED, TEST_SEED = 1_001, 2_002, 3_003, 9_009


@dataclass(frozen=True)
class DataSpec:
    """Which questions: training, calibration and test sizes, the share of text-only ones, and their form."""

    training: int = 192_000
    test: int = 20_000
    calibration: int = 1_024
    text_share: float = 0.0
    multiple_choice: bool = False
    training_seed: int = TRAINING_SEED
    test_seed: int = TEST_SEED


@dataclass(frozen=True)
class Evaluation:
    """One way to run a trained model: `budget` real experts per token, or as it was trained (None).

    Attributes:
        k_text, k_vision: run top-k weights with a k for each modality instead of a budget (training-free).
        devices: numbers of devices over which experts are placed to count remote pairs.
    """

    name: str
    budget: float | None = None
    k_text: int | None = None
    k_vision: int | None = None
    devices: tuple[int, ...] = ()


@dataclass(frozen=True)
class Arm:
    """One way to build and train a model.

    Attributes:
        blank: what is hidden from it in training and in evaluation (a floor). role: `arm`, `floor`, `dense` or
            `control`, for tables. required: whether a criterion needs it; the others are reported where they are there.
        seeds: how many of the plan's seeds it is trained with; None for all. publish: whether its checkpoint of the
            first seed is kept with the results.
    """

    name: str
    config: LabConfig
    settings: TrainSettings
    evaluations: tuple[Evaluation, ...] = (Evaluation("100"),)
    blank: Blank = "nothing"
    role: str = "arm"
    required: bool = False
    seeds: int | None = None
    publish: bool = False


@dataclass(frozen=True)
class Unit:
    """One arm with one seed: what a process does in one go, and what one file holds."""

    experiment: str
    size: str
    arm: Arm
    seed: int
    data: DataSpec

    @property
    def name(self) -> str:
        return f"{self.arm.name}-{self.seed}"

    def settings(self) -> TrainSettings:
        return replace(self.arm.settings, seed=self.seed)

    def document(self) -> dict[str, Any]:
        """All that decides what the unit gives, but the code."""
        return {
            "experiment": self.experiment,
            "size": self.size,
            "arm": self.arm.name,
            "seed": self.seed,
            "config": self.arm.config.to_dict(),
            "settings": asdict(self.settings()),
            "evaluations": [asdict(e) for e in self.arm.evaluations],
            "blank": self.arm.blank,
            "data": asdict(self.data),
        }

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """An experiment at a size.

    Attributes:
        arms: in the order in which they are trained within a seed. seeds: in order; all arms of one seed before the
            next, and all that a criterion needs before the rest.
    """

    experiment: str
    size: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    data: DataSpec = field(default_factory=DataSpec)

    def units(self) -> Iterator[Unit]:
        for required in (True, False):
            for number, seed in enumerate(self.seeds):
                for arm in self.arms:
                    if arm.required is required and (arm.seeds is None or number < arm.seeds):
                        yield Unit(self.experiment, self.size, arm, seed, self.data)

    def unit(self, arm: str, seed: int) -> Unit:
        """One of them.

        Raises:
            BadData: the plan has no such arm.
        """
        for candidate in self.arms:
            if candidate.name == arm:
                return Unit(self.experiment, self.size, candidate, seed, self.data)
        raise BadData(f"{self.experiment} has no arm {arm!r}", f"choose one of: {', '.join(a.name for a in self.arms)}")


def scaled(plan: Plan) -> Plan:
    """The plan with small models and a few steps: for a smoke run, which tries every path and is not a result."""

    def small(arm: Arm) -> Arm:
        width = min(arm.config.dense_width, 64)
        config = replace(arm.config, d=32, blocks=2, heads=2, expert_width=8, dense_width=width)
        settings = replace(arm.settings, steps=4, save_every=2, log_every=2, batch=32)
        return replace(arm, config=config, settings=settings, seeds=None if arm.required else 1)

    data = replace(plan.data, training=256, test=160, calibration=48)
    return Plan(plan.experiment, "smoke", tuple(map(small, plan.arms)), plan.seeds[:2], data)


@functools.cache
def code_digest() -> str:
    """sha256 over what the code that trains and evaluates says, comments and docstrings apart."""
    return digest_of(("routing", "dispatch", "model", "data/shapeqa.py", "data/scenes.py", "data/questions.py"))
