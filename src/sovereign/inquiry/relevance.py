"""Which passages of one text matter to a question: BM25 over the text's own passages, with what papers call what
askers ask.

An asker says "data", a paper "a corpus of 2,000 annotated tweets", under the heading "Experimental setup". So a
question's words bring words along that papers use for them, at a lower weight, and headings count beside the words
under them. The weights were set on QASPER's training questions; `benchmarks/qasper.py` measures them on others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from sovereign.library.index import STOP_TERMS, analyse

from .passages import Kind, Passage

K1, B = 1.5, 0.35
#: Weights beside a word of the question itself (1): a word that it brings along, a word of a heading, a heading that is
#: brought along, and what a section on other people's work loses.
BROUGHT, HEADING, HEADING_BROUGHT, OF_OTHERS = 0.4, 0.5, 1.0, 2.0

#: Words of a question; words of the paragraphs that answer it; words of the headings above those.
_ASKED: tuple[tuple[str, str, str], ...] = (
    (
        "dataset corpus corpora data",
        "dataset corpus corpora data collected annotated contains test set",
        "dataset data corpus experimental setup",
    ),
    (
        "baseline compare compared comparison against",
        "baseline compared against state-of-the-art",
        "baselines comparison results experiments",
    ),
    (
        "metric evaluate evaluated evaluation measure measured assess",
        "metric evaluate evaluation score accuracy F1 precision recall BLEU measure",
        "evaluation metrics experiments",
    ),
    (
        "result performance improve improvement outperform better accuracy score gain best achieve",
        "results table outperforms improvement compared score best achieves",
        "results",
    ),
    ("language", "English German Chinese Spanish French language", "data dataset"),
    ("size big large many long", "total contains number size consists", "dataset data statistics"),
    (
        "annotate annotator annotation label crowdsource collected expert",
        "annotators annotated labels crowdsourcing Turk agreement expert workers",
        "annotation data collection",
    ),
    ("architecture model network layer", "model architecture layer network", "model architecture method approach"),
    ("feature", "features vector", "features"),
    ("human", "human judges raters quality annotators", "human evaluation"),
    (
        "limitation drawback fail error",
        "error errors fail limitation however future",
        "error analysis limitations conclusion",
    ),
    ("task experiment", "task experiments evaluate", "experiments tasks"),
    ("embedding pretrained", "embeddings pretrained word2vec GloVe fastText BERT", "embeddings setup"),
    (
        "parameter hyperparameter optimizer trained training",
        "learning rate batch size epochs dropout dimension",
        "training implementation details setup",
    ),
    ("source collect come", "collected source from website", "data collection"),
)
#: Words that every question about a paper has, and that tell its passages apart by accident.
_OF_QUESTIONS = "paper authors author they their propose proposed does did use used which what how many kind type types"


def rank(text: str, passages: Sequence[Passage], question: str, also: Iterable[str] = ()) -> list[Passage]:
    """The passages of a text by how much they have to do with a question, best first; ties in the order of the text.

    Args:
        text: the text that the passages are of.
        passages: those to rank; skipped ones (references and the like) are left out.
        question: the question as asked.
        also: further terms that stand for what is asked, such as the field's other names for it.
    """
    kept = [passage for passage in passages if passage.kind is not Kind.SKIPPED]
    scores = _scores(text, kept, *_query(question, tuple(also)))
    order = sorted(range(len(kept)), key=lambda index: (-scores[index], index))
    return [kept[index] for index in order]


def _scores(
    text: str, passages: Sequence[Passage], query: Mapping[str, float], headings: Mapping[str, float]
) -> list[float]:
    counts = [Counter(analyse(text[passage.start : passage.end])) for passage in passages]
    lengths = [sum(count.values()) for count in counts]
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    held = {term: sum(term in count for count in counts) for term in query}
    above = [frozenset(_of_heading(passage.section)) for passage in passages]
    under = Counter(term for terms in above for term in terms)
    size = len(passages)
    scores = []
    for passage, count, length, terms in zip(passages, counts, lengths, above, strict=True):
        norm = K1 * (1.0 - B + B * length / mean)
        score = -OF_OTHERS if passage.of_others else 0.0
        for term, weight in query.items():
            if n := count.get(term, 0):
                idf = math.log(1.0 + (size - held[term] + 0.5) / (held[term] + 0.5))
                score += weight * idf * (1.0 + K1) * n / (n + norm)
        for term in sorted(terms):
            if query.get(term) == 1.0:
                score += HEADING * math.log(1.0 + size / under[term])
            else:
                score += headings.get(term, 0.0)
        scores.append(round(score, 9))
    return scores


@lru_cache(maxsize=64)
def _query(question: str, also: tuple[str, ...]) -> tuple[dict[str, float], dict[str, float]]:
    """Weights of terms in passages and in headings, each in sorted order."""
    asked, common = set(analyse(question)), set(analyse(_OF_QUESTIONS))
    own = (asked - STOP_TERMS - common) or (asked - STOP_TERMS) or asked
    query = dict.fromkeys(own, 1.0)
    headings: dict[str, float] = {}
    for cues, body, above in _brought():
        if asked & cues:
            for term in body:
                query.setdefault(term, BROUGHT)
            headings |= dict.fromkeys(above, HEADING_BROUGHT)
    for term in (term for phrase in also for term in analyse(phrase)):
        if term not in STOP_TERMS:
            query.setdefault(term, BROUGHT)
    return dict(sorted(query.items())), headings


@lru_cache(maxsize=1)
def _brought() -> tuple[tuple[frozenset[str], frozenset[str], frozenset[str]], ...]:
    cut = [[frozenset(analyse(words)) for words in row] for row in _ASKED]
    return tuple((cues, body - STOP_TERMS, above - STOP_TERMS) for cues, body, above in cut)


@lru_cache(maxsize=4096)
def _of_heading(section: str) -> tuple[str, ...]:
    return tuple(analyse(section))
