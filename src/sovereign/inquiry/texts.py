"""Full texts of the works that a live search would keep: each a stage of its own, so that none is fetched twice.

The library's own search says which works are kept, by the same rules as in the answer. Those of them that are at arXiv
and held as an abstract are fetched, best first. One that fails is named in the limitations and stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sovereign.library.connectors import Connector, Services, fetch_work
from sovereign.net import Client, HostClosed, NetError, Offline, OverBudget, Stopped
from sovereign.records import BadInput, Document, NotFound

from .live import Found, _code, found_of
from .plan import plan
from .runs import Run
from .search import search
from .vocabulary import shipped

if TYPE_CHECKING:
    from sovereign.library import Library

_LAST = (HostClosed, Offline, OverBudget)


class Texts(Document):
    """The works whose full text was read, and what to say of the others."""

    found: tuple[Found, ...]
    limitations: tuple[str, ...]


class Read(Document):
    """One work fetched; `found` is None where no full text was to be had."""

    found: Found | None
    notes: tuple[str, ...]


def read_outside(
    library: Library,
    question: str,
    run: Run,
    client: Client,
    settings: Services,
    connectors: Mapping[str, Connector],
    most: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Texts:
    """Fetch the full texts of `most` kept works at most.

    Raises:
        StorageError: a text or a limit cannot be stored; what was stored is kept.
    """

    def gather() -> Texts:
        found: list[Found] = []
        failed: list[str] = []
        wanted = _wanted(library, question, most)
        for at, name in enumerate(wanted):
            try:
                read = run.stage(f"text {name}", _code(), {"work": name}, lambda: one(name), Read)  # noqa: B023
            except Stopped:
                raise
            except _LAST as error:
                failed.append(f"{', '.join(wanted[at:])}: {error.message}")
                break
            except (NetError, BadInput, NotFound) as error:
                failed.append(f"{name}: {error.message}")
                continue
            if read.found is None:
                failed.append(f"{name}: {'; '.join(read.notes)}")
            else:
                found.append(read.found)
            progress(f"{len(found)} of {len(wanted)} full texts read")
        told = [f"Of {len(found)} works found live the full text was read ({', '.join(one.id for one in found)})."]
        return Texts(
            found=tuple(found),
            limitations=(*(told if found else ()), *(f"No full text of {one}." for one in failed)),
        )

    def one(name: str) -> Read:
        fetched = fetch_work(client, settings, connectors, name, progress)
        whole = fetched.source.text_level == "full_text"
        return Read(found=found_of(fetched.source) if whole else None, notes=fetched.notes)

    return run.stage("texts", _code(), {"question": question, "most": most}, gather, Texts)


def _wanted(library: Library, question: str, most: int) -> list[str]:
    """The works that the answer would keep, that arXiv has, and of which we hold no more than the abstract."""
    planned = plan(question, library, tuple(shipped()))
    kept = [one.source for one in search(planned, library).kept if one.source.startswith("arxiv:")]
    held = library.get_many(kept)
    return [name for name in kept if held[name].kind == "work" and held[name].text_level != "full_text"][:most]
