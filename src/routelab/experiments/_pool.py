"""The questions of a plan, drawn once and shared by the processes that read them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from routelab.data import Settings, ShapeQA, generate, multiple_choice
from routelab.experiments.plan import CALIBRATION_SEED, DataSpec
from routelab.model import Questions
from routelab.routing import VISION

#: Tokens of the longest question: plain, and with four options behind it.
_WIDTHS = {False: 6, True: 18}
_PART = 20_000  # questions drawn at a time, so that a large pool needs little memory


@dataclass(frozen=True)
class Pool:
    """Questions for training, for the calibration of budgets, and for the test, with what the test's are about."""

    training: Questions
    calibration: Questions
    test: Questions
    family: np.ndarray[tuple[int], np.dtype[np.int64]]
    difficulty: np.ndarray[tuple[int], np.dtype[np.int64]]
    modality: np.ndarray[tuple[int], np.dtype[np.int64]]


def drawn(spec: DataSpec, n: int, seed: int) -> ShapeQA:
    """n questions of a spec, from a seed; at most `_PART` of them in one piece.

    A piece's seed is `seed * 1000 + its number`, so that pools of different sizes begin alike.
    """
    settings = Settings(text_share=spec.text_share)
    parts = []
    for number, first in enumerate(range(0, n, _PART)):
        part = generate(_PART, seed * 1000 + number, settings)[: min(_PART, n - first)]
        parts.append(multiple_choice(part, seed * 1000 + number) if spec.multiple_choice else part)
    return _joined(parts, _WIDTHS[spec.multiple_choice])


def test_set(spec: DataSpec) -> ShapeQA:
    """The test's questions of a spec, with everything that is known of them."""
    return drawn(spec, spec.test, spec.test_seed)


def pool(spec: DataSpec, folder: Path) -> Pool:
    """The pool of a spec, from `folder` if it is there, else drawn and put there."""
    name = hashlib.sha256(json.dumps(asdict(spec), sort_keys=True).encode()).hexdigest()[:16]
    path = folder / name
    if not path.exists():
        beside = folder / f".{name}.{os.getpid()}"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        _save(beside, "training", drawn(spec, spec.training, spec.training_seed))
        _save(beside, "calibration", drawn(spec, spec.calibration, CALIBRATION_SEED))
        _save(beside, "test", test_set(spec))
        try:
            beside.rename(path)
        except OSError:  # another process was faster, and drew the same
            shutil.rmtree(beside, ignore_errors=True)
    about = {name: np.load(path / f"test-{name}.npy") for name in ("family", "difficulty", "modality")}
    return Pool(_load(path, "training"), _load(path, "calibration"), _load(path, "test"), **about)


def _joined(parts: list[ShapeQA], width: int) -> ShapeQA:
    """The parts in one, their questions padded on the left to `width`."""
    columns = {}
    for name in ShapeQA.__dataclass_fields__:
        arrays = [getattr(part, name) for part in parts]
        if name == "question":
            arrays = [np.pad(a, ((0, 0), (width - a.shape[1], 0))) for a in arrays]
        columns[name] = np.concatenate(arrays)
    return ShapeQA(**columns)


def _save(folder: Path, part: str, data: ShapeQA) -> None:
    for name in ("images", "question", "answer", "family", "difficulty", "modality"):
        np.save(folder / f"{part}-{name}.npy", getattr(data, name))


def _load(folder: Path, part: str) -> Questions:
    def array(name: str) -> torch.Tensor:
        # Mapped copy-on-write: torch refuses arrays that cannot be written, and nothing here writes.
        return torch.from_numpy(np.load(folder / f"{part}-{name}.npy", mmap_mode="c"))

    return Questions(array("images"), array("question"), array("answer"), array("modality") == VISION)
