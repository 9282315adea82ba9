"""Numbers, units and names in running text: what the rules and the recalls compare.

Everything here works on plain strings and the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache

_NUMBER = re.compile(r"(?<![\d.])(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)")
_WORDS = {
    "twice": "2",
    "half": "0.5",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}
_WORD = re.compile(r"\b(" + "|".join(_WORDS) + r")(?:-?fold)?\b", re.IGNORECASE)
#: A word as a reader sees it: a run without white space; the punctuation around it is taken off.
_TOKEN = re.compile(r"\S+")
#: A name with digits in it: letters first, then letters, digits and hyphens.
_NAME = re.compile(r"(?=\D*\d)[^\W\d_][^\W_]*(?:[-‐-–][^\W_.]+)*(?:['’]s?)?")
_EDGES = "()[]{}<>\"'“”‘’`,;:.!?…"

_GLUE = r"[\s$\\{}~]*"
_MORE = r"(?:\s*(?:-|–|to|and|or|/|,)\s*\d[\d.,]*)*"
#: How a unit is written. A number shares the unit of the list or range that it opens ("1.03x, 1.15x", "12 to 18 %").
_UNITS = {
    "%": r"(?:%|percent\b|per\s+cent\b|percentage\s+points?\b)",
    "x": r"(?:x\b|×|times\b|\\?times\b|-?fold\b)",
    "tokens/s": r"(?:tokens?\s*(?:/|per)\s*s(?:ec(?:ond)?)?\b|tok/s\b|tps\b)",
    "s": r"(?:s\b|sec(?:onds?)?\b)",
}


def fold(name: str) -> str:
    """A name without case, white space, hyphens and underscores: `VQA-v2` and `vqav2` are one."""
    return re.sub(r"[\s_‐-―-]+", "", name).casefold()


@lru_cache(maxsize=4096)
def _name_pattern(folded: str) -> re.Pattern[str]:
    body = r"[\s_‐-―-]*".join(re.escape(letter) for letter in folded)
    return re.compile(rf"(?<![^\W_]){body}(?:s|es)?(?![^\W_])", re.IGNORECASE)


def names(text: str, name: str) -> bool:
    """Whether `text` names `name`, tolerant of case, hyphen and plural, never inside a longer word.

    `VQA-v2` names `VQAv2`; `VQAv2` does not name `VQA`.
    """
    folded = fold(name)
    return bool(folded) and _name_pattern(folded).search(text) is not None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def numbers(text: str) -> set[Decimal]:
    """Every number written in digits, digits inside names included (`H200` holds 200); no signs."""
    found = {_decimal(match.group()) for match in _NUMBER.finditer(text)}
    return {number for number in found if number is not None}


def numbers_with_words(text: str) -> set[Decimal]:
    """`numbers`, and small numbers spelled out (`fivefold`, `twice`)."""
    return numbers(text) | {Decimal(_WORDS[match.group(1).lower()]) for match in _WORD.finditer(text)}


def tokens(text: str) -> list[str]:
    """The words of a text, surrounding punctuation removed, case folded."""
    return [word for word in map(_bare, _TOKEN.findall(text.casefold())) if word]


def _bare(word: str) -> str:
    """A word without the punctuation around it; the point of `.001` stays."""
    word = word.strip(_EDGES.replace(".", "")).rstrip(_EDGES)
    return word if re.match(r"\.\d", word) else word.lstrip(_EDGES)


def unquoted(text: str, quotes: Iterable[str], exempt: Iterable[str] = ()) -> set[Decimal]:
    """The numbers of a text that stand in none of the quotes.

    A word of `exempt` needs no quote (`VQA-v2`, `top-2`, `64` of the question; identifiers of sources), nor does a
    name with digits that a quote holds too (`H200`). Every other number must stand in a quote by itself: the 2 of
    `top-2` there does not support `2x` here. Case, hyphens and a possessive `'s` do not make another word.
    """
    quoted, names_there = set(), {plain(word) for word in exempt}
    for quote in quotes:
        for word in _TOKEN.findall(quote):
            if _NAME.fullmatch(_bare(word)):
                names_there.add(plain(_bare(word)))
            else:
                quoted |= numbers_with_words(word)
    loose = (numbers(word) for word in tokens(text) if plain(word) not in names_there)
    return set().union(*loose) - quoted


def plain(word: str) -> str:
    """A word as it is compared: folded, without a possessive."""
    return fold(re.sub(r"['’]s?$", "", word))


def stands(value: str, unit: str, text: str) -> bool:
    """Whether the number `value` stands in `text` with its `unit` (`""`: the number alone).

    `value` is compared as a number, so `1,148` and `1148` are equal; a longer number never matches a shorter one.
    """
    wanted = _decimal(value)
    if wanted is None:
        raise ValueError(f"not a number: {value!r}")
    for match in _NUMBER.finditer(text):
        if _decimal(match.group()) != wanted:
            continue
        if not unit:
            return True
        tail = re.compile(rf"(?:{_GLUE}{_UNITS[unit]})|(?:{_MORE}{_GLUE}{_UNITS[unit]})", re.IGNORECASE)
        if tail.match(text, match.end()):
            return True
    return False


def units() -> tuple[str, ...]:
    """The units that a label may use."""
    return ("", *_UNITS)
