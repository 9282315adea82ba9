"""Works fetched by their identifiers into a workspace's library, each on its own: one that fails stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sovereign.library import AddReport, Failure
from sovereign.records import BadInput, NotFound, ServiceError, SovereignError

if TYPE_CHECKING:
    from sovereign.library import Library
    from sovereign.workspace import Workspace


@dataclass(frozen=True, slots=True)
class BroughtWork:
    """One work: as what it lies in the library, what was read of it, and what could not be had."""

    asked: str
    source: str
    title: str
    read: str
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """For a person."""
        return [f"  {self.source}: {self.title}: {self.read}", *(f"    {note}" for note in self.notes)]


@dataclass(frozen=True, slots=True)
class Brought:
    """All of them; `exit_code` is of the first that failed."""

    works: tuple[BroughtWork, ...] = ()
    report: AddReport = field(default_factory=AddReport)
    exit_code: int = 0


def fetch(
    workspace: Workspace, library: Library, identifiers: Sequence[str], progress: Callable[[str], None]
) -> Brought:
    """Fetch works and add them. A failure is in the report with its cause; nothing of that work is kept."""
    from sovereign.library.connectors import connectors_of, fetch_work, open_client

    settings = workspace.services()
    connectors = connectors_of(settings, tuple(settings.services))
    works, failed = [], []
    added = updated = unchanged = code = 0
    with open_client(workspace.net_path, settings, progress=progress) as client:
        for identifier in identifiers:
            try:
                found = fetch_work(client, settings, connectors, identifier, progress)
            except (ServiceError, BadInput, NotFound) as error:
                failed.append(Failure(identifier, _cause(error)))
                code = code or error.exit_code
                continue
            report = library.put([found.source])
            added, updated = added + report.added, updated + report.updated
            unchanged += report.unchanged
            works.append(BroughtWork(identifier, found.source.id, found.source.title, found.read, found.notes))
    return Brought(tuple(works), AddReport(added, updated, unchanged, tuple(failed)), code)


def _cause(error: SovereignError) -> str:
    return f"{error.message}: {error.remedy}" if error.remedy else error.message
