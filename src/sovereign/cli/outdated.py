"""`sovereign outdated`: which records may not be what they would be today, and why."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import Console, verb
from ._text import shorten


@click.command()
@click.argument("record_ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--retractions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Retraction Watch's data as CSV: sources that were retracted are named.",
)
@verb
def outdated(console: Console, record_ids: tuple[str, ...], retractions: Path | None) -> None:
    """Say which records may be outdated: a source retracted, changed or gone, a library that grew, other rules.

    Nothing is changed. Ends with 0 when nothing serious was found, else with 11. What a record would say today shows
    `sovereign ask` with its question.

    \b
    Example:
      sovereign outdated --retractions retraction_watch.csv
    """
    from sovereign.outdated import outdated as look
    from sovereign.outdated import read_retractions
    from sovereign.records import record_id_of

    known = read_retractions(retractions) if retractions else None
    names = tuple(record_id_of(name) for name in record_ids)
    found = look(console.workspace(), names, retractions=known, progress=console.progress)
    lines = []
    for one in found:
        if one.causes:
            lines.append(f"{one.record} version {one.version}: {shorten(one.question, 80)}")
            lines += [f"  {'!' if cause.serious else '-'} {cause.kind}: {cause.what}" for cause in one.causes]
    serious = sum(any(cause.serious for cause in one.causes) for one in found)
    lines.append(f"{serious} of {len(found)} records may be outdated")
    console.emit([one.to_json() for one in found], lines)
    if serious:
        raise SystemExit(11)
