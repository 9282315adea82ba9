"""Queries: the four that the method asks. How it words them is nowhere stated; this wording is our inference."""

from __future__ import annotations

import itertools
import re

from sovereign.records import Document

from ..words import STOP_WORDS

QUERIES = 4
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


class Asked(Document):
    queries: tuple[str, ...]


def four_queries(question: str) -> Asked:
    """The question itself, and its content words in order, cut into three runs of equal length.

    A question of few words gives fewer queries: none is asked twice.
    """
    words = [word for word in _WORD.findall(question) if word.casefold() not in STOP_WORDS and len(word) > 1]
    words = list({re.sub(r"['’]s?$", "", word).casefold(): re.sub(r"['’]s?$", "", word) for word in words}.values())
    runs = QUERIES - 1
    cuts = [round(number * len(words) / runs) for number in range(runs + 1)]
    parts = [" ".join(words[start:end]) for start, end in itertools.pairwise(cuts)]
    return Asked(queries=tuple(dict.fromkeys(part for part in [question, *parts] if part)))
