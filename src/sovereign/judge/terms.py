"""Does a text speak of a term? One rule, used when sources are kept and again when the tribunal looks at them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_SEPARATOR = r"[\s\-‐‑‒–_/@]*"
_LOOSE_SEPARATOR = r"[\s\-‐‑‒–_/@]+"
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


def _fold(text: str) -> str:
    """Case-folded NFKC text; offsets do not survive, so use it for comparing only."""
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=65536)
def name_key(name: str) -> str:
    """One key for all ways of writing a name: `VQA-v2`, `VQAv2` and `vqa v2` are equal."""
    return "".join(_WORD.findall(_fold(name)))


@lru_cache(maxsize=8192)
def term_pattern(term: str) -> re.Pattern[str]:
    """A pattern for a term or phrase: any hyphen or space between words, a plural `s`, whole words only.

    Words of a mixed name may be joined (`VQA-v2`, `VQAv2`); plain words must stay apart. Abbreviations of two or
    three capitals keep their case, so that `MoE` is not `moe` inside a word and `ARO` is not `aro`.
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", term))
    if not words:
        return re.compile(r"(?!)")
    joinable = any(character.isdigit() for character in term) or "-" in term
    between = _SEPARATOR if joinable else _LOOSE_SEPARATOR
    body = between.join(re.escape(word) for word in words)
    keep_case = len(words) == 1 and len(term) <= 4 and sum(c.isupper() for c in term) >= 2
    plural = "" if term[-1].isdigit() else r"(?:e?s)?"
    return re.compile(rf"(?<![^\W_]){body}{plural}(?![^\W_])", re.UNICODE if keep_case else re.UNICODE | re.IGNORECASE)


def mentions(text: str, term: str) -> bool:
    """Whether the text holds the term as whole words."""
    return _may_hold(text, term) and term_pattern(term).search(text) is not None


def term_spans(text: str, term: str) -> list[tuple[int, int]]:
    """Where the term stands in the text, as spans of code points."""
    return [match.span() for match in term_pattern(term).finditer(text)] if _may_hold(text, term) else []


@lru_cache(maxsize=1024)
def _text_key(text: str) -> str:
    return name_key(text)


@lru_cache(maxsize=8192)
def _term_key(term: str) -> str:
    return name_key(term)


def _may_hold(text: str, term: str) -> bool:
    """A cheap look before the pattern: the term's letters must stand in the text's letters."""
    return _term_key(term) in _text_key(text)


def mentions_any(text: str, terms: Iterable[str]) -> bool:
    """Whether the text holds at least one of the terms."""
    return any(mentions(text, term) for term in terms)


def speaks_of(text: str, groups: Sequence[Sequence[str]]) -> bool:
    """Whether the text holds one term of every group; with no groups there is nothing to speak of."""
    return bool(groups) and all(mentions_any(text, group) for group in groups)
