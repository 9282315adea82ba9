"""Does a text speak of a term? One rule, used when sources are kept and again when the tribunal looks at them."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_SEPARATOR = r"[\s\-‐‑‒–_/@]*"
_LOOSE_SEPARATOR = r"[\s\-‐‑‒–_/@]+"
#: A word with the signs that make it another name: `MoE++` is not `MoE`, `C#` not `C`, `A*` not `a`.
_WORD = re.compile(r"[^\W_]+(?:\+\+|\#)(?![^\W_])|(?<![^\W_*])[^\W_]{1,2}\*(?![^\W_*])|[^\W_]+", re.UNICODE)
_LETTER = r"[^\W_]"
#: Chinese, Japanese and Korean letters stand beside a name without a space.
_WIDE_LETTERS = "⺀-鿿가-힣豈-﫿"
_WIDE = re.compile(f"[{_WIDE_LETTERS}]")
_VERSION = re.compile(r"(?<=[^\W\d_]{3})v?\d+$")
_LETTERS = re.compile(r"[^\W_]+", re.UNICODE)
_ASCII_LETTERS = {code: None for code in range(128) if not chr(code).isalnum()}


def _fold(text: str) -> str:
    """Case-folded NFKC text; offsets do not survive, so use it for comparing only."""
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=65536)
def name_key(name: str) -> str:
    """One key for all ways of writing a name: `VQA-v2`, `VQAv2` and `vqa v2` are equal."""
    return "".join(_WORD.findall(_fold(name)))


@lru_cache(maxsize=8192)
def term_pattern(term: str, wide: bool = False) -> re.Pattern[str]:
    """A pattern for a term or phrase: any hyphen or space between words, a plural `s`, whole words only.

    Words of a mixed name may be joined (`VQA-v2`, `VQAv2`); plain words must stay apart. Abbreviations of two or
    three capitals keep their case, so that `MoE` is not `moe` inside a word and `ARO` is not `aro`. `wide` is for texts
    with letters of scripts that write no spaces; the pattern for them is slow to make.
    """
    term = unicodedata.normalize("NFKC", term)
    found = list(_WORD.finditer(term))
    if not found:
        return re.compile(r"(?!)")
    words = [match.group() for match in found]
    joinable = any(character.isdigit() for character in term) or "-" in term
    body = _word_body(words[0])
    for before, after in itertools.pairwise(found):
        body += _between(term[before.end() : after.start()], joinable) + _word_body(after.group())
    keep_case = len(words) == 1 and len(term) <= 4 and sum(c.isupper() for c in term) >= 2
    last = words[-1][-1]
    plural = "" if term[-1].isdigit() or last in "+#*" else r"(?:e?s)?"
    letter = f"{_LETTER[:-1]}{_WIDE_LETTERS}]" if wide else _LETTER
    end = rf"(?!{letter}|\+\+|\#(?!{letter}))"
    case = "" if keep_case else "i"  # for the words alone: with the flag, sets of many letters compile slowly
    return re.compile(rf"(?<!{letter})(?{case}:{body}{plural}){end}")


def _word_body(word: str) -> str:
    """A word; `VQAv2` and `CIFAR10` may also be written apart before their number."""
    cut = _VERSION.search(word)
    return re.escape(word) if cut is None else rf"{re.escape(word[: cut.start()])}[\s\-–_]?{re.escape(cut.group())}"


def _between(written: str, joinable: bool) -> str:
    """What may stand between two words of a term: hyphens and spaces for each other, a dot where the term has it."""
    if re.fullmatch(_SEPARATOR, written):
        return _SEPARATOR if joinable else _LOOSE_SEPARATOR
    return r"[\s\-_.]*" if re.fullmatch(r"[\s\-_.]+", written) else rf"[\W_]{{1,{len(written) + 1}}}"


def mentions(text: str, term: str) -> bool:
    """Whether the text holds the term as whole words."""
    return _may_hold(text, term) and term_pattern(term, _is_wide(text)).search(text) is not None


def term_spans(text: str, term: str) -> list[tuple[int, int]]:
    """Where the term stands in the text, as spans of code points."""
    if not _may_hold(text, term):
        return []
    return [match.span() for match in term_pattern(term, _is_wide(text)).finditer(text)]


@lru_cache(maxsize=1024)
def _is_wide(text: str) -> bool:
    return not text.isascii() and _WIDE.search(text) is not None


@lru_cache(maxsize=1024)
def _text_key(text: str) -> str:
    if text.isascii():  # nine times as fast; a full text is looked at often
        return text.lower().translate(_ASCII_LETTERS)
    return "".join(_LETTERS.findall(_fold(text)))


@lru_cache(maxsize=8192)
def _term_key(term: str) -> str:
    return "".join(_LETTERS.findall(_fold(term)))


def _may_hold(text: str, term: str) -> bool:
    """A cheap look before the pattern: the term's letters must stand in the text's letters."""
    return _term_key(term) in _text_key(text)


def may_hold(text: str, terms: tuple[str, ...]) -> list[str]:
    """The terms whose letters stand in the text's letters: the only ones worth a closer look, of many."""
    key = _text_key(text)
    return [term for letters, term in _term_keys(terms) if letters in key]


@lru_cache(maxsize=256)
def _term_keys(terms: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((_term_key(term), term) for term in terms)


def mentions_any(text: str, terms: Iterable[str]) -> bool:
    """Whether the text holds at least one of the terms."""
    return any(mentions(text, term) for term in may_hold(text, tuple(terms)))


def speaks_of(text: str, groups: Sequence[Sequence[str]]) -> bool:
    """Whether the text holds one term of every group; with no groups there is nothing to speak of."""
    return bool(groups) and all(mentions_any(text, group) for group in groups)
