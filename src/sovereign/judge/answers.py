"""What a sentence of an answer may say: numbers of its quotes or of the question, and in quotation marks its claims.

One rule, used when a sentence is written and again when the VALIDATOR reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sovereign.records import Question

from .numbers import numbers_in
from .quotes import plain
from .terms import term_spans

_MARK = re.compile(r"(?<![A-Za-z])\s*\[[A-Z]\](?:\[[A-Z]\])*(?=[.\s]|$)")
_QUOTED = re.compile(r"“(.+)”", re.S)


def unfounded_numbers(sentence: str, quotes: Iterable[str], question: Question) -> list[str]:
    """The numbers of a sentence that stand neither in its quotes nor in the question.

    Digits of a name that the question asks about (`VQAv2`, `batch size 16`) count where the name stands, not elsewhere.
    """
    facets = question.facets
    names = [
        name
        for name in (*facets.system, *facets.metric, *facets.benchmark, *facets.baseline, *facets.condition)
        if any(character.isdigit() for character in name)
    ]
    founded = {number for text in (_without(question.text, names), *quotes) for number in numbers_in(text)}
    return [number for number in numbers_in(_without(sentence, names)) if number not in founded]


def without_marks(text: str) -> str:
    """A note's sentence without its certainty marks (`[S]`), which are for the readers of the note."""
    return _MARK.sub("", text)


def misquoted(sentence: str, claims: Iterable[str]) -> str | None:
    """The words between quotation marks that stand in none of the claims' texts, or None."""
    found = _QUOTED.search(sentence)
    if found is None:
        return None
    words = plain(found[1])
    return None if any(words in plain(text) or words in plain(without_marks(text)) for text in claims) else found[1]


def same_words(one: str, other: str) -> bool:
    """Whether two texts are one but for white space: a claim's text is its quote on one line."""
    return plain(one) == plain(other)


def _without(text: str, names: list[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        for start, end in term_spans(text, name):
            text = text[:start] + " " * (end - start) + text[end:]
    return text
