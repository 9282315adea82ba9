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
@click.option("--crossref", is_flag=True, help="Ask Crossref about every paper that has a DOI; answers are kept.")
@click.option("--offline", is_flag=True, help="With --crossref: only answers that earlier calls kept.")
@click.option("--sign", is_flag=True, help="Sign what became of sources, as an event on each record that read them.")
@verb
def outdated(
    console: Console,
    record_ids: tuple[str, ...],
    retractions: Path | None,
    crossref: bool,
    offline: bool,
    sign: bool,
) -> None:
    """Say which records may be outdated: a source retracted, changed or gone, a library that grew, other rules.

    Nothing is changed unless --sign is given. Ends with 0 when nothing serious was found, else with 11. What a record
    would say today shows `sovereign ask --again` with its id.

    \b
    Example:
      sovereign outdated --retractions retraction_watch.csv --sign
    """
    from sovereign.outdated import Known, ask_crossref, read_retractions, sign_notices
    from sovereign.outdated import outdated as look
    from sovereign.records import record_id_of

    known = read_retractions(retractions) if retractions else Known()
    workspace = console.workspace()
    archive = workspace.archive()
    names = tuple(record_id_of(name) for name in record_ids) or archive.list()
    if crossref or offline:
        records = [archive.load(name) for name in names]
        known = known.with_(ask_crossref(workspace, records, offline=offline, progress=console.progress))
    found = look(workspace, names, known=known, progress=console.progress)
    signed = sign_notices(workspace, names, known=known, progress=console.progress) if sign else ()
    lines = []
    for one in found:
        if one.causes:
            lines.append(f"{one.record} version {one.version}: {shorten(one.question, 80)}")
            lines += [f"  {'!' if cause.serious else '-'} {cause.kind}: {cause.what}" for cause in one.causes]
        lines += [f"  signed, event {own.event}: {own.details.what}" for own in signed if own.record == one.record]
    serious = sum(any(cause.serious for cause in one.causes) for one in found)
    lines.append(f"{serious} of {len(found)} records may be outdated")
    if known.unanswered:
        lines.append(f"{len(known.unanswered)} papers not known: there was no answer on them")
    value = [
        {**one.to_json(), "signed": [own.to_json() for own in signed if own.record == one.record]} for one in found
    ]
    console.emit(value, lines)
    if serious:
        raise SystemExit(11)
