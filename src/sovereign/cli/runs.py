"""`sovereign runs` and `sovereign resume`."""

from __future__ import annotations

import click

from sovereign.inquiry.runs import RunInfo
from sovereign.records import NotFound

from ._console import Console, verb
from ._text import shorten, table


@click.command()
@click.argument("run", required=False)
@verb
def resume(console: Console, run: str | None) -> None:
    """Go on with RUN, or with the newest unfinished run. Completed stages are not repeated.

    \b
    Example:
      sovereign resume run-1f09c2ab
    """
    from sovereign import workflow

    from .ask import show_record
    from .reproduce import show_reproduced

    workspace = console.workspace()
    done = workflow.resume(workspace, run, progress=console.progress)
    if isinstance(done, workflow.Reproduced):
        show_reproduced(console, workspace, done)
    else:
        show_record(console, workspace, done)


@click.command()
@click.argument("run", required=False)
@verb
def runs(console: Console, run: str | None) -> None:
    """List runs, newest first; with RUN, its stages. Starts nothing and waits for nothing.

    \b
    Example:
      sovereign runs
    """
    workspace = console.workspace()
    try:
        with workspace.journal(create=False) as journal:
            found = journal.list() if run is None else (journal.show(run),)
    except NotFound:
        if run is not None:
            raise
        found = ()
    if run is not None:
        console.emit(found[0], _one(found[0]))
        return
    rows = [
        [info.id, info.state.value, info.purpose, info.record or "", str(len(info.stages)), shorten(info.question, 70)]
        for info in found
    ]
    text = table(["run", "state", "purpose", "record", "stages", "question"], rows) if rows else "no runs yet"
    console.emit([info.to_json() for info in found], text)


def _one(info: RunInfo) -> list[str]:
    lines = [f"{info.id}  {info.state.value}  {info.purpose}  {info.record or ''}", f"  {info.question}", ""]
    rows = [
        [str(row.seq), row.stage, str(row.occurrence), row.started_at, row.finished_at, row.output_sha256[:12]]
        for row in info.stages
    ]
    lines.append(table(["seq", "stage", "occurrence", "started", "finished", "output"], rows))
    lines += [f"{event.at}  {event.kind} in {event.stage or 'no stage'}: {event.message}" for event in info.events]
    return lines
