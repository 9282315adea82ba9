"""`sovereign why`: what a record says of one source, claim, system, cell or query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sovereign.judge import name_key
from sovereign.records import Document, Facets, Record, Search, Source

from ._console import Console, verb

if TYPE_CHECKING:
    from sovereign.library import Library

# How far down we look for a source that the record's own queries did not return.
_DEPTH = 1000


class Reason(Document):
    """One finding about a name: what it is here, what became of it, and the rule, queries and ranks behind that."""

    name: str
    what: str
    fate: str
    because: tuple[str, ...]


@click.command()
@click.argument("record_id", metavar="RECORD")
@click.argument("name")
@verb
def why(console: Console, record_id: str, name: str) -> None:
    """Say why NAME (a source, claim, system, cell or query) was kept, dropped or not found in RECORD.

    \b
    Examples:
      sovereign why SRCH:2603ABC8 AnyExperts
      sovereign why SRCH:2603ABC8 arxiv:2511.18314
      sovereign why SRCH:2603ABC8 c-0a1b2c3d4e
    """
    workspace = console.workspace()
    record = workspace.archive().load(record_id)
    found = explain(record, name)
    if not found:
        with workspace.library() as library:
            found = [absent(record, library, name)]
    lines = [
        line for one in found for line in (f"{one.name} ({one.what}): {one.fate}", *(f"  {b}" for b in one.because))
    ]
    console.emit([one.to_json() for one in found], lines)


def explain(record: Record, name: str) -> list[Reason]:
    """All that the record itself says of a name; empty when it says nothing."""
    wanted = name.strip()
    found = [_source(record, source) for source in record.sources if _is_named(source.id, wanted)]
    found += _dropped(record, wanted) + _claims(record, wanted) + _cells(record, wanted) + _queries(record, wanted)
    return found + _systems(record, wanted) + _by_hand(record, wanted)


def absent(record: Record, library: Library, name: str) -> Reason:
    """Why a name that the record does not mention is not in it: the library lacks it, or no query came to it."""
    candidates = [name, *(f"{scheme}:{name}" for scheme in ("arxiv", "note"))]
    candidates += [owner.source for owner in library.owners(name)]
    name_in_library = next((candidate for candidate in candidates if candidate in library), None)
    if name_in_library is None:
        remedy = "add it with `sovereign library add`, then ask again"
        return Reason(name=name, what="unknown", fate="not in the library", because=(remedy,))
    because = []
    for search in record.searches:
        hits = library.search(search.query, k=_DEPTH, require=search.require)
        rank = next((hit.rank for hit in hits if hit.source == name_in_library), None)
        place = f"rank {rank}; the record looked at {len(search.hits)}" if rank else f"not among its first {_DEPTH}"
        because.append(f"{search.id} {search.query!r}: {place} (library as it is now)")
    fate = "in the library, returned by no query"
    return Reason(name=name_in_library, what="source", fate=fate, because=tuple(because))


def _is_named(source_id: str, wanted: str) -> bool:
    return wanted.casefold() in (source_id.casefold(), source_id.casefold().partition(":")[2])


def _ranks(record: Record, source_id: str) -> list[str]:
    """The query that ranked a source best, and the rank that each other query gave it."""
    found = sorted(
        (hit.rank, number, search)
        for number, search in enumerate(record.searches)
        for hit in search.hits
        if hit.source == source_id
    )
    if not found:
        return []
    rank, _, best = found[0]
    by_rank: dict[int, list[str]] = {}
    for place, _, search in found:
        by_rank.setdefault(place, []).append(search.id)
    places = "; ".join(f"rank {place} in {', '.join(ids)}" for place, ids in by_rank.items())
    return [
        f"best at rank {rank}, by {best.id} (for {best.purpose}): {best.query!r}",
        f"returned by {len(found)} of {len(record.searches)} queries: {places}",
    ]


def _source(record: Record, source: Source) -> Reason:
    claims = [claim for claim in record.claims if any(quote.source == source.id for quote in claim.quotes)]
    in_cells = {claim for cell in record.cells for claim in cell.claims}
    nearest = {near.claim for cell in record.cells for near in cell.nearest}
    because = [f"kept for {', '.join(source.kept_for) or 'no facet'}", *_ranks(record, source.id)]
    because.append(
        f"{len(claims)} claims drawn from it, {sum(claim.id in in_cells for claim in claims)} in cells, "
        f"{sum(claim.id in nearest for claim in claims)} nearest to a gap"
    )
    return Reason(name=source.id, what=f"{source.kind.value}, {source.title}", fate="kept", because=tuple(because))


def _dropped(record: Record, wanted: str) -> list[Reason]:
    return [
        Reason(
            name=one.source,
            what=f"source, {one.title}",
            fate=f"dropped by the rule {one.rule}",
            because=(one.reason, f"dropped at rank {one.rank} of {one.search}", *_ranks(record, one.source)),
        )
        for one in record.dropped
        if _is_named(one.source, wanted)
    ]


def _claims(record: Record, wanted: str) -> list[Reason]:
    claim = record.claim(wanted)
    if claim is None:
        return []
    because = [f"{claim.text}", f"from {', '.join(sorted({quote.source for quote in claim.quotes}))}"]
    because.append(f"read as {_facets(claim.facets)}")
    holding = [cell.id for cell in record.cells if claim.id in cell.claims]
    because += [
        f"nearest to the gap {cell.id} ({_facets(cell.facets)}): differs in {', '.join(near.differs_in)}"
        for cell in record.cells
        for near in cell.nearest
        if near.claim == claim.id
    ]
    said = sum(claim.id in sentence.claims for sentence in record.answer.sentences)
    because.append(f"{said} sentences of the answer rest on it")
    status = f"{claim.grounding.value}, agreement {claim.agreement.value}, reproduction {claim.reproduction.value}"
    fate = f"in {', '.join(holding)}" if holding else "kept, in no cell: its facets equal those of none"
    return [Reason(name=claim.id, what=f"claim, {status}", fate=fate, because=tuple(because))]


def _cells(record: Record, wanted: str) -> list[Reason]:
    found = []
    for cell in record.cells:
        if cell.id == wanted.casefold():
            because = [_facets(cell.facets)]
            because += [f"{claim} holds it" for claim in cell.claims]
            because += [f"{near.claim} is nearest, differs in {', '.join(near.differs_in)}" for near in cell.nearest]
            verdicts = [one for one in record.gate_verdict.cells if one.cell == cell.id]
            because += [f"gate: {one.status.value}, {one.reason}" for one in verdicts]
            fate = "a gap: not measured" if cell.gap else f"filled by {len(cell.claims)} claims"
            found.append(Reason(name=cell.id, what="cell", fate=fate, because=tuple(because)))
    return found


def _queries(record: Record, wanted: str) -> list[Reason]:
    return [_query(record, search) for search in record.searches if search.id == wanted.casefold()]


def _query(record: Record, search: Search) -> Reason:
    kept = {source.id for source in record.sources}
    because = [f"{search.query!r}, round {search.round}, for {search.purpose}"]
    because += [f"each hit must say one of: {', '.join(group)}" for group in search.require]
    because += [f"rank {hit.rank}: {hit.source} ({'kept' if hit.source in kept else 'dropped'})" for hit in search.hits]
    return Reason(name=search.id, what="query", fate=f"{len(search.hits)} hits", because=tuple(because))


def _by_hand(record: Record, wanted: str) -> list[Reason]:
    """What the owner's hand says of a source, or of a claim that the record may hold no more."""
    found = []
    for applied in record.hand:
        entry = applied.entry
        named = {entry.claim.id if entry.claim is not None else "", *applied.claims}
        if wanted in named or (entry.source is not None and _is_named(entry.source, wanted)):
            what = f"entry {entry.number} of the owner's hand, {entry.kind.value}, of {entry.at}"
            because = [part for part in (entry.note, entry.claim.text if entry.claim is not None else "") if part]
            found.append(Reason(name=wanted, what=what, fate=applied.outcome, because=tuple(because)))
    return found


def _systems(record: Record, wanted: str) -> list[Reason]:
    key = name_key(wanted)
    found = [
        Reason(
            name=system.name,
            what="system that the question names",
            fate="not found",
            because=(system.reason, *(f"asked in {search}" for search in system.searches)),
        )
        for system in record.missing_systems
        if name_key(system.name) == key
    ]
    owners = [source for source in record.sources if key in map(name_key, source.systems)]
    if not found and (owners or key in map(name_key, record.question.facets.system)):
        cells = [cell.id for cell in record.cells if cell.facets.system and name_key(cell.facets.system) == key]
        because = [line for source in owners for line in (f"{source.id} is its own", *_ranks(record, source.id))]
        because.append(f"{len(cells)} cells ask about it")
        fate = "kept" if owners else "named by the question; no source of its own was kept"
        found.append(Reason(name=wanted, what="system", fate=fate, because=tuple(because)))
    return found


def _facets(facets: Facets) -> str:
    said = {name: value for name, value in facets.to_json().items() if value not in (None, [])}
    shown = {name: ", ".join(value) if isinstance(value, list) else value for name, value in said.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items()) or "nothing"
