"""MMBench: a TSV with base64 pictures, two to four (or more) options a question, and circular copies.

Columns: index, question, hint, A, B, C, D, answer, category, l2-category, source, split, image. A missing option is an
empty field; an image field may hold the index of the row whose picture it shares. Pass p of question q in a circular
file has the index q + p * 10^6 and its options turned by p (VLMEvalKit).
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from routelab._errors import BadData
from routelab.data import files
from routelab.data.pictures import looked_at

PASS: Final = 10**6
#: An image field of at most so many characters is another row's index (VLMEvalKit).
MOST_REFERENCE: Final = 64
_HEAD: Final = ("index", "question", "hint")
_TAIL: Final = ("answer", "category", "l2-category", "source", "split", "image")
_NEEDED: Final = ("index", "question", "A", "B", "answer")
#: What pandas, with which VLMEvalKit reads, takes for a missing value; an option that reads so is not there.
_MISSING: Final = frozenset(("", "nan", "NaN", "NA", "N/A", "null", "NULL", "None"))


@dataclass(frozen=True)
class Question:
    """A row: `options` by letter, `answer` a letter among them, `image` the encoded bytes (JPEG or PNG) or None."""

    index: int
    question: str
    options: Mapping[str, str]
    answer: str
    hint: str = ""
    category: str = ""
    l2_category: str = ""
    source: str = ""
    split: str = ""
    image: bytes | None = None

    @property
    def main(self) -> int:
        """Index of the question that this row is a pass of."""
        return self.index % PASS

    @property
    def turn(self) -> int:
        """Which pass: 0 for the question as it was written."""
        return self.index // PASS


def turned(question: Question, by: int) -> Question:
    """Pass `by` of a question: option i of the row is its option i + by, and the answer's letter moves along."""
    letters = list(question.options)
    n = len(letters)
    options = {letter: question.options[letters[(at + by) % n]] for at, letter in enumerate(letters)}
    answer = letters[(letters.index(question.answer) - by) % n]
    return replace(question, index=question.main + by * PASS, options=options, answer=answer)


def circular(questions: Sequence[Question]) -> list[Question]:
    """Every pass of every question: all questions as written, then all turned by one, and so on."""
    most = max((len(one.options) for one in questions), default=0)
    return [turned(one, by) for by in range(most) for one in questions if by < len(one.options)]


def write(path: str | Path, questions: Sequence[Question]) -> Path:
    """The TSV; a picture is written once, later rows with the same bytes refer to the first one's index."""
    first: dict[bytes, int] = {}
    letters = sorted({letter for one in questions for letter in one.options} | set("ABCD"))
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter="\t", lineterminator="\n")
    rows.writerow([*_HEAD, *letters, *_TAIL])
    for one in questions:
        image = ""
        if one.image is not None:
            known = first.setdefault(one.image, one.index)
            image = str(known) if known != one.index else base64.b64encode(one.image).decode()
        options = [one.options.get(letter, "") for letter in letters]
        tail = [one.answer, one.category, one.l2_category, one.source, one.split, image]
        rows.writerow([one.index, one.question, one.hint, *options, *tail])
    return files.write_bytes(path, out.getvalue().encode())


def load(path: str | Path) -> list[Question]:
    """Rows with their pictures, references followed.

    Raises:
        BadData: a column is missing, a row is cut short, an answer is none of its options, a picture is none, or a
            reference leads nowhere; the message names file, row and field.
    """
    rows = list(_rows(path))
    pictures: dict[int, str] = {}
    questions = []
    for where, row in rows:
        index = _index(path, where, row["index"])
        pictures[index] = (row.get("image") or "").strip()
        questions.append(_question(path, where, row, index))
    files.unique(path, (one.index for one in questions), "index")
    decoded = {index: _picture(path, index, text) for index, text in pictures.items() if len(text) > MOST_REFERENCE}
    return [replace(one, image=_shared(path, one.index, pictures, decoded)) for one in questions]


def _rows(path: str | Path) -> Any:
    """Each row as a dict with its place in words."""
    csv.field_size_limit(2**31 - 1)  # a picture is one field
    table = csv.DictReader(io.StringIO(files.read_text(path), newline=""), delimiter="\t")
    if table.fieldnames is None:
        raise BadData(f"{path}: the file is empty")
    missing = [name for name in _NEEDED if name not in table.fieldnames]
    if missing:
        raise BadData(f"{path}: column {missing[0]} is missing", "is this a tab-separated MMBench file?")
    try:
        for number, row in enumerate(table, start=2):
            where = f"row {number}"
            if None in row or any(value is None for value in row.values()):
                raise BadData(f"{path}: {where} has not {len(table.fieldnames)} fields", "was the download cut short?")
            yield where, row
    except csv.Error as error:
        raise BadData(f"{path}: row {table.line_num}: {error}") from None


def _index(path: str | Path, where: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise BadData(f"{path}: {where}.index is {text!r}, not a whole number")
    return int(text)


def _question(path: str | Path, where: str, row: Mapping[str, str], index: int) -> Question:
    options = {letter: row[letter] for letter in string.ascii_uppercase if row.get(letter, "") not in _MISSING}
    if len(options) < 2 or list(options) != list(string.ascii_uppercase[: len(options)]):
        raise BadData(f"{path}: {where} has the options {', '.join(options) or 'none'}", "A, B and on, without a gap")
    answer = row["answer"].strip()
    if answer not in options:
        raise BadData(f"{path}: {where}.answer is {answer!r}", f"one of {', '.join(options)}")
    return Question(
        index,
        row["question"],
        options,
        answer,
        row.get("hint", ""),
        row.get("category", ""),
        row.get("l2-category", ""),
        row.get("source", ""),
        row.get("split", ""),
    )


def _picture(path: str | Path, index: int, text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadData(f"{path}: image of index {index} is not base64") from None
    looked_at(data, f"{path}: image of index {index}")
    return data


def _shared(path: str | Path, index: int, pictures: Mapping[int, str], decoded: Mapping[int, bytes]) -> bytes | None:
    seen = {index}
    at = index
    while at not in decoded:
        text = pictures[at]
        if not text:
            return None
        if not text.isdecimal() or int(text) not in pictures:
            raise BadData(f"{path}: image of index {at} is {text!r}, neither a picture nor a row's index")
        at = int(text)
        if at in seen:
            raise BadData(f"{path}: image of index {index} refers to itself")
        seen.add(at)
    return decoded[at]


def load_results(path: str | Path) -> dict[int, str]:
    """Predictions by index: a TSV with the columns index and prediction, or a list of {index, prediction}."""
    if str(path).lower().endswith((".json", ".jsonl")):
        pairs = []
        for where, entry in files.entries(path, files.read_json_or_lines(path), "results"):
            number = files.field(path, entry, "index", int, where)
            pairs.append((number, files.field(path, entry, "prediction", str, where)))
    else:
        pairs = [(_index(path, where, row["index"]), row["prediction"]) for where, row in _result_rows(path)]
    files.unique(path, (number for number, _ in pairs), "index")
    return dict(pairs)


def _result_rows(path: str | Path) -> Any:
    csv.field_size_limit(2**31 - 1)
    table = csv.DictReader(io.StringIO(files.read_text(path), newline=""), delimiter="\t")
    missing = [name for name in ("index", "prediction") if name not in (table.fieldnames or ())]
    if missing:
        raise BadData(f"{path}: column {missing[0]} is missing")
    for number, row in enumerate(table, start=2):
        if row["index"] is None or row["prediction"] is None:
            raise BadData(f"{path}: row {number} is cut short")
        yield f"row {number}", row


def write_results(path: str | Path, predictions: Mapping[int, str]) -> Path:
    """A TSV with the columns index and prediction."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, delimiter="\t", lineterminator="\n")
    rows.writerow(["index", "prediction"])
    rows.writerows(predictions.items())
    return files.write_bytes(path, out.getvalue().encode())
