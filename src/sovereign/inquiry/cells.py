"""Cells: every combination of facets that the question asks for, filled by claims that match it, or left as a gap
with the nearest claims beside it. A nearest claim never fills a gap."""

from __future__ import annotations

import itertools
from collections import Counter

from sovereign.judge import mentions, mentions_any, name_key, numbers_in
from sovereign.records import (
    Cell,
    Claim,
    DiffersIn,
    Facets,
    Grounding,
    Nearest,
    ReproductionStatus,
)

from .documents import Compared, Extracted, Plan, Tabled
from .vocabulary import Vocabulary
from .words import content_words, stem

MAX_CELLS = 36
NEAREST_PER_GAP = 14
OWN_PER_GAP = 5
#: How many nearest claims stand before those of our own runs.
AFTER = 3
NEAREST_PER_SOURCE = 2
#: The share of the question's own terms in a sentence that answers it, where no vocabulary knows the field.
ENOUGH_TERMS = 0.6
#: What each claim already shown of the same metric takes from the next, so that related metrics are seen too.
REPEATED_METRIC = 0.35
REPEATED_OWN_METRIC = 1.0
CLAIMS_PER_CELL = 8


def tabulate(planned: Plan, compared: Compared, extracted: Extracted, vocabulary: Vocabulary) -> Tabled:
    """The evidence matrix as a list of cells, systems first, then metrics, then benchmarks."""
    usable = [claim for claim in compared.claims if not claim.stated_negative]
    cells = []
    for number, facets in enumerate(_asked(planned), 1):
        fits = [claim for claim in usable if _fills(claim, facets, planned, extracted)]
        if fits:
            held = tuple(claim.id for claim in fits[:CLAIMS_PER_CELL])
            cells.append(Cell(id=f"cell-{number}", facets=facets, claims=held, gap=False))
        else:
            nearest = _nearest(facets, usable, planned, extracted, vocabulary)
            cells.append(Cell(id=f"cell-{number}", facets=facets, gap=True, nearest=nearest))
    return Tabled(cells=tuple(cells))


def _asked(planned: Plan) -> list[Facets]:
    facets = planned.question.facets
    subject = facets.subject[0] if facets.subject else None
    baseline = "; ".join(facets.baseline) or None
    condition = tuple(dict.fromkeys((*([planned.factor] if planned.factor else []), *facets.condition)))
    if not facets.system and not facets.metric and not facets.benchmark:
        words = [term for name, group in planned.facet_terms.items() for term in group if name.startswith("term:")]
        words.sort(key=planned.question.text.casefold().find)
        asked = subject or ", ".join(words) or None
        return [Facets(subject=asked, baseline=baseline, condition=condition)] if asked else []
    combos = itertools.product(facets.system or (None,), facets.metric or (None,), facets.benchmark or (None,))
    return [
        Facets(subject=subject, system=s, metric=m, benchmark=b, baseline=baseline, condition=condition)
        for s, m, b in itertools.islice(combos, MAX_CELLS)
    ]


def _fills(claim: Claim, cell: Facets, planned: Plan, extracted: Extracted) -> bool:
    """Whether a claim measures just what the cell asks: same system, metric and benchmark, no other baseline, and every
    condition stated. For a question without a named system the claim's source must speak of all its subjects."""
    facets = claim.facets
    if planned.vocabulary == "none":
        return facets.direction is not None and _coverage(facets, planned) >= ENOUGH_TERMS
    if facets.value is None and facets.direction is None:
        return False
    if cell.system and name_key(facets.system or "") != name_key(cell.system):
        return False
    if cell.metric and facets.metric != cell.metric and not _is_ratio_of(facets, cell.metric):
        return False
    if not cell.system and not cell.benchmark and not cell.condition and not _on_the_question(claim, planned):
        return False
    if cell.benchmark and name_key(facets.benchmark or "") != name_key(cell.benchmark):
        return False
    if cell.baseline and facets.baseline is not None and not _same_baseline(facets.baseline, cell.baseline):
        return False
    about = extracted.subjects.get(claim.quotes[0].source, ())
    if not cell.system and any(name.startswith("subject:") and name not in about for name in planned.facet_terms):
        return False
    return all(_condition_stands(condition, claim) for condition in cell.condition)


def _is_ratio_of(facets: Facets, metric: str) -> bool:
    """A speedup is a ratio of times or rates: `1.26x the inference speed` states one."""
    return metric == "speedup" and facets.unit == "x" and facets.metric in ("throughput", "latency")


def _on_the_question(claim: Claim, planned: Plan) -> bool:
    """Where the question names neither system nor benchmark nor condition, its own words must be in the sentence."""
    asked = {stem(word) for word in content_words(planned.question.text)}
    return len(asked & {stem(word) for word in content_words(claim.text)}) >= ENOUGH_TERMS * len(asked)


def _coverage(facets: Facets, planned: Plan) -> float:
    """The share of the question's own terms that a located sentence holds."""
    terms = [name for name in planned.facet_terms if name.startswith("term:")]
    return len((facets.subject or "").split()) / max(1, len(terms))


def _same_baseline(claimed: str | None, asked: str) -> bool:
    names = {name_key(name) for name in asked.split("; ")}
    return claimed is not None and any(name in name_key(claimed) for name in names)


def _condition_stands(condition: str, claim: Claim) -> bool:
    """Whether the sentence itself states the condition; a range or a sweep must stand there as one."""
    return mentions(claim.text, condition) or name_key(condition) in name_key(claim.text)


def _condition_met(condition: str, claim: Claim, planned: Plan) -> bool:
    """For nearness: a number must stand in the sentence, words may be the field's other words for it."""
    terms = next(
        (terms for name, terms in planned.facet_terms.items() if name.split(":", 1)[1] == condition), (condition,)
    )
    if any(character.isdigit() for character in condition):
        return name_key(condition) in name_key(claim.text)
    return mentions_any(claim.text, terms)


def _nearest(
    cell: Facets,
    claims: list[Claim],
    planned: Plan,
    extracted: Extracted,
    vocabulary: Vocabulary,
) -> tuple[Nearest, ...]:
    """The claims worth showing beside a gap, best first: own system, same or related metric, benchmark, subject.

    One per sentence and few per source, so that one talkative source does not hide the others; claims of a metric that
    is shown already give way a little.
    """
    scored = [(_closeness(cell, claim, planned, extracted, vocabulary), claim) for claim in claims]
    left = [(score, index, claim) for index, (score, claim) in enumerate(scored) if score > 0]
    chosen: list[Claim] = []
    sources: Counter[str] = Counter()
    places: set[tuple[str, object]] = set()
    numbers: set[tuple[str | None, float | None, str | None]] = set()
    own = 0
    while left and len(chosen) < NEAREST_PER_GAP:
        best = max(left, key=lambda item: (item[0] - _repetition(item[2], cell, chosen), -item[1]))
        left.remove(best)
        claim = best[2]
        quote = claim.quotes[0]
        place = (quote.source, quote.start if quote.pointer is None else quote.pointer)
        told = (claim.facets.metric, claim.facets.value, claim.facets.unit)
        is_own = _is_system(claim, cell)
        full = own >= OWN_PER_GAP if is_own else sources[quote.source] >= NEAREST_PER_SOURCE
        if place in places or full or (claim.facets.value is not None and told in numbers):
            continue
        numbers.add(told)
        own += is_own
        chosen.append(claim)
        places.add(place)
        sources[quote.source] += 1
    ours = _our_own(cell, claims, planned, extracted)
    rest = [claim for claim in chosen if claim not in ours and claim.grounding is not Grounding.MEASURED]
    shown = [*rest[:AFTER], *ours, *rest[AFTER:]][:NEAREST_PER_GAP]
    return tuple(Nearest(claim=claim.id, differs_in=differs_in(cell, claim)) for claim in shown)


def _our_own(cell: Facets, claims: list[Claim], planned: Plan, extracted: Extracted) -> list[Claim]:
    """What our own runs have to say beside a gap: per measurement that bears on it, the reproduced claim and the value.

    Of a run's many values the one is taken that shares most numbers with the question, then the pack's first.
    """
    asked = set(numbers_in(planned.question.text))
    found: list[Claim] = []
    for source, metrics in extracted.bears_on.items():
        if cell.metric is not None and cell.metric not in metrics:
            continue
        values = [claim for claim in claims if claim.quotes[0].source == source]
        main = Counter(claim.facets.metric for claim in values).most_common(1)
        values = [claim for claim in values if claim.facets.metric == main[0][0]]
        settled = [claim for claim in claims if claim.reproduction is not ReproductionStatus.NONE]
        found += [max(group, key=lambda claim: _shared(claim, asked)) for group in (settled, values) if group]
    return found


def _shared(claim: Claim, asked: set[str]) -> tuple[int, int]:
    """How much a claim of ours has to do with the question: a general law first, then shared numbers."""
    general = claim.facets.value is None
    return int(general), len(asked & set(numbers_in(claim.text)))


def _repetition(claim: Claim, cell: Facets, chosen: list[Claim]) -> float:
    """What a claim loses for those of its metric that are shown already; more if all are of the asked system."""
    own = _is_system(claim, cell)
    same = sum(c.facets.metric == claim.facets.metric and _is_system(c, cell) == own for c in chosen)
    return same * (REPEATED_OWN_METRIC if own else REPEATED_METRIC)


def _is_system(claim: Claim, cell: Facets) -> bool:
    return bool(cell.system) and name_key(claim.facets.system or "") == name_key(cell.system or "")


def _closeness(
    cell: Facets,
    claim: Claim,
    planned: Plan,
    extracted: Extracted,
    vocabulary: Vocabulary,
) -> float:
    facets = claim.facets
    score = 6.0 * _coverage(facets, planned) if planned.vocabulary == "none" else 0.0
    if cell.system and name_key(facets.system or "") == name_key(cell.system):
        score += 5.0
    metric = vocabulary.metric_named(cell.metric)
    if cell.metric and facets.metric == cell.metric:
        score += 3.0
    elif metric and facets.metric in metric.related:
        score += 1.8 - 0.15 * metric.related.index(facets.metric)
    benchmark = _benchmark_closeness(cell, facets, vocabulary)
    if cell.metric and score == 0.0 and benchmark < 2.0:
        return 0.0
    score += benchmark
    if cell.baseline and facets.direction is not None and _same_baseline(facets.baseline, cell.baseline):
        score += 1.0
    score += 0.8 * sum(_condition_met(condition, claim, planned) for condition in cell.condition)
    about = extracted.subjects.get(claim.quotes[0].source, ())
    score += 1.2 * sum(name.startswith("subject:") for name in about)
    score += 0.6 * sum(name.startswith("factor:") for name in about) + 0.2 * min(4, len(about))
    score += 0.5 * (claim.id in extracted.first_hand)
    score += 1.0 * (facets.value is not None) + 0.3 * bool(facets.condition)
    score += 1.2 * (facets.direction is not None) + 0.5 * (facets.baseline is not None)
    return score


def _benchmark_closeness(cell: Facets, facets: Facets, vocabulary: Vocabulary) -> float:
    if not cell.benchmark or not facets.benchmark:
        return 0.0
    if name_key(cell.benchmark) == name_key(facets.benchmark):
        return 2.5
    asked, got = vocabulary.benchmark_named(cell.benchmark), vocabulary.benchmark_named(facets.benchmark)
    return 0.8 if asked and got and asked.family and asked.family == got.family else 0.0


def differs_in(cell: Facets, claim: Claim) -> tuple[DiffersIn, ...]:
    """In what a claim differs from a cell: facets that are other or not stated; for our own runs also how they ran."""
    facets = claim.facets
    found = []
    if cell.system and name_key(facets.system or "") != name_key(cell.system):
        found.append(DiffersIn.SYSTEM)
    if cell.metric and facets.metric != cell.metric:
        found.append(DiffersIn.METRIC)
    if cell.benchmark and name_key(facets.benchmark or "") != name_key(cell.benchmark):
        found.append(DiffersIn.BENCHMARK)
    if cell.baseline and not _same_baseline(facets.baseline, cell.baseline):
        found.append(DiffersIn.BASELINE)
    if not all(_condition_stands(condition, claim) for condition in cell.condition):
        found.append(DiffersIn.CONDITION)
    if claim.grounding is Grounding.MEASURED:
        found += [DiffersIn.IMPLEMENTATION, DiffersIn.SCALE, DiffersIn.HARDWARE]
    return tuple(found) or (DiffersIn.CONDITION,)
