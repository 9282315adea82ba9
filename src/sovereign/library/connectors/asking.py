"""Connectors and the client that they are asked through, from the settings of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sovereign.net import Budget, Client, SystemClock

from ._port import Connector, Wanted
from ._settings import Services
from ._work import Work
from .arxiv import Arxiv
from .crossref import Crossref
from .openalex import OpenAlex
from .semantic_scholar import SemanticScholar


def connectors_of(settings: Services, names: Sequence[str]) -> dict[str, Connector]:
    """The connectors of some services, by name, in the settings' order. Nothing is opened."""
    made: dict[str, Connector] = {
        "arxiv": Arxiv(settings.services["arxiv"]),
        "semantic-scholar": SemanticScholar(settings.services["semantic-scholar"]),
        "openalex": OpenAlex(settings.services["openalex"], settings.contact),
        "crossref": Crossref(settings.services["crossref"], settings.contact),
    }
    return {name: made[name] for name in settings.services if name in names}


def open_client(
    folder: Path,
    settings: Services,
    *,
    offline: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Client:
    """A client that may talk to the services of the settings, within one run's budget.

    Args:
        folder: where kept answers lie, and limits unless the settings name another place.
        offline: send nothing; kept answers serve.
    """
    clock = SystemClock()
    budget = Budget(
        settings.budget_requests, settings.budget_mb * 1_000_000, settings.budget_seconds, clock.monotonic
    )
    return Client(
        folder,
        [one.rule(name) for name, one in settings.services.items()],
        contact=settings.contact,
        budget=budget,
        offline=offline,
        cache_days=settings.cache_days,
        cache_bytes=settings.cache_mb * 1_000_000,
        limits_folder=Path(settings.limits_folder).expanduser() if settings.limits_folder else None,
        progress=progress,
        clock=clock,
    )


def search_arxiv(client: Client, settings: Services, queries: Sequence[str]) -> list[tuple[Work, ...]]:
    """The works for each query of plain words, sorted by relevance, one query after the other within arXiv's limits.

    Raises:
        NetError: what a query came to that got no answer.
    """
    connector = Arxiv(settings.services["arxiv"])
    found = []
    for query in queries:
        request = connector.search(Wanted(query))
        answer = client.send(request, lambda one, asked=request: connector.read(asked, one))  # type: ignore[misc]
        found.append(connector.read(request, answer).works)
    return found
