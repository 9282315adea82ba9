"""Ten simulated annotators of ShapeQA, who err and who write as people do, so that the scorer's rules are exercised.

Each gives the true answer with probability 0.85 (0.75 for numbers), else a plausible confusion; one in twenty answers
is written otherwise: with an article, a capital, a full stop, a number as a word, or a synonym that no rule repairs.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from routelab.data import vocabulary as v
from routelab.data.shapeqa import ANSWER_TYPES, ShapeQA
from routelab.data.vqav2 import ANNOTATORS, Annotation, Answer

RIGHT: Final = {"yes/no": 0.85, "number": 0.75, "other": 0.85}
OTHERWISE: Final = 0.05
_SURE: Final = ("yes",) * 16 + ("maybe",) * 3 + ("no",)  # one of these twenty, at random
_SORTS: Final = (v.COLOURS, v.SHAPES, v.SIZES, v.CELLS, v.DIRECTIONS, ("no", "yes"))
_SORT_OF: Final = {word: sort for sort in _SORTS for word in sort}
_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
_SYNONYMS: Final = {"purple": "violet", "cyan": "turquoise", "circle": "ring", "small": "little", "large": "big"}


def confused(rng: np.random.Generator, answer: str) -> str:
    """A wrong answer of the same sort: a number one away, or one word for another of its sort."""
    if answer.isdecimal():
        number = int(answer)
        return str(number + 1 if number == 0 or rng.random() < 0.5 else number - 1)
    words = answer.split()
    at = int(rng.integers(len(words)))
    others = [word for word in _SORT_OF[words[at]] if word != words[at]]
    words[at] = others[int(rng.integers(len(others)))]
    return " ".join(words)


def otherwise(rng: np.random.Generator, answer: str) -> str:
    """The same answer as somebody else would write it."""
    ways = [f"the {answer}", answer.capitalize(), f"{answer}."]
    if answer.isdecimal():
        ways.append(_WORDS[int(answer)] if int(answer) < len(_WORDS) else answer)
    elif "circle" in answer or any(shape in answer for shape in v.SHAPES):
        ways.append(f"a {answer}")
    ways.extend(answer.replace(word, other) for word, other in _SYNONYMS.items() if word in answer.split())
    return ways[int(rng.integers(len(ways)))]


def annotated(data: ShapeQA, seed: int, first_id: int = 1) -> list[Annotation]:
    """Ten answers to each question; question i and its picture have the id `first_id` + i. Equal seeds, equal ones."""
    rng = np.random.default_rng([seed, 0xA11])
    types = data.answer_type()
    out = []
    for row in range(len(data)):
        truth, kind = data.answer_text(row), ANSWER_TYPES[int(types[row])]
        answers = []
        for annotator in range(1, ANNOTATORS + 1):
            given = truth if rng.random() < RIGHT[kind] else confused(rng, truth)
            if rng.random() < OTHERWISE:
                given = otherwise(rng, given)
            answers.append(Answer(given, _SURE[int(rng.integers(len(_SURE)))], annotator))
        common = Counter(one.answer for one in answers).most_common(1)[0][0]
        number = first_id + row
        begins = v.TOKENS[int(data.question[row][data.question[row] != v.PAD][0])]
        out.append(Annotation(begins, common, tuple(answers), number, kind, number))
    return out
