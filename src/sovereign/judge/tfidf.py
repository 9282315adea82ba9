"""TF-IDF cosine of two texts over words and word pairs: the reference method's check of a claim, in plain Python.

Equal to scikit-learn's `TfidfVectorizer(ngram_range=(1, 2))` fitted on the two texts, then the dot product: lower case,
words of two letters or more, smoothed inverse document frequency, unit length. A test compares the two.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from dataclasses import dataclass

_ONLY = math.log(3 / 2) + 1
_WORD = re.compile(r"(?u)\b\w\w+\b")

#: English stop words as in scikit-learn (BSD-3-Clause), which has them from the Glasgow information retrieval group.
STOP_WORDS = frozenset(
    """
    a about above across after afterwards again against all almost alone along already also although always am
    among amongst amoungst amount an and another any anyhow anyone anything anyway anywhere are around as at back
    be became because become becomes becoming been before beforehand behind being below beside besides between
    beyond bill both bottom but by call can cannot cant co con could couldnt cry de describe detail do done down
    due during each eg eight either eleven else elsewhere empty enough etc even ever every everyone everything
    everywhere except few fifteen fifty fill find fire first five for former formerly forty found four from front
    full further get give go had has hasnt have he hence her here hereafter hereby herein hereupon hers herself
    him himself his how however hundred i ie if in inc indeed interest into is it its itself keep last latter
    latterly least less ltd made many may me meanwhile might mill mine more moreover most mostly move much must my
    myself name namely neither never nevertheless next nine no nobody none noone nor not nothing now nowhere of
    off often on once one only onto or other others otherwise our ours ourselves out over own part per perhaps
    please put rather re same see seem seemed seeming seems serious several she should show side since sincere six
    sixty so some somehow someone something sometime sometimes somewhere still such system take ten than that the
    their them themselves then thence there thereafter thereby therefore therein thereupon these they thick thin
    third this those though three through throughout thru thus to together too top toward towards twelve twenty
    two un under until up upon us very via was we well were what whatever when whence whenever where whereafter
    whereas whereby wherein whereupon wherever whether which while whither who whoever whole whom whose why will
    with within without would yet you your yours yourself yourselves
    """.split()
)


@dataclass(frozen=True)
class TermCounts:
    """Words and word pairs of a text with how often each occurs; `square` is the sum of the squared counts."""

    counts: Counter[str]
    square: int


def term_counts(text: str, stop_words: frozenset[str] = STOP_WORDS) -> TermCounts:
    """Words without stop words, and pairs of neighbours among what is left."""
    words = [word for word in _WORD.findall(text.lower()) if word not in stop_words]
    counts = Counter([*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))])
    return TermCounts(counts, sum(n * n for n in counts.values()))


def cosine(one: TermCounts, other: TermCounts) -> float:
    """The cosine of two texts, 0 to 1; 0 where one of them has no words. All sums are of whole numbers, so exact."""
    if not one.counts or not other.counts:
        return 0.0
    both = one.counts.keys() & other.counts.keys()
    product = sum(one.counts[term] * other.counts[term] for term in both)
    lengths = (_length(text, sum(text.counts[term] ** 2 for term in both)) for text in (one, other))
    return min(1.0, product / math.prod(lengths))


def tfidf_cosine(one: str, other: str, stop_words: frozenset[str] = STOP_WORDS) -> float:
    """`cosine` of two texts."""
    return cosine(term_counts(one, stop_words), term_counts(other, stop_words))


def _length(text: TermCounts, shared: int) -> float:
    """Of two texts a term is in one or in both: idf = ln((1 + 2) / (1 + n)) + 1, so 1 for shared terms."""
    return math.sqrt(shared + _ONLY**2 * (text.square - shared))
