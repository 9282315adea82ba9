"""SEED-Bench accuracy by two protocols that cannot be compared: ranking of the choices' likelihood, and the letter.

Likelihood is the official one (Li et al., arXiv 2307.16125): the choice of least loss; of equal losses the first.
Letter is lmms-eval's: the first character that was generated, so that "An apple" chooses A and "(B)" nothing; its case
does not count (it did in the first versions). The report always names which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from routelab._errors import BadData
from routelab.data import files
from routelab.data.seed import LETTERS, Dataset, load, load_letters, load_losses
from routelab.scoring._report import Report, grouped, some, tallied

PROTOCOLS: Final = ("likelihood", "letter")


def letter_of(generated: str) -> str:
    """The first character after spaces, as a capital; "" for nothing."""
    return generated.strip()[:1].upper()


def letter_of_least(losses: Sequence[float]) -> str:
    """The letter of the least loss, the first of equals."""
    return LETTERS[min(range(len(losses)), key=lambda at: losses[at])]


def score(data: Dataset, letters: Mapping[str, str], protocol: str, named: str | Path = "results") -> Report:
    """Accuracy overall, over images, over videos, and by dimension, from one letter a question.

    Raises:
        BadData: a question has no letter, a letter no question, or the protocol is unknown.
    """
    if protocol not in PROTOCOLS:
        raise BadData(f"protocol is {protocol!r}", f"one of {', '.join(PROTOCOLS)}")
    files.matched(named, [one.question_id for one in data.questions], letters, "question_id")
    credits_ = {one.question_id: float(letters[one.question_id] == one.answer) for one in data.questions}
    some(credits_, "seed")
    names = {number: name for name, number in data.question_type.items()}
    return Report(
        "seed",
        f"{protocol} protocol",
        tallied(credits_.values()),
        {
            "data_type": grouped((one.data_type, credits_[one.question_id]) for one in data.questions),
            "dimension": grouped(
                (f"{one.question_type_id:02d} {names[one.question_type_id]}", credits_[one.question_id])
                for one in data.questions
            ),
        },
        credits_,
    )


def score_files(dataset: str | Path, results: str | Path, protocol: str) -> Report:
    """As `score`, from the public file and results with `losses` (likelihood) or `prediction` (letter)."""
    if protocol not in PROTOCOLS:
        raise BadData(f"protocol is {protocol!r}", f"one of {', '.join(PROTOCOLS)}")
    data = load(dataset)
    if protocol == "likelihood":
        letters = {number: letter_of_least(one) for number, one in load_losses(results).items()}
    else:
        letters = {number: letter_of(text) for number, text in load_letters(results).items()}
    return score(data, letters, protocol, results)
