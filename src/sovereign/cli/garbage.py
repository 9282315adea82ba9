"""`sovereign gc`: what a workspace holds that nothing needs."""

from __future__ import annotations

import click

from ._console import Console, verb
from ._text import table


@click.command()
@click.option("--remove", is_flag=True, help="Remove it; without this, it is only listed.")
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Outputs of stages stay so long after their run was done.",
)
@click.option("--cache-days", type=click.FloatRange(min=0), help="Answers of services older than this too.")
@verb
def gc(console: Console, remove: bool, keep_days: float, cache_days: float | None) -> None:
    """List what nothing needs any more, and with --remove, remove it. Records, library, keys and settings stay.

    \b
    Example:
      sovereign gc
      sovereign gc --remove --keep-days 7
    """
    from sovereign.clearing import clear

    done = clear(
        console.workspace(), remove=remove, keep_days=keep_days, cache_days=cache_days, progress=console.progress
    )
    rows = [[heap.kind, str(heap.count), f"{heap.bytes:,}", heap.what] for heap in done.heaps]
    lines = [*table(["kind", "things", "bytes", "what"], rows).splitlines(), ""]
    lines.append(f"{done.bytes:,} bytes {'removed' if remove else 'to remove: `sovereign gc --remove`'}")
    console.emit({**done.to_json(), "bytes": done.bytes}, [*lines, *done.notes])
