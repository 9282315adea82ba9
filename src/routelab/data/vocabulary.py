"""The closed vocabulary of ShapeQA: words and fixed phrases, one token each; 0 is padding.

Fixed phrases ("is there a") are single tokens so that a question has at most six; a text is cut by longest match, and
`decode(encode(text)) == text` for every text that is made of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadData

PAD: Final = 0
END: Final = 1

COLOURS: Final = ("red", "green", "blue", "yellow", "purple", "cyan")
SHAPES: Final = ("square", "circle", "triangle", "cross")
PLURALS: Final = ("squares", "circles", "triangles", "crosses")
SIZES: Final = ("small", "large")
CELLS: Final = tuple(f"{row}{column}" for row in "abcd" for column in "1234")  # a1 is top left, d4 bottom right
NUMBERS: Final = tuple(str(n) for n in range(9))
DIRECTIONS: Final = ("left", "right", "above", "below")
LETTERS: Final = ("A", "B", "C", "D")

#: Position in this tuple is the token's number: append only, or every stored checkpoint reads other words.
TOKENS: Final = (
    "<pad>",
    "<end>",
    "no",
    "yes",
    *COLOURS,
    *SHAPES,
    *PLURALS,
    *SIZES,
    *CELLS,
    *NUMBERS,
    *DIRECTIONS,
    *LETTERS,
    "object",
    "objects",
    "is there a",
    "how many",
    "what color is",
    "what shape is",
    "what size is",
    "where is the",
    "is the",
    "left of the",
    "right of the",
    "above the",
    "below the",
    "from the",
    "are there more",
    "than",
    "what color is most common",
    "what shape is most common",
    "what color is the object",
    "what shape is the object",
    "just left of the",
    "just right of the",
    "just above the",
    "just below the",
    "name the object at",
    "describe the object at",
    "what is",
    "plus",
    "is",
    "more than",
    "color of the",
    "shape of the",
)
TOKEN: Final = {text: number for number, text in enumerate(TOKENS)}
SIZE: Final = len(TOKENS)
_LONGEST: Final = max(len(text.split()) for text in TOKENS)


def first(words: Sequence[str]) -> int:
    """Number of the first of some words that stand together in the vocabulary, so that `first(COLOURS) + c` is c's."""
    return TOKEN[words[0]]


def encode(text: str) -> list[int]:
    """Token numbers of a text; a question mark at its end says nothing and has no token.

    Raises:
        BadData: a word is not in the vocabulary.
    """
    words = text.strip().removesuffix("?").split()
    tokens: list[int] = []
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            number = TOKEN.get(" ".join(words[at : at + length]))
            if number is not None:
                tokens.append(number)
                at += length
                break
        else:
            raise BadData(f"{words[at]!r} is not in the vocabulary of ShapeQA", "its words are routelab.data.TOKENS")
    return tokens


def decode(tokens: Sequence[int] | NDArray[np.int64]) -> str:
    """The text of token numbers: padding is passed over, the end token ends it.

    Raises:
        BadData: a number is no token.
    """
    words = []
    for number in tokens:
        if not 0 <= int(number) < SIZE:
            raise BadData(f"token {int(number)} is not in 0 .. {SIZE - 1}")
        if number == END:
            break
        if number != PAD:
            words.append(TOKENS[int(number)])
    return " ".join(words)


def left_padded(rows: Sequence[Sequence[int]], length: int | None = None) -> NDArray[np.int64]:
    """Token rows as int64 [n, length], padded with 0 on the left so that each ends at the last column.

    Raises:
        BadData: a row is longer than `length`.
    """
    longest = max((len(row) for row in rows), default=0)
    if length is not None and longest > length:
        raise BadData(f"a question of {longest} tokens does not fit into {length}")
    out = np.zeros((len(rows), longest if length is None else length), np.int64)
    for i, row in enumerate(rows):
        if row:
            out[i, -len(row) :] = row
    return out
