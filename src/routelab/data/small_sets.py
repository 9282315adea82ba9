"""Readers of three small public sets: easy-VQA, NLVR, and multiple-choice samples of MMBench with their photographs."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from routelab._errors import BadData
from routelab.data import files


@dataclass(frozen=True)
class EasyQuestion:
    """easy-VQA: one question; its picture is {image_id}.png of 64 x 64."""

    question: str
    answer: str
    image_id: int


def load_easy_vqa(questions: str | Path, answers: str | Path | None = None) -> list[EasyQuestion]:
    """easy-VQA's questions.json, a list of [question, answer, image id] (github.com/vzhou842/easy-VQA).

    Args:
        answers: answers.txt, one possible answer a line; with it, an answer that is not in it is refused.

    Raises:
        BadData: the file is cut short or of another schema; entry and field are named.
    """
    known = None if answers is None else set(files.read_text(answers).split())
    out = []
    for number, entry in enumerate(files.as_list(questions, files.read_json(questions), "the file")):
        ok = isinstance(entry, list) and len(entry) == 3 and isinstance(entry[0], str) and isinstance(entry[1], str)
        if not ok or not isinstance(entry[2], int) or isinstance(entry[2], bool):
            raise BadData(f"{questions}: entry {number} is not [question, answer, image id]")
        if known is not None and entry[1] not in known:
            raise BadData(f"{questions}: entry {number}: answer {entry[1]!r} is not in {answers}")
        out.append(EasyQuestion(*entry))
    return out


def easy_vqa_image(image_id: int, split: str = "train") -> str:
    """Name of a picture in the set's archive."""
    return f"{split}/images/{image_id}.png"


@dataclass(frozen=True)
class Item:
    """NLVR: a thing in a box; places and size in pixels of 100."""

    type: str
    color: str
    x_loc: int
    y_loc: int
    size: int


@dataclass(frozen=True)
class Statement:
    """NLVR: a sentence on three boxes, true or false; each has six pictures, of the boxes in six orders."""

    sentence: str
    label: bool
    identifier: str
    directory: str
    boxes: tuple[tuple[Item, ...], ...]

    def images(self, split: str) -> list[str]:
        """Names of the six pictures: images/{directory}/{split}-{identifier}-{0..5}.png."""
        return [f"images/{self.directory}/{split}-{self.identifier}-{number}.png" for number in range(6)]


BOXES: Final = 3


def load_nlvr(path: str | Path) -> list[Statement]:
    """NLVR's {train, dev, test}.json: one object a line (lil-lab/nlvr; Suhr et al., ACL 2017).

    Raises:
        BadData: a line is cut short or of another schema; line and field are named.
    """
    out = []
    for number, line in enumerate(files.read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            whole = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadData(f"{path}: {where} is not whole JSON ({error.msg})", "was it cut short?") from None
        out.append(_statement(path, where, files.as_object(path, whole, where)))
    files.unique(path, (one.identifier for one in out), "identifier")
    return out


def _statement(path: str | Path, where: str, entry: dict[str, Any]) -> Statement:
    label = str(entry.get("label")).lower()
    if label not in ("true", "false"):
        raise BadData(f"{path}: {where}.label is {entry.get('label')!r}", "true or false")
    boxes = files.field(path, entry, "structured_rep", list, where)
    if len(boxes) != BOXES:
        raise BadData(f"{path}: {where}.structured_rep has {len(boxes)} boxes, not {BOXES}")
    return Statement(
        files.field(path, entry, "sentence", str, where),
        label == "true",
        files.field(path, entry, "identifier", str, where),
        files.identifier(path, entry, "directory", where),
        tuple(
            tuple(
                Item(
                    files.field(path, item, "type", str, at),
                    files.field(path, item, "color", str, at),
                    *(files.field(path, item, name, int, at) for name in ("x_loc", "y_loc", "size")),
                )
                for at, item in files.entries(path, box, f"{where}.structured_rep[{number}]")
            )
            for number, box in enumerate(boxes)
        ),
    )


@dataclass(frozen=True)
class Sample:
    """A multiple-choice question with a photograph: options by letter, `answer` one of the letters."""

    image: str
    question: str
    options: dict[str, str]
    answer: str
    category: str
    lang: str


def load_samples(path: str | Path) -> list[Sample]:
    """questions.jsonl: {image, lang, category, question, options: ["A. ...", ...], answer}, one a line.

    Raises:
        BadData: a line is cut short or of another schema, options are not lettered in order, or the answer is none.
    """
    out = []
    for where, entry in files.entries(path, files.read_json_or_lines(path), "line"):
        options = _lettered(path, where, files.field(path, entry, "options", list, where))
        answer = files.field(path, entry, "answer", str, where)
        if answer not in options:
            raise BadData(f"{path}: {where}.answer is {answer!r}, none of its options")
        out.append(
            Sample(
                files.field(path, entry, "image", str, where),
                files.field(path, entry, "question", str, where),
                options,
                answer,
                files.field(path, entry, "category", str, where),
                files.field(path, entry, "lang", str, where),
            )
        )
    return out


def _lettered(path: str | Path, where: str, listed: list[Any]) -> dict[str, str]:
    """Options by letter. Some entries hold several options as lines ("A. ...\nB. ..."), some options several lines."""
    options: dict[str, str] = {}
    for number, text in enumerate(listed):
        for at, line in enumerate(str(text).split("\n")):
            letter = string.ascii_uppercase[len(options)]
            if line.startswith(f"{letter}."):
                options[letter] = line[2:].strip()
            elif at:
                last = string.ascii_uppercase[len(options) - 1]
                options[last] = f"{options[last]}\n{line}"
            else:
                raise BadData(f"{path}: {where}.options[{number}] is {text!r}, not \"{letter}. ...\"")
    return options
