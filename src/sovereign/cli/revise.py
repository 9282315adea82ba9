"""`sovereign review revise`: send a record back with a remark."""

from __future__ import annotations

import click

from sovereign import workflow

from ._console import Console, verb


@click.command()
@click.argument("record_id", metavar="ID")
@click.option("--note", required=True, help="What is missing: a system, metric or work to look for.")
@verb
def revise(console: Console, record_id: str, note: str) -> None:
    """Send a record back with a remark, and make its next version: a draft for which the remark is searched for too.

    What the remark names is asked of the library, and a source that speaks of the subject and of that is read. The
    question and its cells stay as they are. The remark stays in force for later versions.

    \b
    Example:
      sovereign review revise SRCH:2603ABC8 --note "look at Lynx too, and at the memory that it takes"
    """
    from .ask import show_record

    workspace = console.workspace()
    show_record(console, workspace, workflow.revise(workspace, record_id, note, progress=console.progress))
