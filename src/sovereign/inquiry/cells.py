"""Cells: every combination of facets that the question asks for, filled by claims that match it, or left as a gap
with the nearest claims beside it. A nearest claim never fills a gap."""

from __future__ import annotations

import itertools

from sovereign.judge import mentions_any, name_key
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

MAX_CELLS = 36
NEAREST_PER_GAP = 9
NEAREST_PER_SOURCE = 3
CLAIMS_PER_CELL = 8


def tabulate(planned: Plan, compared: Compared, extracted: Extracted, vocabulary: Vocabulary) -> Tabled:
    """The evidence matrix as a list of cells, systems first, then metrics, then benchmarks."""
    usable = [claim for claim in compared.claims if not claim.stated_negative]
    settled = {claim for run in compared.reproductions for outcome in run.outcomes for claim in outcome.record_claims}
    cells = []
    for number, facets in enumerate(_asked(planned), 1):
        fits = [claim for claim in usable if _fills(claim, facets, planned)]
        if fits:
            held = tuple(claim.id for claim in fits[:CLAIMS_PER_CELL])
            cells.append(Cell(id=f"cell-{number}", facets=facets, claims=held, gap=False))
        else:
            nearest = _nearest(facets, usable, planned, extracted, vocabulary, settled)
            cells.append(Cell(id=f"cell-{number}", facets=facets, gap=True, nearest=nearest))
    return Tabled(cells=tuple(cells))


def _asked(planned: Plan) -> list[Facets]:
    facets = planned.question.facets
    subject = facets.subject[0] if facets.subject else None
    baseline = "; ".join(facets.baseline) or None
    condition = tuple(dict.fromkeys((*([planned.factor] if planned.factor else []), *facets.condition)))
    if not facets.system and not facets.metric and not facets.benchmark:
        words = " ".join(
            term for name, group in planned.facet_terms.items() for term in group if name.startswith("term:")
        )
        asked = subject or words or None
        return [Facets(subject=asked, baseline=baseline, condition=condition)] if asked else []
    combos = itertools.product(facets.system or (None,), facets.metric or (None,), facets.benchmark or (None,))
    return [
        Facets(subject=subject, system=s, metric=m, benchmark=b, baseline=baseline, condition=condition)
        for s, m, b in itertools.islice(combos, MAX_CELLS)
    ]


def _fills(claim: Claim, cell: Facets, planned: Plan) -> bool:
    """Whether a claim measures just what the cell asks: same system, metric, benchmark, baseline and conditions."""
    facets = claim.facets
    if planned.vocabulary == "none" and not cell.system:
        return (facets.metric is None and facets.value is None) or (facets.subject is not None and cell.metric is None)
    if facets.value is None and facets.direction is None:
        return False
    if cell.system and name_key(facets.system or "") != name_key(cell.system):
        return False
    if cell.metric and facets.metric != cell.metric:
        return False
    if cell.benchmark and name_key(facets.benchmark or "") != name_key(cell.benchmark):
        return False
    if cell.baseline and not _same_baseline(facets.baseline, cell.baseline):
        return False
    return all(_condition_met(condition, claim, planned) for condition in cell.condition)


def _same_baseline(claimed: str | None, asked: str) -> bool:
    names = {name_key(name) for name in asked.split("; ")}
    return claimed is not None and any(name in name_key(claimed) for name in names)


def _condition_met(condition: str, claim: Claim, planned: Plan) -> bool:
    """A condition with a number must stand in the sentence; one in words must be spoken of by it."""
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
    settled: set[str],
) -> tuple[Nearest, ...]:
    """The claims worth showing beside a gap, best first: own system, same or related metric, benchmark, subject.

    No more than three per source, one per sentence, so that one talkative source does not hide the others.
    """
    ranked = sorted(
        (
            (_closeness(cell, claim, planned, extracted, vocabulary, settled), index)
            for index, claim in enumerate(claims)
        ),
        key=lambda pair: (-pair[0], pair[1]),
    )
    chosen: list[Claim] = []
    per_source: dict[str, int] = {}
    spans: set[tuple[str, object]] = set()
    own_limit = NEAREST_PER_GAP // 2
    own = 0
    for closeness, index in ranked:
        claim = claims[index]
        source = claim.quotes[0].source
        place = (source, claim.quotes[0].start if claim.quotes[0].pointer is None else claim.quotes[0].pointer)
        is_own = bool(cell.system) and name_key(claim.facets.system or "") == name_key(cell.system or "")
        if closeness <= 0 or place in spans or per_source.get(source, 0) >= NEAREST_PER_SOURCE:
            continue
        if is_own and own >= own_limit:
            continue
        own += is_own
        chosen.append(claim)
        spans.add(place)
        per_source[source] = per_source.get(source, 0) + 1
        if len(chosen) == NEAREST_PER_GAP:
            break
    return tuple(Nearest(claim=claim.id, differs_in=differs_in(cell, claim, planned)) for claim in chosen)


def _closeness(
    cell: Facets,
    claim: Claim,
    planned: Plan,
    extracted: Extracted,
    vocabulary: Vocabulary,
    settled: set[str],
) -> float:
    facets = claim.facets
    score = 0.0
    if cell.system and name_key(facets.system or "") == name_key(cell.system):
        score += 5.0
    metric = vocabulary.metric_named(cell.metric)
    if cell.metric and facets.metric == cell.metric:
        score += 3.0
    elif metric and facets.metric in metric.related:
        score += 1.8 - 0.15 * metric.related.index(facets.metric)
    elif cell.metric and score < 5.0:
        return 0.0
    score += _benchmark_closeness(cell, facets, vocabulary)
    if cell.baseline and _same_baseline(facets.baseline, cell.baseline):
        score += 1.0
    score += 0.7 * sum(_condition_met(condition, claim, planned) for condition in cell.condition)
    about = extracted.subjects.get(claim.quotes[0].source, ())
    score += 0.8 * sum(name.startswith("subject:") for name in about)
    score += 1.2 * sum(name.startswith("factor:") for name in about) + 0.3 * min(4, len(about))
    if facets.value is not None:
        score += 1.0
    if facets.condition:
        score += 0.3
    if facets.direction is not None or facets.baseline is not None:
        score += 0.4
    if claim.grounding is Grounding.MEASURED or claim.id in settled:
        score += 1.5
    if claim.reproduction is ReproductionStatus.REPRODUCED:
        score += 1.0
    return score


def _benchmark_closeness(cell: Facets, facets: Facets, vocabulary: Vocabulary) -> float:
    if not cell.benchmark or not facets.benchmark:
        return 0.0
    if name_key(cell.benchmark) == name_key(facets.benchmark):
        return 2.5
    asked, got = vocabulary.benchmark_named(cell.benchmark), vocabulary.benchmark_named(facets.benchmark)
    return 0.8 if asked and got and asked.family and asked.family == got.family else 0.0


def differs_in(cell: Facets, claim: Claim, planned: Plan) -> tuple[DiffersIn, ...]:
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
    if not all(_condition_met(condition, claim, planned) for condition in cell.condition):
        found.append(DiffersIn.CONDITION)
    if claim.grounding is Grounding.MEASURED:
        found += [DiffersIn.IMPLEMENTATION, DiffersIn.SCALE, DiffersIn.HARDWARE]
    return tuple(found) or (DiffersIn.CONDITION,)
