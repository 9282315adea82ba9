"""`sovereign version`."""

from __future__ import annotations

import click

from sovereign._version import __version__

from ._console import Console, verb


@click.command()
@verb
def version(console: Console) -> None:
    """Print the version.

    \b
    Example:
      sovereign version --json
    """
    console.emit({"version": __version__}, __version__)
