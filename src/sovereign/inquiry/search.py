"""Search: ask the library every planned query, keep what speaks of the subject and a further facet, say why not."""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from sovereign.judge import RULE_BANNED, banned, mentions, pinned, speaks_of
from sovereign.records import Dropped, HandGiven, MissingSystem, NotFound, Search, SearchHit

from .documents import Found, Kept, LibraryPort, Plan, PlannedQuery, StoredSource
from .plan import speaks_of_facets
from .reading import spoken

HITS_PER_QUERY = 60
KEEP_AT_MOST = 60
#: The best of every query are kept before the fused order decides, so that no facet is crowded out.
BEST_OF_QUERY = 3
_RANK_CONSTANT = 60.0
_FACET_WEIGHT = 0.3
_OWN = 1000.0
#: What a further facet is worth beside the fused rank: particular ones say more than general ones.
_WORTH = {
    "system": 3.0,
    "factor": 2.0,
    "benchmark": 2.0,
    "subject": 2.0,
    "baseline": 1.0,
    "condition": 0.8,
    "metric": 0.7,
    "near": 0.5,
    "term": 1.0,
    "remark": 1.0,
}

#: Parts of a note that say what a work does not do, and how sure we are: they are not what the work speaks of.
_NOT_SAID = re.compile(r"^#+ (?:what was not|not |caveats|certainty)[^\n]*\n.*?(?=^#|\Z)", re.I | re.M | re.S)

RULE_SUBJECT = "speaks of the subject"
RULE_FACET = "speaks of a further facet"
RULE_NAMESAKE = "is the system that is asked about"
RULE_CAP = "among the best"


def search(planned: Plan, library: LibraryPort, hand: Sequence[HandGiven] = ()) -> Found:
    """Every query asked, the sources kept in order, the others dropped each by a named rule.

    Ranks are fused by their reciprocals (k = 60; Cormack et al., SIGIR 2009) and weighed by the facets that the
    text speaks of. Ties break by source id. A named system's own sources are always kept, and so is what the owner
    pinned; what the owner banned never is.
    """
    not_kept, sure = banned(hand), _held(pinned(hand), library)
    searches = [_ask(number, query, library) for number, query in enumerate(planned.queries, 1)]
    best: dict[str, tuple[int, str]] = {}
    fused: dict[str, float] = {}
    for asked in searches:
        for hit in asked.hits:
            fused[hit.source] = fused.get(hit.source, 0.0) + 1.0 / (_RANK_CONSTANT + hit.rank)
            if hit.source not in best or hit.rank < best[hit.source][0]:
                best[hit.source] = (hit.rank, asked.id)
    owners = {owner: system.name for system in planned.systems for owner in system.owners}
    namesakes = {source: system.name for system in planned.systems for source in system.namesakes}
    for source in (*owners, *sure, *library.ids(kind="measurement")):
        fused.setdefault(source, 0.0)  # looked at, whether a query returned it or not; then it has no rank
    passing: list[tuple[str, tuple[str, ...]]] = []
    dropped: list[Dropped] = []
    for source in sorted(fused):
        stored = library.get(source)
        if source in not_kept:
            if source in best:
                why = not_kept[source].entry.note or "the owner banned it"
                rank, query = best[source]
                gone = Dropped(
                    source=source, title=stored.title, rule=RULE_BANNED, reason=why, search=query, rank=rank
                )
                dropped.append(gone)
            continue
        told = _searchable(stored, planned)
        facets = speaks_of_facets(told, planned)
        if source in owners:
            facets = tuple(dict.fromkeys((f"system:{owners[source]}", *facets)))
        reason = None if source in owners or source in sure else _why_not(told, facets, planned)
        if source in namesakes and source not in sure:
            reason = RULE_NAMESAKE, f"another system that is called {namesakes[source]}, on another subject"
        if reason is None:
            passing.append((source, facets))
        elif source in best:
            rank, query = best[source]
            rule, why = reason
            dropped.append(Dropped(source=source, title=stored.title, rule=rule, reason=why, search=query, rank=rank))
    scored = _scored(passing, fused, {*owners, *sure})
    scored.sort(key=lambda item: (-round(item[0], 9), item[1]))
    scored = _best_first(scored, searches)
    ranks = {source: rank for source, (rank, _) in best.items()}
    kept = [Kept(source=source, rank=ranks.get(source), kept_for=facets) for _, source, facets in scored[:KEEP_AT_MOST]]
    for _, source, _ in scored[KEEP_AT_MOST:]:
        if source not in best:
            continue
        rank, query = best[source]
        why = f"speaks of the question, but {KEEP_AT_MOST} others do so more"
        title = library.get(source).title
        dropped.append(Dropped(source=source, title=title, rule=RULE_CAP, reason=why, search=query, rank=rank))
    dropped.sort(key=lambda drop: (drop.rank, drop.source))
    return Found(
        searches=tuple(searches),
        kept=tuple(kept),
        dropped=tuple(dropped),
        missing=_missing(planned, searches, set(not_kept)),
    )


def _best_first(
    scored: list[tuple[float, str, tuple[str, ...]]], searches: list[Search]
) -> list[tuple[float, str, tuple[str, ...]]]:
    """The order of worth, with the best kept hits of every query moved to before the cut."""
    passing = {source for _, source, _ in scored}
    sure: set[str] = set()
    for asked in searches:
        hits = [hit.source for hit in asked.hits if hit.source in passing]
        sure.update(hits[:BEST_OF_QUERY])
    head = [item for item in scored if item[1] in sure or item[0] >= _OWN][:KEEP_AT_MOST]
    chosen = {source for _, source, _ in head}
    room = KEEP_AT_MOST - len(head)
    rest = [item for item in scored if item[1] not in chosen]
    kept = sorted([*head, *rest[:room]], key=lambda item: (-round(item[0], 9), item[1]))
    return [*kept, *rest[room:]]


def _ask(number: int, query: PlannedQuery, library: LibraryPort) -> Search:
    hits = library.search(query.query, k=HITS_PER_QUERY, require=query.require)
    return Search(
        id=f"q{number}",
        round=query.round,
        purpose=query.purpose,
        query=query.query,
        require=query.require,
        hits=tuple(SearchHit(source=hit.source, rank=rank) for rank, hit in enumerate(hits, 1)),
    )


def _searchable(stored: StoredSource, planned: Plan) -> str:
    """What the keep rule looks at: title and text, of a full text what says what it is about; of a measurement its
    pack's own words."""
    if str(stored.kind) == "measurement":
        spec = stored.meta.get("pack", {})
        claims = " ".join(claim.get("statement", "") for claim in spec.get("claims", []))
        return f"{stored.title}\n{spec.get('description', '')}\n{claims}\n{' '.join(spec.get('bears_on', []))}"
    told = spoken(stored, planned)
    return _NOT_SAID.sub("", told) if str(stored.kind) == "note" else told


def _why_not(told: str, facets: tuple[str, ...], planned: Plan) -> tuple[str, str] | None:
    groups = planned.subject_terms
    if not speaks_of(told, groups):
        subject = "; ".join(group[0] for group in groups) or "a subject that no source speaks of"
        return RULE_SUBJECT, f"does not speak of the question's subject ({subject})"
    if len(facets) < planned.needed_facets:
        return RULE_FACET, "speaks of the subject, but of no further facet of the question"
    return None


def _scored(
    passing: list[tuple[str, tuple[str, ...]]], fused: dict[str, float], owners: set[str]
) -> list[tuple[float, str, tuple[str, ...]]]:
    """Fused rank (best is 1) plus what the facets are worth; one that every source speaks of tells little."""
    spoken = Counter(facet for _, facets in passing for facet in facets)
    most = max((fused[source] for source, _ in passing), default=0.0) or 1.0
    total = math.log(1 + len(passing))
    found = []
    for source, facets in passing:
        worth = sum(
            _WORTH.get(facet.split(":", 1)[0], 0.5) * math.log(1 + len(passing) / spoken[facet]) / total
            for facet in facets
        )
        own = _OWN if source in owners else 0.0
        found.append((own + fused[source] / most + _FACET_WEIGHT * worth, source, facets))
    return found


def _held(sources: Iterable[str], library: LibraryPort) -> set[str]:
    """Those that the library holds."""
    found = set()
    for source in sources:
        with contextlib.suppress(NotFound):
            found.add(library.get(source).id)
    return found


def _missing(planned: Plan, searches: list[Search], not_kept: set[str]) -> tuple[MissingSystem, ...]:
    asked = {system.name: [s.id for s in searches if mentions(s.query, system.name)] for system in planned.systems}
    return tuple(
        MissingSystem(
            name=system.name,
            reason="named but not found: no source of the library is this system's own or a note on it",
            searches=tuple(asked[system.name]),
        )
        for system in planned.systems
        if not set(system.owners) - not_kept
    )
