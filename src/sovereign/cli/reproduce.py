"""`sovereign reproduce`: run a measurement in the sandbox, then judge records again."""

from __future__ import annotations

import click

from sovereign import workflow
from sovereign.workflow import Measured

from ._console import Console, verb
from .ask import summary


@click.command()
@click.argument("record", required=False)
@click.option("--pack", metavar="NAME", help="The pack to run; without it, every pack that is installed.")
@verb
def reproduce(console: Console, record: str | None, pack: str | None) -> None:
    """Run packs in the sandbox, add their results to the library as measurements, and judge RECORD again over it.

    The record gets a new version. Without RECORD, every record that is still a draft is judged again. Where no sandbox
    passes its own test nothing is run, nothing changes, and the exit code is 8.

    \b
    Example:
      sovereign reproduce SRCH:2603ABC8 --pack expected-distinct-experts
    """
    workspace = console.workspace()
    measured, records = workflow.reproduce(workspace, record, pack, progress=console.progress)
    lines = [line for one in measured for line in outcome_lines(one)]
    for judged in records:
        lines += ["", *summary(workspace, judged)]
    value = {"measured": [one.to_json() for one in measured], "records": [judged.to_json() for judged in records]}
    console.emit(value, lines)


def outcome_lines(measured: Measured) -> list[str]:
    """What a pack's claims came to, a line each."""
    lines = [f"{measured.pack} ({measured.isolation})"]
    lines += [
        f"  {outcome['outcome']:<13}{outcome['pack_claim']}: {outcome['reason']}" for outcome in measured.outcomes
    ]
    return lines
