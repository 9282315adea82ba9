"""Content words, and the subject of a question that no vocabulary knows: its own rarest terms."""

from __future__ import annotations

import math
import re

from .documents import LibraryPort

#: How many of a question's words stand for it when no vocabulary knows the field.
MAX_TERMS = 10
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
STOP_WORDS = frozenset(
    """
    a about above across affect affects after against all also although among an and any are around as associated at
    be because been before being better between both but by can cause causes change changes come comes compare
    compared comparing comparison could did difference differences do does doing done due during each effect effects
    either else especially etc event ever every evidence exist exists extent few for found frequent frequently from
    further get give given gives good had has have having he help helps her here his how however i if impact improve
    improves in increase increases influence into is it its itself just lead leads less level levels like likely
    made main make many may me method methods might more most much must my near need needed neither no nor not now
    number of often on once one only or other our out outcome outcomes over own patient patients per prevent
    question rather reduce reduces regarding relate related relation result results role same several she should
    show shows similar since so some studies study such suggest take taken takes than that the their them then there
    therefore these they this those through thus to together too toward towards under until up upon use used using
    various very via was we were what when where whether which while who whom whose why will with within without
    worse would yes yet you your
    """.split()
)


def content_words(text: str) -> list[str]:
    """Words that carry meaning, case-folded, in order, repeats kept."""
    words = (match.group(0) for match in _WORD.finditer(text))
    plain = (re.sub(r"['’]s?$", "", word).casefold() for word in words)
    return [word for word in plain if word not in STOP_WORDS and len(word) > 1]


def stem(word: str) -> str:
    """A word without its commonest English endings: enough to see `adenoma` in `adenomas`."""
    for ending in ("ies", "es", "s", "ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def weights(text: str, library: LibraryPort) -> dict[str, float]:
    """Each content word with its inverse document frequency in the library; words it does not hold weigh nothing."""
    size = max(1, library.size)
    found: dict[str, float] = {}
    for word in dict.fromkeys(content_words(text)):
        frequency = library.document_frequency(word)
        found[word] = math.log(1 + size / frequency) if frequency else 0.0
    return found


def subject_words(
    question: str, library: LibraryPort
) -> tuple[tuple[tuple[str, ...], ...], dict[str, tuple[str, ...]]]:
    """The rarest words stand for the subject (any of them will do), all of them for facets.

    Rare means rare in this library: a word that no source holds cannot tell sources apart and is left out.
    """
    weighed: dict[str, tuple[float, str]] = {}
    for word, weight in weights(question, library).items():
        if weight > 0 and not word.isdigit():
            weighed.setdefault(stem(word), (weight, word))
    order = [word for _, word in sorted(weighed.values(), key=lambda pair: (-pair[0], pair[1]))][:MAX_TERMS]
    if not order:
        return (), {}
    terms: dict[str, tuple[str, ...]] = {f"term:{word}": (word,) for word in order}
    groups: tuple[tuple[str, ...], ...] = (tuple(order[: max(2, len(order) // 2)]),)
    return groups, terms


def needed_terms(terms: int) -> int:
    """Of how many of the question's terms a kept source must speak when no vocabulary knows the field."""
    return 3 if terms >= 6 else min(2, max(1, terms))
