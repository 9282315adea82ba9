"""`sovereign reproduce`: run packs in the sandbox, then judge records again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sovereign import workflow
from sovereign.measuring import Measured, matching, packs_of
from sovereign.records import BadInput, Record

from ._console import Console, verb
from .ask import summary

if TYPE_CHECKING:
    from sovereign.workspace import Workspace

_RECORD = re.compile(r"(srch[:-])?[0-9a-f]{8}", re.IGNORECASE)


@click.command()
@click.argument("pack", required=False)
@click.option("--record", metavar="ID", help="Judge this record again; without it, every record that is still a draft.")
@click.option("--pack", "packs", metavar="NAME", multiple=True, help="A pack to run. May be given again.")
@click.option("--repeat", metavar="N", type=int, default=1, show_default=True, help="How often each pack is run.")
@click.option("--input", "inputs", metavar="NAME=PATH", multiple=True, help="What a pack asks for. May be given again.")
@verb
def reproduce(
    console: Console,
    pack: str | None,
    record: str | None,
    packs: tuple[str, ...],
    repeat: int,
    inputs: tuple[str, ...],
) -> None:
    """Run PACK in the sandbox, add its results to the library as a measurement, and judge records again over it.

    A record that is judged again gets a new version. Without PACK and with --record, the packs that have to do with
    the record's cells are run; without both, every pack that can run here. A record's id may stand in place of PACK.
    Stopped half-way, `sovereign resume` goes on; no run that was completed is repeated. Where no sandbox passes its own
    test nothing is run, nothing changes, and the exit code is 8.

    \b
    Examples:
      sovereign reproduce expected-distinct-experts
      sovereign reproduce --record SRCH:2603ABC8 --repeat 3
    """
    workspace = console.workspace()
    named = list(packs)
    if pack is not None:
        if record is None and _RECORD.fullmatch(pack) and pack not in packs_of(workspace):
            record = pack
        else:
            named.insert(0, pack)
    done = workflow.reproduce(
        workspace, record, named or None, repeat=repeat, inputs=given_inputs(inputs), progress=console.progress
    )
    show_reproduced(console, workspace, done)


def show_reproduced(console: Console, workspace: Workspace, done: workflow.Reproduced) -> None:
    """What packs came to, and the records that were judged again."""
    lines = [line for one in done.measured for line in outcome_lines(one)]
    lines += [f"{one.pack} was not run: {one.reason}" for one in done.skipped]
    for judged in done.records:
        lines += ["", *summary(workspace, judged)]
    value = {
        "measured": [one.to_json() for one in done.measured],
        "records": [judged.to_json() for judged in done.records],
        "skipped": [one.to_json() for one in done.skipped],
    }
    console.emit(value, lines)


def outcome_lines(measured: Measured) -> list[str]:
    """What a pack's claims came to, a line each."""
    times = f", {measured.runs} runs" if measured.runs > 1 else ""
    lines = [f"{measured.pack} ({measured.isolation}{times})"]
    if measured.earlier:
        lines.append(f"  earlier runs of this name, of another pack or with other results: {measured.earlier}")
    for outcome in measured.outcomes:
        spread = outcome.get("spread")
        told = f" (runs from {spread[0]:.6g} to {spread[1]:.6g})" if isinstance(spread, list | tuple) else ""
        lines.append(f"  {outcome['outcome']:<13}{outcome['pack_claim']}: {outcome['reason']}{told}")
    return lines


def match_lines(workspace: Workspace, record: Record) -> list[str]:
    """Which packs have to do with which cells of a record, why, and how long they take."""
    known = packs_of(workspace)
    lines = []
    for name, matches in matching(workspace, record).items():
        expected = known[name].spec.expected_seconds
        takes = f"about {expected:g} s" if expected else f"at most {known[name].spec.limits.seconds:g} s"
        lines.append(f"{name} ({takes})")
        for match in matches:
            could = "could decide" if match.decides else "stands beside"
            lines.append(f"  {could} {match.cell}: {match.why}")
    return lines


def given_inputs(inputs: tuple[str, ...]) -> Mapping[str, Path]:
    """`NAME=PATH` pairs. Raises BadInput for anything else, and for a name that is given twice."""
    found: dict[str, Path] = {}
    for given in inputs:
        name, equals, path = given.partition("=")
        if not (name and equals and path):
            raise BadInput(f"--input {given!r} is no NAME=PATH", "write --input NAME=PATH")
        if name in found:
            raise BadInput(f"the input {name} is given twice", "name it once")
        found[name] = Path(path).expanduser()
    return found
