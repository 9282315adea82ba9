"""Retrieve: the first papers of every query by relevance, each paper once, in the order in which they came."""

from __future__ import annotations

from sovereign.records import Search, SearchHit

from ..documents import Found, Kept, LibraryPort
from .queries import Asked

#: Results taken of each query. Four queries gave nine papers in the report that we know; three each fit (inferred).
RESULTS = 3


def retrieve(asked: Asked, library: LibraryPort) -> Found:
    """The library's works stand in for arXiv: notes and measurements are no papers. Nothing is dropped, nothing missed.

    The first result of the first query leads.
    """
    searches, ranks = [], dict[str, int]()
    for number, query in enumerate(asked.queries, 1):
        hits = library.search(query, k=RESULTS, kinds=("work",))
        for rank, hit in enumerate(hits, 1):
            ranks[hit.source] = min(rank, ranks.get(hit.source, rank))
        searches.append(
            Search(
                id=f"q{number}",
                round=0,
                purpose=f"query {number} of {len(asked.queries)}",
                query=query,
                hits=tuple(SearchHit(source=hit.source, rank=rank) for rank, hit in enumerate(hits, 1)),
            )
        )
    kept = tuple(Kept(source=source, rank=rank, kept_for=()) for source, rank in ranks.items())
    return Found(searches=tuple(searches), kept=kept, dropped=(), missing=())
