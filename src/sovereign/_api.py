"""The Python API's one verb: ask a question, get a record that renders itself in a notebook."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sovereign import workflow
from sovereign.living import Live
from sovereign.records import BadInput, Record
from sovereign.workspace import Workspace

if TYPE_CHECKING:
    from sovereign.library import Library


class ShownRecord(Record):
    """A record that a notebook shows as a page fragment."""

    def _repr_html_(self) -> str:
        from sovereign.publish import notebook_html

        return notebook_html(self)


def ask(
    question: str,
    *,
    workspace: Workspace | str | Path | None = None,
    library: Library | None = None,
    fresh: bool = False,
    live: bool | Sequence[str] = False,
) -> ShownRecord:
    """Answer a question, from a workspace or from a library alone.

    Args:
        question: a sentence or two, at most 2,000 characters.
        workspace: where the draft record is kept; else `$SOVEREIGN_WORKSPACE`, else `./workspace`.
        library: answer from this library instead; the record is returned and kept nowhere.
        fresh: start anew even if a run of this question is unfinished in the workspace.
        live: ask services first and add the works that they know of to the library: True for all that are enabled, or
            their names (`["arxiv"]`).

    Raises:
        BadInput: the question cannot be used, or what was given does not go together.
        NotFound: there is no such workspace.
    """
    if library is None:
        opened = workspace if isinstance(workspace, Workspace) else Workspace.open(workspace)
        names = () if isinstance(live, bool) else (live,) if isinstance(live, str) else tuple(live)
        record = workflow.ask(opened, question, fresh=fresh, live=Live(names) if live else None)
    elif workspace is not None:
        raise BadInput("both a workspace and a library were given", "give one: a workspace has a library of its own")
    elif live:
        raise BadInput("a live search needs a workspace, where the limits towards services are kept", "give one")
    else:
        with tempfile.TemporaryDirectory(prefix="sovereign-") as folder:
            record = workflow.ask(_Borrowing.around(library, Path(folder)), question)
    return ShownRecord.model_validate(record.to_json())


class _Borrowing(Workspace):
    """A passing workspace around somebody else's library, which stays open when we are done."""

    _library: Library

    @classmethod
    def around(cls, library: Library, folder: Path) -> _Borrowing:
        workspace = cls(folder)
        workspace._library = library
        workspace.keys_path.mkdir()
        workspace._make_key()
        return workspace

    @contextlib.contextmanager
    def library(self, *, create: bool = False) -> Iterator[Library]:  # noqa: ARG002
        yield self._library
