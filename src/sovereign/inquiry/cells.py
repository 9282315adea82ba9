"""Cells: every combination of facets that the question asks for, filled by claims that match it, or left as a gap
with the nearest claims beside it. A nearest claim never fills a gap."""

from __future__ import annotations

import itertools
import math

from sovereign.records import Cell, Facets

from .documents import Compared, Extracted, Plan, Tabled
from .matching import fills
from .nearest import Nearness
from .vocabulary import Vocabulary

MAX_CELLS = 36
CLAIMS_PER_CELL = 8


def tabulate(planned: Plan, compared: Compared, extracted: Extracted, vocabulary: Vocabulary) -> Tabled:
    """The evidence matrix as a list of cells, systems first, then metrics, then benchmarks."""
    usable = [claim for claim in compared.claims if not claim.stated_negative]
    nearness = Nearness(planned, extracted, vocabulary, usable)
    cells = []
    asked, combinations = _asked(planned)
    for number, facets in enumerate(asked, 1):
        fits = [claim.id for claim in usable if fills(claim, facets, planned, extracted)]
        if fits:
            cells.append(Cell(id=f"cell-{number}", facets=facets, claims=tuple(fits[:CLAIMS_PER_CELL]), gap=False))
        else:
            cells.append(Cell(id=f"cell-{number}", facets=facets, gap=True, nearest=nearness.beside(facets)))
    return Tabled(cells=tuple(cells), left_out=combinations - len(asked))


def _asked(planned: Plan) -> tuple[list[Facets], int]:
    """The first cells that the question asks for, and how many it asks for."""
    facets = planned.question.facets
    subject = facets.subject[0] if facets.subject else None
    baseline = "; ".join(facets.baseline) or None
    condition = tuple(dict.fromkeys((*([planned.factor] if planned.factor else []), *facets.condition)))
    if not facets.system and not facets.metric and not facets.benchmark:
        words = [term for name, group in planned.facet_terms.items() for term in group if name.startswith("term:")]
        words.sort(key=planned.question.text.casefold().find)
        asked = subject or ", ".join(words) or None
        return ([Facets(subject=asked, baseline=baseline, condition=condition)], 1) if asked else ([], 0)
    parts = (facets.system or (None,), facets.metric or (None,), facets.benchmark or (None,))
    return [
        Facets(subject=subject, system=s, metric=m, benchmark=b, baseline=baseline, condition=condition)
        for s, m, b in itertools.islice(itertools.product(*parts), MAX_CELLS)
    ], math.prod(len(part) for part in parts)
