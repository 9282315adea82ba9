"""`sovereign version`."""

from __future__ import annotations

import click

from sovereign._version import __version__

from ._session import Session, verb


@click.command()
@verb
def version(session: Session) -> None:
    """Print the version.

    \b
    Example:
      sovereign version --json
    """
    session.emit({"version": __version__}, __version__)
