"""What the families of ShapeQA share: their names, balance, pairs of cells, the tokens of questions and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from routelab.data import vocabulary as v
from routelab.data.scenes import ANY, COLOUR, GRID, SHAPE, SIZE, VALUES, Bools, Ints, Objects

FAMILIES: Final = (
    "existence",
    "count",
    "attribute",
    "locate",
    "relation",
    "comparison",
    "two_hop",
    "describe",
    "text",
)
#: Kinds of question inside the families; the name begins with its family's.
KINDS: Final = (
    "existence",
    "count",
    "attribute_color",
    "attribute_shape",
    "attribute_size",
    "locate",
    "relation_holds",
    "relation_which",
    "comparison_more",
    "comparison_most",
    "two_hop_color",
    "two_hop_shape",
    "describe_name",
    "describe_all",
    "text_sum",
    "text_more",
    "text_recall",
)
KIND_FAMILY: Final = tuple(next(i for i, f in enumerate(FAMILIES) if kind.startswith(f)) for kind in KINDS)
MOST_QUESTION_TOKENS: Final = 6
MOST_ANSWER_TOKENS: Final = 3

NO: Final = v.TOKEN["no"]  # "yes" is the next
NOUN: Final = v.first(v.SHAPES)
PLURAL: Final = v.first(v.PLURALS)
COLOUR_WORD: Final = v.first(v.COLOURS)
SIZE_WORD: Final = v.first(v.SIZES)
CELL_WORD: Final = v.first(v.CELLS)
NUMBER_WORD: Final = v.first(v.NUMBERS)
DIRECTION_WORD: Final = v.first(v.DIRECTIONS)
FIRST_WORD: Final = (COLOUR_WORD, NOUN, SIZE_WORD)  # first token of each attribute's values, by attribute


@dataclass
class Drawn:
    """Questions of one family: tokens [n, 6] and [n, 3] with 0 where there is none, kind [n], scenes (None: text)."""

    question: Ints
    answer: Ints
    kind: Ints
    objects: Objects | None


Maker = Callable[[np.random.Generator, int, Ints], Drawn]


def balanced(rng: np.random.Generator, key: Ints, n_answers: int) -> Ints:
    """Answers 0 .. n_answers - 1 [n], each as often as the others (to one) among the rows of equal `key` [n]."""
    n = len(key)
    order: Ints = np.asarray(np.lexsort((rng.random(n), key)), np.int64)
    found = np.unique(key[order], return_index=True, return_inverse=True)
    start, members = found[1], found[2].reshape(-1)
    rank = np.arange(n) - start[members]
    out = np.empty(n, np.int64)
    # The offset keeps answer 0 from being the one too many everywhere.
    out[order] = (rank + rng.integers(0, n_answers, (len(start),))[members]) % n_answers
    return out


_ONE, _OTHER = np.divmod(np.arange(GRID**4), GRID**2)  # every pair of cells: the reference, the other
_DOWN, _RIGHT = (there - here for there, here in zip(np.divmod(_OTHER, GRID), np.divmod(_ONE, GRID), strict=True))


def _where(rule: Bools) -> Ints:
    chosen = rule & (_ONE != _OTHER)
    return np.stack([_ONE[chosen], _OTHER[chosen]], 1)


#: Pairs (reference cell, other cell) int64 [m, 2] by direction (left, right, above, below): where the other lies seen
#: from the reference. On that side; not on that side; in the same row or column; next to it.
_SIDES: Final = (_RIGHT < 0, _RIGHT > 0, _DOWN < 0, _DOWN > 0)
_LINES: Final = (_DOWN == 0, _DOWN == 0, _RIGHT == 0, _RIGHT == 0)
WIDE: Final = tuple(_where(side) for side in _SIDES)
NOT_WIDE: Final = tuple(_where(~side) for side in _SIDES)
STRAIGHT: Final = tuple(_where(side & line) for side, line in zip(_SIDES, _LINES, strict=True))
ADJACENT: Final = tuple(
    _where(side & line & (abs(_RIGHT) + abs(_DOWN) == 1)) for side, line in zip(_SIDES, _LINES, strict=True)
)


def cell_pairs(rng: np.random.Generator, tables: tuple[Ints, ...], which: Ints) -> Ints:
    """One pair of cells [n, 2] from table `which` [n] each."""
    out = np.empty((which.shape[0], 2), np.int64)
    for number, table in enumerate(tables):
        rows = np.flatnonzero(which == number)
        out[rows] = table[rng.integers(0, table.shape[0], rows.shape[0])]
    return out


def wanting(n: int, **attributes: Ints) -> Ints:
    out = np.full((n, 3), ANY)
    for name, values in attributes.items():
        out[:, {"colour": COLOUR, "shape": SHAPE, "size": SIZE}[name]] = values
    return out


def question_rows(n: int, *columns: Ints | int) -> Ints:
    """Token rows [n, 6], padded on the left; a column's 0 is no token and closes up."""
    raw = np.zeros((n, MOST_QUESTION_TOKENS), np.int64)
    for at, column in enumerate(columns, start=MOST_QUESTION_TOKENS - len(columns)):
        raw[:, at] = column
    order = np.argsort(raw != 0, axis=1, kind="stable")
    return np.take_along_axis(raw, order, 1)


def answer_rows(n: int, *columns: Ints | int) -> Ints:
    out = np.zeros((n, MOST_ANSWER_TOKENS), np.int64)
    for at, column in enumerate(columns):
        out[:, at] = column
    return out


def kind_of(name: str, n: int) -> Ints:
    return np.full(n, KINDS.index(name))


def _concatenated(parts: list[Drawn], objects: Objects | None) -> Drawn:
    """Kinds of one family that were drawn apart, scenes of all of them together."""
    return Drawn(
        np.concatenate([part.question for part in parts]),
        np.concatenate([part.answer for part in parts]),
        np.concatenate([part.kind for part in parts]),
        objects,
    )


def joined(parts: list[Drawn]) -> Drawn:
    scenes = [part.objects for part in parts if part.objects is not None]
    if not scenes:
        return _concatenated(parts, None)
    together = Objects(
        np.concatenate([scene.attributes for scene in scenes]),
        np.concatenate([scene.count for scene in scenes]),
        np.concatenate([scene.cells for scene in scenes]),
        np.concatenate([scene.level for scene in scenes]),
    )
    return _concatenated(parts, together)


#: Which of colour, shape and size a question asks for, by level: one of them, two of them, two or all three.
_PATTERNS: Final = np.array(
    [
        [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]],
        [[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]],
        [[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]],
    ],
    bool,
)


def predicate(rng: np.random.Generator, level: Ints) -> Ints:
    """What a question asks for [n, 3]: the harder the level, the more attributes; a colour or a shape among them."""
    n = len(level)
    asked = _PATTERNS[level, rng.integers(0, _PATTERNS.shape[1], (n,))]
    values = np.stack([rng.integers(0, values, (n,)) for values in VALUES], -1)
    return np.where(asked, values, ANY)


def phrase(wanted: Ints, nouns: int, noun: int) -> tuple[Ints, Ints, Ints]:
    """Tokens of size, colour, noun; 0 where a size or a colour is not asked for."""
    size = np.where(wanted[:, SIZE] == ANY, 0, SIZE_WORD + wanted[:, SIZE])
    colour = np.where(wanted[:, COLOUR] == ANY, 0, COLOUR_WORD + wanted[:, COLOUR])
    return size, colour, np.where(wanted[:, SHAPE] == ANY, noun, nouns + wanted[:, SHAPE])


def key_of(wanted: Ints) -> Ints:
    return ((wanted[:, 0] + 1) * 8 + wanted[:, 1] + 1) * 8 + wanted[:, 2] + 1


def parts_of(n: int, *shares: float) -> list[slice]:
    """Slices of 0 .. n in these shares (which sum to 1)."""
    edges = [0, *np.rint(np.cumsum(shares) * n).astype(int).tolist()]
    return [slice(a, b) for a, b in pairwise(edges)]
