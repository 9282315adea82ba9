"""VQAv2: the questions, annotations and results files in the exact public schema; ten answers a question.

v2_OpenEnded_mscoco_*_questions.json, v2_mscoco_*_annotations.json (visualqa.org), and result files [{question_id,
answer}]. Images are COCO_{split}_{image_id padded to 12 digits}.jpg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from routelab._errors import BadData
from routelab.data import files

ANSWER_TYPES: Final = ("yes/no", "number", "other")
CONFIDENCES: Final = ("yes", "maybe", "no")
ANNOTATORS: Final = 10


@dataclass(frozen=True)
class Question:
    image_id: int
    question: str
    question_id: int


@dataclass(frozen=True)
class Answer:
    """One annotator's answer; `answer_confidence` is yes, maybe or no, `answer_id` 1 .. 10."""

    answer: str
    answer_confidence: str
    answer_id: int


@dataclass(frozen=True)
class Annotation:
    """`question_type` is how the question begins ("how many"), `multiple_choice_answer` the most common answer."""

    question_type: str
    multiple_choice_answer: str
    answers: tuple[Answer, ...]
    image_id: int
    answer_type: str
    question_id: int


@dataclass(frozen=True)
class Header:
    """What both files say of themselves."""

    info: Mapping[str, Any] = field(default_factory=dict)
    task_type: str = "Open-Ended"
    data_type: str = "mscoco"
    data_subtype: str = "val2014"
    license: Mapping[str, Any] = field(default_factory=dict)


def image_name(subtype: str, image_id: int) -> str:
    """File name of an image, "COCO_val2014_000000000042.jpg" (test-dev2015 has the images of test2015)."""
    return f"COCO_{subtype.replace('test-dev', 'test')}_{image_id:012d}.jpg"


def load_questions(path: str | Path) -> tuple[Header, list[Question]]:
    """Raises `BadData`, as all loaders here do: a file that is cut short or of another schema, by name and field."""
    whole = files.as_object(path, files.read_json(path), "the file")
    header = _header(path, whole, task_type=True)
    out = []
    for where, entry in files.entries(path, files.field(path, whole, "questions", list, ""), "questions"):
        out.append(
            Question(
                files.field(path, entry, "image_id", int, where),
                files.field(path, entry, "question", str, where),
                files.field(path, entry, "question_id", int, where),
            )
        )
    files.unique(path, (one.question_id for one in out), "question_id")
    return header, out


def load_annotations(path: str | Path) -> tuple[Header, list[Annotation]]:
    """Each question needs its ten answers: with fewer, the leave-one-out score would mean something else."""
    whole = files.as_object(path, files.read_json(path), "the file")
    header = _header(path, whole, task_type=False)
    out = []
    for where, entry in files.entries(path, files.field(path, whole, "annotations", list, ""), "annotations"):
        answers = _answers(path, entry, where)
        answer_type = files.field(path, entry, "answer_type", str, where)
        if answer_type not in ANSWER_TYPES:
            raise BadData(f"{path}: {where}.answer_type is {answer_type!r}", f"one of {', '.join(ANSWER_TYPES)}")
        out.append(
            Annotation(
                files.field(path, entry, "question_type", str, where),
                files.field(path, entry, "multiple_choice_answer", str, where),
                answers,
                files.field(path, entry, "image_id", int, where),
                answer_type,
                files.field(path, entry, "question_id", int, where),
            )
        )
    files.unique(path, (one.question_id for one in out), "question_id")
    return header, out


def _answers(path: str | Path, entry: Mapping[str, Any], where: str) -> tuple[Answer, ...]:
    answers = []
    for at, given in files.entries(path, files.field(path, entry, "answers", list, where), f"{where}.answers"):
        confidence = given.get("answer_confidence", "yes")  # test releases of other years leave it out
        if confidence not in CONFIDENCES:
            raise BadData(f"{path}: {at}.answer_confidence is {confidence!r}", f"one of {', '.join(CONFIDENCES)}")
        text = files.field(path, given, "answer", str, at)
        answers.append(Answer(text, confidence, files.field(path, given, "answer_id", int, at)))
    if len(answers) != ANNOTATORS:
        raise BadData(f"{path}: {where}.answers has {len(answers)} answers, not {ANNOTATORS}")
    # The official script tells annotators apart by their whole entry, so that two equal ones would drop out together.
    files.unique(path, (one.answer_id for one in answers), f"{where}.answers: answer_id")
    return tuple(answers)


def load_results(path: str | Path) -> dict[int, str]:
    """Answers by question_id, from a list of {question_id, answer}."""
    pairs = []
    for where, entry in files.entries(path, files.read_json(path), "results"):
        number = files.field(path, entry, "question_id", int, where)
        pairs.append((number, files.field(path, entry, "answer", str, where)))
    files.unique(path, (number for number, _ in pairs), "question_id")
    return dict(pairs)


def write_questions(path: str | Path, header: Header, questions: Sequence[Question]) -> Path:
    return files.write_json(path, {**asdict(header), "questions": [asdict(one) for one in questions]})


def write_annotations(path: str | Path, header: Header, annotations: Sequence[Annotation]) -> Path:
    head = {name: value for name, value in asdict(header).items() if name != "task_type"}
    return files.write_json(path, {**head, "annotations": [asdict(one) for one in annotations]})


def write_results(path: str | Path, answers: Mapping[int, str]) -> Path:
    return files.write_json(path, [{"question_id": number, "answer": text} for number, text in answers.items()])


def _header(path: str | Path, whole: Mapping[str, Any], *, task_type: bool) -> Header:
    return Header(
        files.field(path, whole, "info", dict, ""),
        files.field(path, whole, "task_type", str, "") if task_type else "Open-Ended",
        files.field(path, whole, "data_type", str, ""),
        files.field(path, whole, "data_subtype", str, ""),
        files.field(path, whole, "license", dict, ""),
    )
