"""What every verb shares: its workspace, and where it writes. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sovereign.records import Document

from ._text import harmless

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


class Console:
    """One call of one verb: which workspace it was given, and how it speaks."""

    def __init__(self, workspace: Path | None, as_json: bool) -> None:
        self.given = workspace
        self.as_json = as_json

    def workspace(self) -> Workspace:
        """The workspace that was named; NotFound when there is none."""
        from sovereign.workspace import Workspace  # `check` needs no workspace and must not load one

        return Workspace.open(self.given)

    def progress(self, message: str) -> None:
        """Tell a person what is being done. A closed stderr does not stop the work."""
        with contextlib.suppress(OSError):
            click.echo(f"  {harmless(message)}", err=True)

    def emit(self, value: Document | Any, text: str | Iterable[str]) -> None:
        """Print the result: `value` with --json, else `text`."""
        if self.as_json:
            plain = value.to_json() if isinstance(value, Document) else value
            self.write(json.dumps(plain, ensure_ascii=False, indent=2) + "\n")
        else:
            lines = text if isinstance(text, str) else "\n".join(text)
            self.write(harmless(lines) + "\n")

    def write(self, data: str | bytes) -> None:
        """Print exactly this, as UTF-8. Ends the process with 141 when nobody reads any more."""
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace")
        try:
            click.echo(raw, nl=False)
            sys.stdout.flush()
        except BrokenPipeError:
            # What the verb did is done and stored; only the printing is cut short. The interpreter flushes stdout once
            # more at its end, and must not meet the closed pipe there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command --workspace and --json, and hand them to it as one `Console`."""

    @click.option(
        "--workspace",
        "workspace_",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The workspace; else $SOVEREIGN_WORKSPACE, else ./workspace.",
    )
    @click.option("--json", "as_json", is_flag=True, help="JSON on stdout, errors too; messages stay on stderr.")
    @functools.wraps(function)
    def wrapped(workspace_: Path | None, as_json: bool, **given: Any) -> None:
        function(Console(workspace_, as_json), **given)

    return wrapped
