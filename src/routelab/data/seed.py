"""SEED-Bench-1: questions with four choices in twelve dimensions, 1 to 9 on images and 10 to 12 on video.

{questions: [{question_id, question, choice_a .. choice_d, answer, data_type, data_id, question_type_id, segment}],
question_type: {name: id}} (AILab-CVC/SEED-Bench).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from routelab._errors import BadData
from routelab.data import files

DIMENSIONS: Final = {
    "Scene Understanding": 1,
    "Instance Identity": 2,
    "Instance Attributes": 3,
    "Instance Location": 4,
    "Instances Counting": 5,
    "Spatial Relation": 6,
    "Instance Interaction": 7,
    "Visual Reasoning": 8,
    "Text Understanding": 9,
    "Action Recognition": 10,
    "Action Prediction": 11,
    "Procedure Understanding": 12,
}
IMAGE_DIMENSIONS: Final = range(1, 10)
LETTERS: Final = "ABCD"


@dataclass(frozen=True)
class Question:
    """`answer` is a letter; `segment` the seconds of a video, None for an image."""

    question_id: str
    question: str
    choices: tuple[str, str, str, str]
    answer: str
    data_type: str
    data_id: str
    question_type_id: int
    segment: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Dataset:
    questions: tuple[Question, ...]
    question_type: Mapping[str, int] = field(default_factory=lambda: dict(DIMENSIONS))


def load(path: str | Path) -> Dataset:
    """Raises `BadData`, as all loaders here do: a file that is cut short or of another schema, by name and field."""
    whole = files.as_object(path, files.read_json(path), "the file")
    names = files.field(path, whole, "question_type", dict, "")
    for name in names:
        files.field(path, names, name, int, "question_type")
    listed = files.field(path, whole, "questions", list, "")
    questions = tuple(_question(path, where, entry) for where, entry in files.entries(path, listed, "questions"))
    for number, one in enumerate(questions):
        if one.question_type_id not in names.values():
            said = f"questions[{number}].question_type_id {one.question_type_id}"
            raise BadData(f"{path}: {said} is not in question_type")
    files.unique(path, (one.question_id for one in questions), "question_id")
    return Dataset(questions, names)


def _question(path: str | Path, where: str, entry: Mapping[str, Any]) -> Question:
    a, b, c, d = (files.field(path, entry, f"choice_{letter}", str, where) for letter in "abcd")
    answer = files.field(path, entry, "answer", str, where)
    if answer not in tuple(LETTERS):
        raise BadData(f"{path}: {where}.answer is {answer!r}", "a letter, A to D")
    kind = files.field(path, entry, "data_type", str, where)
    if kind not in ("image", "video"):
        raise BadData(f"{path}: {where}.data_type is {kind!r}", "image or video")
    dimension = files.field(path, entry, "question_type_id", int, where)
    if (kind == "image") != (dimension in IMAGE_DIMENSIONS):
        raise BadData(f"{path}: {where} is {kind} in dimension {dimension}", "1 to 9 are images, 10 to 12 video")
    segment = None
    if kind == "video" and entry.get("segment") is not None:
        given = files.field(path, entry, "segment", list, where)
        if not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in given):
            raise BadData(f"{path}: {where}.segment is not a list of seconds")
        segment = tuple(float(one) for one in given)
    return Question(
        files.identifier(path, entry, "question_id", where),
        files.field(path, entry, "question", str, where),
        (a, b, c, d),
        answer,
        kind,
        files.identifier(path, entry, "data_id", where),
        dimension,
        segment,
    )


def write(path: str | Path, data: Dataset) -> Path:
    listed = []
    for one in data.questions:
        entry: dict[str, Any] = {
            "answer": one.answer,
            **{f"choice_{letter}": text for letter, text in zip("abcd", one.choices, strict=True)},
            "data_id": one.data_id,
            "data_type": one.data_type,
            "question": one.question,
            "question_id": one.question_id,
            "question_type_id": one.question_type_id,
        }
        if one.segment is not None:
            entry["segment"] = list(one.segment)
        listed.append(entry)
    return files.write_json(path, {"questions": listed, "question_type": dict(data.question_type)})


def load_letters(path: str | Path) -> dict[str, str]:
    """What was generated, by question: a list or lines of {question_id (or q_id), prediction}."""
    pairs = []
    for where, entry in files.entries(path, files.read_json_or_lines(path), "results"):
        pairs.append((_id(path, entry, where), files.field(path, entry, "prediction", str, where)))
    files.unique(path, (number for number, _ in pairs), "question_id")
    return dict(pairs)


def load_losses(path: str | Path) -> dict[str, tuple[float, ...]]:
    """Loss of each of the four choices, by question: a list or lines of {question_id (or q_id), losses}."""
    pairs = []
    for where, entry in files.entries(path, files.read_json_or_lines(path), "results"):
        losses = files.field(path, entry, "losses", list, where)
        if len(losses) != len(LETTERS):
            raise BadData(f"{path}: {where}.losses has {len(losses)} numbers, not {len(LETTERS)}")
        if not all(isinstance(one, (int, float)) and not isinstance(one, bool) and one == one for one in losses):
            raise BadData(f"{path}: {where}.losses holds something that is no number")
        pairs.append((_id(path, entry, where), tuple(float(one) for one in losses)))
    files.unique(path, (number for number, _ in pairs), "question_id")
    return dict(pairs)


def write_letters(path: str | Path, letters: Mapping[str, str]) -> Path:
    return files.write_json(path, [{"question_id": number, "prediction": text} for number, text in letters.items()])


def write_losses(path: str | Path, losses: Mapping[str, Sequence[float]]) -> Path:
    return files.write_json(path, [{"question_id": number, "losses": list(one)} for number, one in losses.items()])


def _id(path: str | Path, entry: Mapping[str, Any], where: str) -> str:
    """The official script's records say q_id, everybody else question_id."""
    name = "q_id" if "q_id" in entry and "question_id" not in entry else "question_id"
    return files.identifier(path, entry, name, where)
