"""The families of ShapeQA: each draws arguments, balances the answer inside each set of arguments, and builds scenes.

A maker `(rng, n, level) -> Drawn` begins with the answer and makes the scene fit, so that a question's words say as
little as possible about its answer.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from routelab.data import vocabulary as v
from routelab.data._asking import (
    ADJACENT,
    CELL_WORD,
    COLOUR_WORD,
    DIRECTION_WORD,
    FIRST_WORD,
    NO,
    NOT_WIDE,
    NOUN,
    NUMBER_WORD,
    PLURAL,
    STRAIGHT,
    WIDE,
    Drawn,
    Maker,
    answer_rows,
    balanced,
    cell_pairs,
    joined,
    key_of,
    kind_of,
    parts_of,
    phrase,
    predicate,
    question_rows,
    wanting,
)
from routelab.data.scenes import ANY, COLOUR, GRID, MAX_OBJECTS, SHAPE, SIZE, VALUES, Ints, Objects


def existence(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """Is there a small red circle? One or two of them if so, none if not."""
    wanted = predicate(rng, level)
    answer = balanced(rng, key_of(wanted), 2)
    objects = Objects.drawn(rng, level)
    matching = answer * rng.integers(1, 3, (n,))
    objects.force(objects.slots(0, matching), wanted)
    objects.avoid(rng, objects.slots(matching, MAX_OBJECTS), wanted)
    question = question_rows(n, v.TOKEN["is there a"], *phrase(wanted, NOUN, v.TOKEN["object"]))
    return Drawn(question, answer_rows(n, NO + answer), kind_of("existence", n), objects)


def count(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """How many red circles? 0 to 6, each equally often whatever is asked for."""
    wanted = predicate(rng, level)
    answer = balanced(rng, key_of(wanted), 7)
    objects = Objects.drawn(rng, level)
    objects.at_least(answer)
    objects.force(objects.slots(0, answer), wanted)
    objects.avoid(rng, objects.slots(answer, MAX_OBJECTS), wanted)
    question = question_rows(n, v.TOKEN["how many"], *phrase(wanted, PLURAL, v.TOKEN["objects"]))
    return Drawn(question, answer_rows(n, NUMBER_WORD + answer), kind_of("count", n), objects)


def _of_cell(rng: np.random.Generator, level: Ints, kind: str, asked: str) -> Drawn:
    n = len(level)
    attribute = {"color": COLOUR, "shape": SHAPE, "size": SIZE}[asked]
    cell = rng.integers(0, GRID * GRID, (n,))
    answer = balanced(rng, cell, VALUES[attribute])
    objects = Objects.drawn(rng, level)
    objects.attributes[:, 0, attribute] = answer
    objects.place(0, cell)
    question = question_rows(n, v.TOKEN[f"what {asked} is"], CELL_WORD + cell)
    return Drawn(question, answer_rows(n, FIRST_WORD[attribute] + answer), kind_of(kind, n), objects)


def attribute(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """What color (shape, size) is b3?"""
    colour, shape, size = parts_of(n, 0.4, 0.4, 0.2)
    return joined(
        [
            _of_cell(rng, level[colour], "attribute_color", "color"),
            _of_cell(rng, level[shape], "attribute_shape", "shape"),
            _of_cell(rng, level[size], "attribute_size", "size"),
        ]
    )


def locate(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """Where is the red circle (on the easiest level: the red object)? It is the only one; the answer is a cell."""
    wanted = wanting(n, colour=rng.integers(0, 6, (n,)), shape=rng.integers(0, 4, (n,)))
    wanted[level == 0, SHAPE] = ANY
    answer = balanced(rng, key_of(wanted), GRID * GRID)
    objects = Objects.drawn(rng, level)
    objects.force(objects.slots(0, 1), wanted)
    objects.avoid(rng, objects.slots(1, MAX_OBJECTS), wanted)
    objects.place(0, answer)
    question = question_rows(n, v.TOKEN["where is the"], *phrase(wanted, NOUN, v.TOKEN["object"]))
    return Drawn(question, answer_rows(n, CELL_WORD + answer), kind_of("locate", n), objects)


def _two_things(rng: np.random.Generator, level: Ints) -> tuple[Ints, Ints]:
    """What two different objects are called [n, 3] each: color and shape, or the color alone on the easiest level."""
    n = len(level)
    pair = rng.integers(0, 24, (n,))
    other = (pair + rng.integers(1, 24, (n,))) % 24  # never the same color and shape
    one, two = wanting(n, colour=pair // 4, shape=pair % 4), wanting(n, colour=other // 4, shape=other % 4)
    easy = level == 0
    colour = rng.integers(0, 6, (n,))
    one[easy, COLOUR] = colour[easy]
    two[easy, COLOUR] = ((colour + rng.integers(1, 6, (n,))) % 6)[easy]
    one[easy, SHAPE] = two[easy, SHAPE] = ANY
    return one, two


def _relation(rng: np.random.Generator, level: Ints, which: bool) -> Drawn:
    n = len(level)
    subject, reference = _two_things(rng, level)
    direction = rng.integers(0, 4, (n,))
    objects = Objects.drawn(rng, level)
    objects.force(objects.slots(0, 1), subject)
    objects.force(objects.slots(1, 2), reference)
    for unwanted in (subject, reference, subject):  # avoiding one may make the other
        objects.avoid(rng, objects.slots(2, MAX_OBJECTS), unwanted)
    for unwanted in (reference, subject):  # those that a last change made again stand outside of the picture
        objects.count = np.minimum(objects.count, _first_match(objects, unwanted, start=2))
    key = key_of(subject) * 512 + key_of(reference)
    first, second = phrase(subject, NOUN, v.TOKEN["object"])[1:], phrase(reference, NOUN, v.TOKEN["object"])[1:]
    if which:
        answer = balanced(rng, key, 4)
        cells = cell_pairs(rng, STRAIGHT, answer)
        question = question_rows(n, v.TOKEN["where is the"], *first, v.TOKEN["from the"], *second)
        drawn = Drawn(question, answer_rows(n, DIRECTION_WORD + answer), kind_of("relation_which", n), objects)
    else:
        answer = balanced(rng, key * 4 + direction, 2)
        cells = cell_pairs(rng, NOT_WIDE + WIDE, answer * 4 + direction)
        word = v.TOKEN["left of the"] + direction
        question = question_rows(n, v.TOKEN["is the"], *first, word, *second)
        drawn = Drawn(question, answer_rows(n, NO + answer), kind_of("relation_holds", n), objects)
    objects.place(1, cells[:, 0])
    objects.place(0, cells[:, 1])
    return drawn


def _first_match(objects: Objects, unwanted: Ints, start: int) -> Ints:
    """Column of the first object from `start` that has what is asked for, 10 if none has: int64 [n]."""
    same = ((unwanted == ANY)[:, None, :] | (objects.attributes == unwanted[:, None, :])).all(-1)
    same &= objects.slots(start, MAX_OBJECTS)
    return np.where(same.any(1), np.argmax(same, 1), MAX_OBJECTS)


def relation(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """Is the red circle left of the blue square? Where is the red circle from the blue square?"""
    holds, which = parts_of(n, 0.5, 0.5)
    return joined([_relation(rng, level[holds], False), _relation(rng, level[which], True)])


def _more(rng: np.random.Generator, level: Ints, of: int) -> Drawn:
    """Are there more red than blue, or more squares than circles? A tie is no."""
    n = len(level)
    values = VALUES[of]
    one = rng.integers(0, values, (n,))
    other = (one + rng.integers(1, values, (n,))) % values
    answer = balanced(rng, one * values + other, 2)
    few = rng.integers(0, 4, (n,))
    apart = rng.integers(1, np.where(level == 2, 2, 4), n)
    tie = (answer == 0) & (rng.random(n) < 0.25)
    many = few + np.where(tie, 0, apart)
    a, b = np.where(answer == 1, many, few), np.where(answer == 1, few, many)
    objects = Objects.drawn(rng, level)
    objects.at_least(a + b)
    column = np.arange(MAX_OBJECTS)
    rest = rng.integers(0, values - 2, (n, MAX_OBJECTS))
    for taken in (np.minimum(one, other), np.maximum(one, other)):  # passing over both leaves the others equally likely
        rest += rest >= taken[:, None]
    value = np.where(column < a[:, None], one[:, None], np.where(column < (a + b)[:, None], other[:, None], rest))
    objects.attributes[:, :, of] = value
    words = COLOUR_WORD if of == COLOUR else PLURAL
    question = question_rows(n, v.TOKEN["are there more"], words + one, v.TOKEN["than"], words + other)
    return Drawn(question, answer_rows(n, NO + answer), kind_of("comparison_more", n), objects)


def _most(rng: np.random.Generator, level: Ints, of: int) -> Drawn:
    """What color (shape) is most common? One wins, by one on the hardest level."""
    n = len(level)
    values = VALUES[of]
    answer = balanced(rng, np.zeros(n, np.int64), values)
    winners = np.where(level == 2, 3, rng.integers(3, 5, (n,)))
    objects = Objects.drawn(rng, level)
    objects.at_least(winners + 1)
    # The others take turns among the other values, so none of them has more than winners - 1.
    most = np.where(level == 0, 1, winners - 1)
    objects.count = np.minimum(objects.count, winners + most * (values - 1))
    turn = np.argsort(rng.random((n, values - 1)), 1)
    column = np.arange(MAX_OBJECTS)
    late = np.clip(column[None, :] - winners[:, None], 0, None) % (values - 1)
    rest = (answer[:, None] + 1 + np.take_along_axis(turn, late, 1)) % values
    objects.attributes[:, :, of] = np.where(column < winners[:, None], answer[:, None], rest)
    word = v.TOKEN["what color is most common" if of == COLOUR else "what shape is most common"]
    answers = answer_rows(n, FIRST_WORD[of] + answer)
    return Drawn(question_rows(n, word), answers, kind_of("comparison_most", n), objects)


def comparison(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """Are there more red than blue? What color is most common?"""
    parts = parts_of(n, 0.3, 0.3, 0.2, 0.2)
    return joined(
        [
            _more(rng, level[parts[0]], COLOUR),
            _more(rng, level[parts[1]], SHAPE),
            _most(rng, level[parts[2]], COLOUR),
            _most(rng, level[parts[3]], SHAPE),
        ]
    )


def _two_hop(rng: np.random.Generator, level: Ints, asked: str) -> Drawn:
    n = len(level)
    attribute = {"color": COLOUR, "shape": SHAPE}[asked]
    reference = wanting(n, colour=rng.integers(0, 6, (n,)), shape=rng.integers(0, 4, (n,)))
    reference[level == 0, attribute] = ANY  # the easiest level names it by the other attribute alone
    direction = rng.integers(0, 4, (n,))
    answer = balanced(rng, key_of(reference) * 4 + direction, VALUES[attribute])
    objects = Objects.drawn(rng, level)
    objects.force(objects.slots(0, 1), reference)
    objects.attributes[:, 1, attribute] = answer
    objects.avoid(rng, objects.slots(1, 2), reference, keep=attribute)
    objects.avoid(rng, objects.slots(2, MAX_OBJECTS), reference)
    cells = cell_pairs(rng, ADJACENT, direction)
    objects.place(0, cells[:, 0])
    objects.place(1, cells[:, 1])
    word = v.TOKEN["just left of the"] + direction
    names = phrase(reference, NOUN, v.TOKEN["object"])[1:]
    question = question_rows(n, v.TOKEN[f"what {asked} is the object"], word, *names)
    return Drawn(question, answer_rows(n, FIRST_WORD[attribute] + answer), kind_of(f"two_hop_{asked}", n), objects)


def two_hop(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """What color (shape) is the object just left of the red circle?"""
    colour, shape = parts_of(n, 0.5, 0.5)
    return joined([_two_hop(rng, level[colour], "color"), _two_hop(rng, level[shape], "shape")])


def _describe(rng: np.random.Generator, level: Ints, whole: bool) -> Drawn:
    n = len(level)
    cell = rng.integers(0, GRID * GRID, (n,))
    answer = balanced(rng, cell, 48 if whole else 24)
    wanted = wanting(n, colour=answer % 6, shape=answer // 6 % 4)
    objects = Objects.drawn(rng, level)
    if whole:
        wanted[:, SIZE] = answer // 24
    objects.force(objects.slots(0, 1), wanted)
    objects.place(0, cell)
    words = phrase(wanted, NOUN, 0)
    question = question_rows(n, v.TOKEN["describe the object at" if whole else "name the object at"], CELL_WORD + cell)
    kind = kind_of("describe_all" if whole else "describe_name", n)
    return Drawn(question, answer_rows(n, *(words if whole else words[1:])), kind, objects)


def describe(rng: np.random.Generator, n: int, level: Ints) -> Drawn:
    """Name the object at b3: red circle. Describe the object at b3: small red circle."""
    name, whole = parts_of(n, 0.5, 0.5)
    return joined([_describe(rng, level[name], False), _describe(rng, level[whole], True)])


def text(rng: np.random.Generator, n: int, _level: Ints) -> Drawn:
    """Questions without a picture: sums, comparisons of numbers, and a color or shape from the question's own words."""
    total, more, recall = (part.stop - part.start for part in parts_of(n, 0.3, 0.3, 0.4))
    answer = balanced(rng, np.zeros(total, np.int64), 9)
    term = rng.integers(0, answer + 1)
    sums = question_rows(total, v.TOKEN["what is"], NUMBER_WORD + term, v.TOKEN["plus"], NUMBER_WORD + answer - term)
    holds = balanced(rng, np.zeros(more, np.int64), 2)
    low = rng.integers(0, 8, more)
    high = rng.integers(low + 1, 9)
    a, b = np.where(holds == 1, high, low), np.where(holds == 1, low, high)
    comparisons = question_rows(more, v.TOKEN["is"], NUMBER_WORD + a, v.TOKEN["more than"], NUMBER_WORD + b)
    colours = np.argsort(rng.random((recall, 6)), 1)[:, :2]
    shapes = np.argsort(rng.random((recall, 4)), 1)[:, :2]
    which, by_shape = rng.integers(0, 2, recall), rng.integers(0, 2, recall) == 1
    rows = np.arange(recall)
    colour, shape = COLOUR_WORD + colours[rows, which], NOUN + shapes[rows, which]
    words = [COLOUR_WORD + colours[:, 0], NOUN + shapes[:, 0], COLOUR_WORD + colours[:, 1], NOUN + shapes[:, 1]]
    asked = np.where(by_shape, v.TOKEN["color of the"], v.TOKEN["shape of the"])
    recalls = question_rows(recall, *words, asked, np.where(by_shape, shape, colour))
    recalled = answer_rows(recall, np.where(by_shape, colour, shape))
    return joined(
        [
            Drawn(sums, answer_rows(total, NUMBER_WORD + answer), kind_of("text_sum", total), None),
            Drawn(comparisons, answer_rows(more, NO + holds), kind_of("text_more", more), None),
            Drawn(recalls, recalled, kind_of("text_recall", recall), None),
        ]
    )


MAKERS: Final[dict[str, Maker]] = {
    "existence": existence,
    "count": count,
    "attribute": attribute,
    "locate": locate,
    "relation": relation,
    "comparison": comparison,
    "two_hop": two_hop,
    "describe": describe,
    "text": text,
}
