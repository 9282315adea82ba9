"""Retrieve: the first papers of every query by relevance, each paper once, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator

from sovereign.records import Document, Search, SearchHit

from ..documents import Found, Kept, LibraryPort
from .queries import Asked

#: Results taken of each query. Four queries gave nine papers in the report that we know; three each fit (inferred).
RESULTS = 3


class Answered(Document):
    """What arXiv answered, where it was asked."""

    searches: tuple[Search, ...]


def retrieve(asked: Asked, library: LibraryPort, live: Answered | None = None) -> Found:
    """arXiv's answers; without them the library's works stand in: notes and measurements are no papers.

    The first result of the first query leads. Nothing is dropped, and nothing is missed.
    """
    searches = live.searches if live is not None else tuple(_search(asked, library))
    ranks: dict[str, int] = {}
    for search in searches:
        for hit in search.hits:
            ranks[hit.source] = min(hit.rank, ranks.get(hit.source, hit.rank))
    kept = tuple(Kept(source=source, rank=rank, kept_for=()) for source, rank in ranks.items())
    return Found(searches=searches, kept=kept, dropped=(), missing=())


def _search(asked: Asked, library: LibraryPort) -> Iterator[Search]:
    for number, query in enumerate(asked.queries, 1):
        hits = library.search(query, k=RESULTS, kinds=("work",))
        yield Search(
            id=f"q{number}",
            round=0,
            purpose=f"query {number} of {len(asked.queries)}",
            query=query,
            hits=tuple(SearchHit(source=hit.source, rank=rank) for rank, hit in enumerate(hits, 1)),
        )
