"""What part each number plays in its sentence: a result, a start, what something else reached, a setting."""

from __future__ import annotations

import re

from sovereign.judge import RESULT_UNITS, Quantity

from .facets import in_order
from .phrases import in_setting
from .vocabulary import Metric, Vocabulary

_ABOUT = r"(?:(?:about|around|only|just|at\s+(?:most|least)|roughly|some|nearly|a\s+mere|up\s+to)\s+){0,2}"
_FROM = re.compile(rf"\bfrom\s+{_ABOUT}$", re.I)
_TO = re.compile(rf"[^,;.]{{0,40}}?\s+to\s+{_ABOUT}", re.I)
_AGAINST = re.compile(
    rf"\b(?:against|versus|vs\.?|compared\s+(?:to|with)|instead\s+of|rather\s+than|(?:up|down)\s+from)\s+{_ABOUT}\(?$",
    re.I,
)
_ALSO = re.compile(rf"\s+(?:for|of|with|by|in|under)\s+[^;.]{{2,60}}?(?:,|,?\s+and|,?\s+or)\s+{_ABOUT}", re.I)
_RANGE = re.compile(r"\s*(?:to|-|–)\s*")
_WHOSE = re.compile(r"\s+(?:for|of|with|by|in|under)\s+\S")
_FOR = re.compile(r"\s+for\s+(?:the\s+|a\s+|an\s+|plain\s+)*(?P<who>[^,;.()]{3,40})")
#: Numbers that say how well something fits, how sure or how set up it is, whatever metric stands beside them.
_NO_METRIC = re.compile(
    r"(?:R\s?(?:\^\s?\{?2\}?|²)|\bp|\br|\bweights?|\bthresholds?|\btau|\bτ|\btemperature|\bdeviation|\bcorrelation|"
    r"\bcoefficient|\brate\s+of\s+decay|\blearning\s+rate|\bversion|\bsection|\bfigure|\btable)\s*"
    r"(?:[=<>≤≥:]|\bof|\bat|\bis|\bas|\babove|\bover|\bunder|\bbelow)?\s*$",
    re.I,
)
_NEAR = 40
#: `a learning rate of 0.001`, `dropout 10%`, `warm-up over 3%`: how a model was trained or run.
_SET_BEFORE = re.compile(
    r"\b(?:learning[\s-]rates?|drop-?out|weight[\s-]decay|warm-?up|momentum|temperatures?|epochs?|(?:training|optimi[sz]ation|"
    r"gradient)[\s-]steps?|hidden[\s-](?:size|dimension)s?|dimensions?|(?:sequence|context|prompt|input|output)[\s-]lengths?|"
    r"beam(?:[\s-](?:size|width))?|random[\s-]seeds?|top-p|patience|label[\s-]smoothing|mask(?:ing)?[\s-]ratio|rank|"
    r"batch(?:es)?(?:[\s-]sizes?)?)\s*(?:\([^()]*\)\s*)?(?:probability|rates?|ratio|size|values?|steps?)?\s*"
    r"(?:(?:is|are|was|were)\s+)?(?:set\s+)?(?:of|to|at|as|is|are|was|over|for|=|:|~|\$)?\s*\$?$",
    re.I,
)
#: `12 layers`, `100k steps`, `3 epochs`: sizes and lengths, whatever unit was read.
_SET_BEHIND = re.compile(
    r"\s*[kKM]?[\s-]*(?:(?:training|gradient|optimi[sz]ation|warm-?up|transformer|hidden|attention|encoder|decoder)\s+)?"
    r"(?:epochs?|iterations?|updates|layers?|blocks|heads|dimensions?|(?:hidden\s+)?units|neurons|GPUs?|seeds|runs|folds|"
    r"shots?|steps?|warm-?up)\b",
    re.I,
)
#: `less than 90% of its parameters`, `10% of the training data`: a share of something that is no metric.
_SHARE = re.compile(
    r"\s+of\s+(?:(?:its|the|their|our|all|total|original|full|trainable|training|available|labell?ed|model|whole|overall|"
    r"non-embedding|\w+[’']s)\s+){0,4}(?:parameters?|weights|neurons|heads|layers|data|datasets?|samples|examples|images|"
    r"pairs|queries|questions|sentences|documents|users|participants|corpus|vocabulary)\b",
    re.I,
)


def results_in(
    found: list[Quantity], sentence: str, metrics: list[tuple[int, int, Metric]], vocabulary: Vocabulary
) -> list[Quantity]:
    """The numbers of a sentence that are results of what it is about, in order.

    Left out are settings, the first number of `from 7.95 s to 6.20 s`, what follows `against`, and what is stated `for`
    a baseline beside another value.
    """
    fits = [_could_be(q, sentence, metrics) for q in found]
    others = _of_the_baseline(found, sentence)
    for index, q in enumerate(found):
        end = _end_of(index, found, sentence) if _FROM.search(sentence, 0, q.start) else None
        if end is not None:
            fits[end], fits[index] = fits[end] or fits[index], False
    kept = [q for index, q in enumerate(found) if fits[index] and index not in others]
    own = [q for q in kept if not _for_a_baseline(q, sentence, vocabulary)]
    return own or kept


def _could_be(q: Quantity, sentence: str, metrics: list[tuple[int, int, Metric]]) -> bool:
    """A quantity in a result unit, or a bare decimal right behind a metric."""
    if in_setting(q, sentence) or _is_set(q, sentence):
        return False
    if q.unit in RESULT_UNITS:
        return True
    if q.unit == "experts":
        return any(metric.name in ("expert activations", "distinct experts") for _, _, metric in metrics)
    if q.unit is not None or "." not in q.written(sentence) or _NO_METRIC.search(sentence, 0, q.start):
        return False
    return any(0 <= q.start - end <= _NEAR for _, end, _ in metrics)


def _is_set(q: Quantity, sentence: str) -> bool:
    """Whether a number tells how something was set up or what share of something was used, not what came of it."""
    if q.unit == "%" and _SHARE.match(sentence, q.end):
        return True
    if q.unit in (None, "%", "layers", "tokens") and _SET_BEFORE.search(sentence[max(0, q.start - 60) : q.start]):
        return True
    return q.unit in (None, "layers") and _SET_BEHIND.match(sentence, q.end) is not None


def _end_of(index: int, found: list[Quantity], sentence: str) -> int | None:
    """Which number a change that starts here ends at."""
    return next(
        (
            later
            for later in range(index + 1, min(index + 3, len(found)))
            if _TO.fullmatch(sentence, found[index].end, found[later].start)
        ),
        None,
    )


def _of_the_baseline(found: list[Quantity], sentence: str) -> set[int]:
    """`91.9%, against 76.6% for an LRU cache and 60% to 70% for none`: all but the first are other systems' values."""
    others: set[int] = set()
    for index, q in enumerate(found):
        if _AGAINST.search(sentence, 0, q.start):
            others.add(index)
        elif index - 1 in others:
            between = found[index - 1].end, q.start
            listed = _ALSO.fullmatch(sentence, *between) and _WHOSE.match(sentence, q.end)
            if listed or _RANGE.fullmatch(sentence, *between):
                others.add(index)
    return others


def _for_a_baseline(q: Quantity, sentence: str, vocabulary: Vocabulary) -> bool:
    """`0.177 for plain top-k routing, 0.487 for ...`."""
    whose = _FOR.match(sentence, q.end)
    return whose is not None and bool(in_order(whose["who"], [(b.name, b.terms) for b in vocabulary.baseline]))
