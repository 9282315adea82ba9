"""Content words, and the subject of a question that no vocabulary knows: its own rarest terms."""

from __future__ import annotations

import math
import re

from .documents import LibraryPort

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
STOP_WORDS = frozenset(
    """
    a about above across affect affects after against all also although among an and any are around as associated at
    be because been before being between both but by can compare compared comparing comparison could did do does
    doing done due during each effect effects either else especially etc ever every evidence exist exists extent few
    for found from further get give given had has have having he her here his how however i if impact improve
    improves in increase increases influence into is it its itself just less like likely made main make many may me
    might more most much must my near need neither no nor not now of often on once one only or other our out over
    own per question rather reduce reduces regarding relate related relation result results role same several she
    should show shows similar since so some such suggest than that the their them then there therefore these they
    this those through thus to too toward towards under until up upon use used using various very via was we were
    what when where whether which while who whom whose why will with within without would yes yet you your
    """.split()
)


def content_words(text: str) -> list[str]:
    """Words that carry meaning, case-folded, in order, repeats kept."""
    words = (match.group(0) for match in _WORD.finditer(text))
    return [word.casefold() for word in words if word.casefold() not in STOP_WORDS and len(word) > 1]


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
    """The rarest two words stand for the subject (either will do), the next ones for further facets.

    Rare means rare in this library: a word that no source holds cannot tell sources apart and is left out.
    """
    weighed = [(weight, word) for word, weight in weights(question, library).items() if weight > 0]
    order = [word for _, word in sorted(weighed, key=lambda pair: (-pair[0], pair[1]))]
    if not order:
        return (), {}
    subject, rest = order[:2], order[2:8]
    terms: dict[str, tuple[str, ...]] = {f"term:{word}": (word,) for word in [*subject, *rest]}
    groups: tuple[tuple[str, ...], ...] = (tuple(subject),)
    return groups, terms
