"""Visual7W, telling: dataset.json with one right answer and three wrong ones a question, and results files.

{dataset, images: [{image_id, filename, split, qa_pairs: [{qa_id, image_id, question, answer, type,
multiple_choices}]}]} (yukezhu/visual7w-toolkit). Results: [{qa_id, question, candidates: [{answer}, ...]}], the best
candidate first.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from routelab._errors import BadData
from routelab.data import files

TYPES: Final = ("what", "where", "when", "who", "why", "how")
SPLITS: Final = ("train", "val", "test")
WRONG: Final = 3


@dataclass(frozen=True)
class Pair:
    """A question with its answer and the three wrong candidates."""

    qa_id: int
    image_id: int
    question: str
    answer: str
    type: str
    multiple_choices: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    image_id: int
    filename: str
    split: str
    qa_pairs: tuple[Pair, ...]


def load(path: str | Path) -> list[Image]:
    """Raises `BadData`, as all loaders here do: a file that is cut short or of another schema, by name and field."""
    whole = files.as_object(path, files.read_json(path), "the file")
    files.field(path, whole, "dataset", str, "")
    images = []
    for where, entry in files.entries(path, files.field(path, whole, "images", list, ""), "images"):
        split = files.field(path, entry, "split", str, where)
        if split not in SPLITS:
            raise BadData(f"{path}: {where}.split is {split!r}", f"one of {', '.join(SPLITS)}")
        listed = files.field(path, entry, "qa_pairs", list, where)
        image_id = files.field(path, entry, "image_id", int, where)
        pairs = tuple(_pair(path, at, one, image_id) for at, one in files.entries(path, listed, f"{where}.qa_pairs"))
        images.append(Image(image_id, files.field(path, entry, "filename", str, where), split, pairs))
    files.unique(path, (pair.qa_id for image in images for pair in image.qa_pairs), "qa_id")
    return images


def _pair(path: str | Path, where: str, entry: dict[str, object], image_id: int) -> Pair:
    kind = files.field(path, entry, "type", str, where)
    if kind not in TYPES:
        raise BadData(f"{path}: {where}.type is {kind!r}", f"one of {', '.join(TYPES)}; only telling QA is read")
    wrong = files.field(path, entry, "multiple_choices", list, where)
    if len(wrong) != WRONG or not all(isinstance(one, str) for one in wrong):
        raise BadData(f"{path}: {where}.multiple_choices is not {WRONG} texts", "is this the pointing part?")
    if files.field(path, entry, "image_id", int, where) != image_id:
        raise BadData(f"{path}: {where}.image_id is not that of the image which it belongs to, {image_id}")
    return Pair(
        files.field(path, entry, "qa_id", int, where),
        image_id,
        files.field(path, entry, "question", str, where),
        files.field(path, entry, "answer", str, where),
        kind,
        tuple(wrong),
    )


def candidates(pair: Pair, seed: int = 0) -> list[str]:
    """The four candidates in an order that depends on the seed and the question alone.

    The file keeps the right answer apart, so whoever lists it first tells the model where to look.
    """
    listed = [pair.answer, *pair.multiple_choices]
    random.Random(f"{seed}:{pair.qa_id}").shuffle(listed)  # noqa: S311
    return listed


def write(path: str | Path, images: Sequence[Image]) -> Path:
    return files.write_json(path, {"dataset": "visual7w-telling", "images": [asdict(one) for one in images]})


def load_results(path: str | Path) -> dict[int, list[str]]:
    """Candidates by qa_id, best first."""
    pairs = []
    for where, entry in files.entries(path, files.read_json(path), "results"):
        listed = files.field(path, entry, "candidates", list, where)
        places = files.entries(path, listed, f"{where}.candidates")
        answers = [files.field(path, one, "answer", str, at) for at, one in places]
        pairs.append((files.field(path, entry, "qa_id", int, where), answers))
    files.unique(path, (number for number, _ in pairs), "qa_id")
    return dict(pairs)


def write_results(path: str | Path, chosen: Mapping[int, Sequence[str]], asked: Mapping[int, str]) -> Path:
    """`asked` gives the question's text by qa_id."""
    listed = [
        {"qa_id": number, "question": asked[number], "candidates": [{"answer": one} for one in answers]}
        for number, answers in chosen.items()
    ]
    return files.write_json(path, listed)
