"""A live search around a run: services asked, the works that they know of added to the library."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from sovereign.records import Search

if TYPE_CHECKING:
    from sovereign.inquiry.live import Found
    from sovereign.inquiry.runs import Run
    from sovereign.inquiry.texts import Texts
    from sovereign.library import Library
    from sovereign.library.connectors import Services
    from sovereign.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Live:
    """Which services to ask (none named: all that are enabled); `offline` uses what was kept of earlier runs.

    `full_texts` is of how many kept works the full text is fetched from arXiv, at most.
    """

    services: tuple[str, ...] = ()
    offline: bool = False
    full_texts: int = 0

    def details(self, settings: Services) -> dict[str, Any]:
        """What a run keeps of it, so that a resumed run asks the same services. Raises BadInput."""
        texts = {"full_texts": self.full_texts} if self.full_texts else {}
        return {"services": list(settings.chosen(self.services)), "offline": self.offline, **texts}


class Told(TypedDict, total=False):
    """What a live search adds to a record beside the works."""

    searches: tuple[Search, ...]
    limitations: tuple[str, ...]


def fetch(
    workspace: Workspace,
    library: Library,
    run: Run,
    question: str,
    details: Mapping[str, Any],
    held: contextlib.ExitStack,
    progress: Callable[[str], None],
    *,
    queries: Sequence[str] = (),
    results: int | None = None,
) -> Told:
    """Ask the services of a run's details, add what they found to the library, and say what it came to.

    A work that the library holds already stays as it is, unless it had no more than its metadata and an abstract was
    found. From then on nobody else writes to the library until `held` is closed. Run again after a kill, it asks
    nothing that was answered, and adds what was not yet added. A method with `queries` of its own names them, and how
    many `results` it takes of each.
    """
    from sovereign.inquiry.live import look_outside
    from sovereign.inquiry.texts import read_outside
    from sovereign.library.connectors import connectors_of, open_client

    settings = workspace.services()
    if results is not None:
        fewer = {name: one.model_copy(update={"results": results}) for name, one in settings.services.items()}
        settings = settings.model_copy(update={"services": fewer})
    connectors = connectors_of(settings, details["services"])
    with open_client(workspace.net_path, settings, offline=details["offline"], progress=progress) as client:
        outside = look_outside(library, question, run, client, connectors, progress, queries)
        with library.alone():
            report = library.put([one.source() for one in outside.found if _is_news(one, library)])
        progress(f"{len(outside.found)} works found, {report.added} added to the library, {report.updated} completed")
        texts: Texts | None = None
        if most := details.get("full_texts", 0):
            everyone = connectors_of(settings, tuple(settings.services))
            texts = read_outside(library, question, run, client, settings, everyone, most, progress)
    held.enter_context(library.alone())
    if texts is not None:
        library.put([one.source() for one in texts.found])
    limitations = (*outside.limitations, *(texts.limitations if texts is not None else ()))
    return {"searches": outside.searches, "limitations": limitations}


def _is_news(source: Found, library: Library) -> bool:
    held = library.get_many([source.id]).get(source.id)
    if held is None:
        return True
    return held.text_level == "metadata" and source.text_level == "abstract"
