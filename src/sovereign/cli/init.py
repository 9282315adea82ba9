"""`sovereign init`: make a workspace."""

from __future__ import annotations

import click

from sovereign.workspace import Workspace

from ._console import Console, verb


@click.command()
@click.option("--empty", is_flag=True, help="Leave the starter notes out of the library.")
@verb
def init(console: Console, empty: bool) -> None:
    """Make a workspace: a library with the starter notes, a key of your own, a policy.toml to edit.

    Run it again on a workspace to complete it; nothing that is there is changed.

    \b
    Example:
      sovereign init --workspace my-questions
    """
    workspace = Workspace.create(console.given, starter=not empty, progress=console.progress)
    with workspace.library() as library:
        size = library.size
    fingerprint = workspace.key().fingerprint
    console.emit(
        {"workspace": str(workspace.path), "sources": size, "key": fingerprint},
        [
            f"workspace  {workspace.path}",
            f"library    {size} sources",
            f"key        {fingerprint}",
            'next       sovereign ask "QUESTION"' + (f" --workspace {console.given}" if console.given else ""),
        ],
    )
