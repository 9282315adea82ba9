"""`sovereign serve`: the owner's desk in a browser on this machine."""

from __future__ import annotations

import click

from sovereign.records import NotFound

from ._console import Console, verb


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 chooses one.")
@verb
def serve(console: Console, host: str, port: int) -> None:
    """Open the desk: records that await you, their evidence, runs that go on; approve, reject, revise, correct.

    It stands on this machine only, and lets in who opens the printed address. Ctrl-C closes it; runs that it started
    go on. Needs the extra `desk`.

    \b
    Example:
      sovereign serve --port 8765
    """
    try:
        from sovereign.desk import serve as run
    except ImportError as error:
        missing = f"the desk needs {error.name}, which is not installed"
        raise NotFound(missing, "pip install 'sovereign-kernel[desk]'") from error

    workspace = console.workspace()
    workspace.key()
    run(
        workspace,
        host=host,
        port=port,
        ready=lambda at: console.emit(
            {"address": at.origin, "entrance": at.entrance},
            [f"the desk stands at {at.origin}; open", f"  {at.entrance}", "Ctrl-C closes it"],
        ),
    )
