"""Which questions ask the same: by the facets that they are read as, and by their words.

Two questions are near-duplicates if they name the same systems and either share nearly all of their words, or most of
their words and nearly all of what they ask about (metrics, benchmarks, baselines, conditions). Whether one asks more
than the other does not matter: a benchmark more is another question once it is a fourth of what is asked.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from sovereign.inquiry.plan import plan
from sovereign.inquiry.vocabulary import shipped
from sovereign.inquiry.words import content_words, stem
from sovereign.records import Document

if TYPE_CHECKING:
    from sovereign.library import Library

#: Shares (Jaccard) of words and of what is asked about. Set on the questions of `benchmarks/questions` and on pairs of
#: an earlier system that asked the same thing twice (docs/decisions.md).
SAME_WORDS = 0.8
MOST_WORDS, SAME_ASKED = 0.45, 0.75


class Reading(Document):
    """What a question asks, for comparison: folded to lower case, words without their endings."""

    systems: frozenset[str]
    asked: frozenset[str]
    words: frozenset[str]


class Likeness(Document):
    """How alike two questions are; `same` if they count as one."""

    words: float
    asked: float
    same_systems: bool
    same: bool


def read(question: str, library: Library) -> Reading:
    """The facets and words of a question, read over a library (which knows the names of systems)."""
    facets = plan(question, library, shipped()).question.facets
    groups = (facets.metric, facets.benchmark, facets.baseline, facets.condition)
    return Reading(
        systems=frozenset(name.casefold() for name in facets.system),
        asked=frozenset(name.casefold() for group in groups for name in group),
        words=frozenset(stem(word) for word in content_words(question)),
    )


def likeness(one: Reading, other: Reading) -> Likeness:
    """How alike two questions are."""
    words, asked = _share(one.words, other.words), _share(one.asked, other.asked)
    same_systems = one.systems == other.systems
    same = same_systems and (words >= SAME_WORDS or (words >= MOST_WORDS and asked >= SAME_ASKED and bool(one.asked)))
    return Likeness(words=round(words, 3), asked=round(asked, 3), same_systems=same_systems, same=same)


def _share(one: Set[str], other: Set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0
