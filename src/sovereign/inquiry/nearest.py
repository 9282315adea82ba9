"""Which claims stand beside a gap: the closest, varied over sources and metrics, and what our own runs say."""

from __future__ import annotations

from collections import Counter

from sovereign.judge import mentions, mentions_any, numbers_in
from sovereign.records import Claim, Facets, Grounding, Nearest, ReproductionStatus

from .documents import Extracted, Plan
from .matching import condition_stands, coverage, differs_in, same_baseline, same_name
from .vocabulary import Vocabulary

NEAREST_PER_GAP = 16
OWN_PER_GAP = 5
PER_SOURCE = 2
#: Of how many claims, the closest, the nearest are chosen one after another.
MOST_LOOKED_AT = 600
#: How many nearest claims stand before those of our own runs.
AFTER = 3
#: What each claim already shown of the same metric takes from the next, so that related metrics are seen too.
REPEATED_METRIC = 0.35
REPEATED_OWN_METRIC = 1.0


class Nearness:
    """Ranks a question's claims beside its gaps.

    Args:
        claims: all that may stand beside a gap, in the order of their sources.
    """

    def __init__(self, planned: Plan, extracted: Extracted, vocabulary: Vocabulary, claims: list[Claim]) -> None:
        self._planned = planned
        self._extracted = extracted
        self._vocabulary = vocabulary
        self._claims = claims
        first_hand = frozenset(extracted.first_hand)
        self._worth = [self._worth_of(claim, claim.id in first_hand) for claim in claims]

    def beside(self, cell: Facets) -> tuple[Nearest, ...]:
        """The nearest claims of a gap, best first, our own runs' after the first three.

        One per sentence and number, few per source; a metric that is shown already gives way a little.
        """
        scored = [self._closeness(cell, index) for index in range(len(self._claims))]
        left = [index for index, score in enumerate(scored) if score > 0]
        if len(left) > MOST_LOOKED_AT:
            left = sorted(sorted(left, key=lambda index: (-scored[index], index))[:MOST_LOOKED_AT])
        chosen: list[Claim] = []
        seen: set[object] = set()
        sources: Counter[str] = Counter()
        metrics: Counter[tuple[str | None, bool]] = Counter()

        def rank(index: int) -> tuple[float, int]:
            claim = self._claims[index]
            own = same_name(claim.facets.system, cell.system)
            repeated = metrics[claim.facets.metric, own] * (REPEATED_OWN_METRIC if own else REPEATED_METRIC)
            return scored[index] - repeated, -index

        while left and len(chosen) < NEAREST_PER_GAP:
            best = max(left, key=rank)
            left.remove(best)
            claim = self._claims[best]
            own = same_name(claim.facets.system, cell.system)
            full = sources["own"] >= OWN_PER_GAP if own else sources[claim.quotes[0].source] >= PER_SOURCE
            place, told = _place(claim), _told(claim)
            if full or place in seen or told in seen:
                continue
            seen |= {place, told}
            chosen.append(claim)
            sources["own" if own else claim.quotes[0].source] += 1
            metrics[claim.facets.metric, own] += 1
        ours = self._our_own(cell)
        rest = [claim for claim in chosen if claim not in ours and claim.grounding is not Grounding.MEASURED]
        shown = [*rest[:AFTER], *ours, *rest[AFTER:]][:NEAREST_PER_GAP]
        return tuple(Nearest(claim=claim.id, differs_in=differs_in(cell, claim)) for claim in shown)

    def _closeness(self, cell: Facets, index: int) -> float:
        """How near a claim is to a cell. The weights were set by reading the answers to the development questions."""
        facets = self._claims[index].facets
        score = 6.0 * coverage(facets, self._planned) if self._planned.vocabulary == "none" else 0.0
        if cell.system and same_name(facets.system, cell.system):
            score += 5.0
        metric = self._vocabulary.metric_named(cell.metric)
        if cell.metric and facets.metric == cell.metric:
            score += 3.0
        elif metric and facets.metric in metric.related:
            score += 1.8 - 0.15 * metric.related.index(facets.metric)
        benchmark = self._benchmark_closeness(cell, facets)
        if cell.metric and score == 0.0 and benchmark < 2.0:
            return 0.0
        if cell.baseline and facets.direction is not None and same_baseline(facets.baseline, cell.baseline):
            score += 1.0
        return score + benchmark + self._worth[index]

    def _worth_of(self, claim: Claim, first_hand: bool) -> float:
        """What a claim is worth beside any gap: conditions, subjects, and how much of a result it is."""
        facets = claim.facets
        about = self._extracted.subjects.get(claim.quotes[0].source, ())
        score = self._on_the_subject(claim)
        score += 0.8 * sum(self._condition_met(name, claim) for name in self._conditions())
        score += 1.2 * sum(name.startswith("subject:") for name in about)
        score += 0.6 * sum(name.startswith("factor:") for name in about) + 0.2 * min(4, len(about))
        score += 0.5 * first_hand
        score += 1.0 * (facets.value is not None) + 0.3 * bool(facets.condition)
        return score + 1.2 * (facets.direction is not None) + 0.5 * (facets.baseline is not None)

    def _on_the_subject(self, claim: Claim) -> float:
        """How much of a subject that the vocabulary has no name for stands in the sentence."""
        if self._planned.vocabulary == "none" or self._planned.question.facets.subject:
            return 0.0
        words = [name.removeprefix("term:") for name in self._planned.facet_terms if name.startswith("term:")]
        return 3.0 * sum(mentions(claim.text, word) for word in words) / max(1, len(words))

    def _conditions(self) -> list[str]:
        """The facets that are conditions, one that is also the factor counted once."""
        names = [name for name in self._planned.facet_terms if name.startswith(("factor:", "condition:"))]
        return list({name.split(":", 1)[1]: name for name in names}.values())

    def _condition_met(self, name: str, claim: Claim) -> bool:
        """A condition's number must stand in the sentence; its words may be the field's other words for it."""
        condition = name.split(":", 1)[1]
        if any(character.isdigit() for character in condition):
            return condition_stands(condition, claim)
        return mentions_any(claim.text, self._planned.facet_terms[name])

    def _benchmark_closeness(self, cell: Facets, facets: Facets) -> float:
        if not cell.benchmark or not facets.benchmark:
            return 0.0
        if same_name(cell.benchmark, facets.benchmark):
            return 2.5
        asked = self._vocabulary.benchmark_named(cell.benchmark)
        got = self._vocabulary.benchmark_named(facets.benchmark)
        return 0.8 if asked and got and asked.family and asked.family == got.family else 0.0

    def _our_own(self, cell: Facets) -> list[Claim]:
        """What our own runs say beside a gap: per measurement that bears on it, the reproduced claim and a value.

        Of a run's many values the one is taken that shares most numbers with the question, then the pack's first.
        """
        asked = set(numbers_in(self._planned.question.text))
        found: list[Claim] = []
        for source, metrics in self._extracted.bears_on.items():
            if cell.metric is not None and cell.metric not in metrics:
                continue
            values = [claim for claim in self._claims if claim.quotes[0].source == source]
            main = Counter(claim.facets.metric for claim in values).most_common(1)
            values = [claim for claim in values if claim.facets.metric == main[0][0]]
            settled = [claim for claim in self._claims if claim.reproduction is not ReproductionStatus.NONE]
            found += [max(group, key=lambda claim: _shared(claim, asked)) for group in (settled, values) if group]
        return found


def _place(claim: Claim) -> object:
    quote = claim.quotes[0]
    return quote.source, quote.start if quote.pointer is None else quote.pointer


def _told(claim: Claim) -> object:
    """The number that a claim tells; a claim without one is only like itself."""
    facets = claim.facets
    return claim.id if facets.value is None else (facets.metric, facets.value, facets.unit)


def _shared(claim: Claim, asked: set[str]) -> tuple[bool, int]:
    """How much a claim of ours has to do with the question: a general law first, then shared numbers."""
    return claim.facets.value is None, len(asked & set(numbers_in(claim.text)))
