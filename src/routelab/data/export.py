"""ShapeQA as records of the public formats, and prompts of such records as the lab model's tokens.

What a format cannot hold is left out: Visual7W has no questions of yes or no and no requests ("describe ..."), and
SEED-Bench needs four choices; MMBench takes every question, also those with two options and those without a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadData
from routelab.data import mmbench, seed, visual7w, vqav2
from routelab.data import vocabulary as v
from routelab.data._asking import FAMILIES, KINDS
from routelab.data.annotators import annotated
from routelab.data.files import write_bytes
from routelab.data.pictures import load_picture, png
from routelab.data.shapeqa import VISION, ShapeQA, multiple_choice

#: SEED-Bench dimension of each kind of question that has four choices.
DIMENSION: Final = {
    "comparison_most": 1,
    "describe_name": 2,
    "describe_all": 2,
    "attribute_color": 3,
    "attribute_shape": 3,
    "locate": 4,
    "count": 5,
    "relation_which": 6,
    "two_hop_color": 7,
    "two_hop_shape": 8,
    "text_sum": 9,
    "text_recall": 9,
}


def vqav2_records(data: ShapeQA, seed_: int) -> tuple[list[vqav2.Question], list[vqav2.Annotation]]:
    """Open-ended questions and ten simulated annotators each; ids count from 1."""
    questions = [vqav2.Question(row + 1, data.question_text(row), row + 1) for row in range(len(data))]
    return questions, annotated(data, seed_)


def visual7w_records(data: ShapeQA, seed_: int, split: str = "val") -> list[visual7w.Image]:
    """Questions that begin with one of Visual7W's six words and have three wrong answers; ids are rows + 1."""
    options = multiple_choice(data, seed_)
    images = []
    for row in range(len(data)):
        text = data.question_text(row)
        kind = text.split()[0]
        listed = _listed(options, row)
        if kind not in visual7w.TYPES or len(listed) != 4:
            continue
        right = listed.pop("ABCD"[int(options.letter[row])])
        pair = visual7w.Pair(row + 1, row + 1, text, right, kind, tuple(listed.values()))
        images.append(visual7w.Image(row + 1, f"v7w_{row + 1}.jpg", split, (pair,)))
    return images


def seed_records(data: ShapeQA, seed_: int) -> seed.Dataset:
    """Questions with four choices, by the dimensions of `DIMENSION`; `data_id` is the row + 1."""
    options = multiple_choice(data, seed_)
    questions = []
    for row in range(len(data)):
        listed = _listed(options, row)
        dimension = DIMENSION.get(KINDS[int(data.kind[row])])
        if dimension is None or len(listed) != 4:
            continue
        a, b, c, d = listed.values()
        letter = "ABCD"[int(options.letter[row])]
        number = str(row + 1)
        questions.append(
            seed.Question(number, data.question_text(row), (a, b, c, d), letter, "image", number, dimension)
        )
    return seed.Dataset(tuple(questions))


def mmbench_records(data: ShapeQA, seed_: int, split: str = "dev") -> list[mmbench.Question]:
    """Every question with its options; category is the kind, l2-category the family. Index is the row + 1."""
    options = multiple_choice(data, seed_)
    return [
        mmbench.Question(
            row + 1,
            data.question_text(row),
            _listed(options, row),
            "ABCD"[int(options.letter[row])],
            "",
            KINDS[int(data.kind[row])],
            FAMILIES[int(data.family[row])],
            "ShapeQA",
            split,
            png(data.images[row]) if data.modality[row] == VISION else None,
        )
        for row in range(len(data))
    ]


def _listed(options: ShapeQA, row: int) -> dict[str, str]:
    """Options by letter."""
    return {letter: v.decode(one) for letter, one in zip("ABCD", options.options[row], strict=True) if one.any()}


def prompt(question: str, options: Mapping[str, str] | None = None) -> list[int]:
    """Tokens of a question, with its options behind it if there are any, as `multiple_choice` lays them out.

    Raises:
        BadData: a word is not in ShapeQA's vocabulary.
    """
    tokens = v.encode(question)
    for letter, text in (options or {}).items():
        tokens += [v.TOKEN[letter], *v.encode(text)]
    return tokens


def write_pictures(folder: str | Path, names: Sequence[str], images: NDArray[np.uint8]) -> list[Path]:
    """One PNG a picture, its name's ending replaced by .png: JPEG would not give the same pixels back."""
    out = []
    for name, pixels in zip(names, images, strict=True):
        out.append(write_bytes((Path(folder) / name).with_suffix(".png"), png(pixels)))
    return out


def read_pictures(folder: str | Path, names: Sequence[str], side: int = 32) -> NDArray[np.uint8]:
    """uint8 [n, side, side, 3] of pictures by name, or by their name with .png.

    Raises:
        BadData: there is neither, it is no picture, or not of this size.
    """
    out = np.empty((len(names), side, side, 3), np.uint8)
    for row, name in enumerate(names):
        path = Path(folder) / name
        pixels = load_picture(path if path.exists() else path.with_suffix(".png"))
        if pixels.shape[:2] != (side, side):
            said = f"{pixels.shape[1]} x {pixels.shape[0]} pixels"
            raise BadData(f"{path}: {said}", f"the lab model reads {side} x {side}")
        out[row] = pixels
    return out
