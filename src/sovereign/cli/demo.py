"""`sovereign demo`: four questions, four drafts, one reproduction, judged again. Offline."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import click

from sovereign import workflow
from sovereign.measuring import Measured
from sovereign.records import EventType, Grounding, Record, ReproductionStatus, SandboxUnavailable
from sovereign.workspace import Workspace

from ._console import Console, verb
from ._text import shorten, table
from .ask import page_of

#: The demonstration keeps out of the workspace of your own questions.
DEFAULT = Path("demo-workspace")


@click.command()
@verb
def demo(console: Console) -> None:
    """Answer four research questions from the starter notes, run one measurement in the sandbox, judge the records
    again, and name the pages to open. Needs no network. Works in ./demo-workspace unless --workspace names another.

    Stopped half-way, the same command goes on. Without a sandbox it ends with 0 all the same, and says why nothing
    could be reproduced.

    \b
    Example:
      sovereign demo
    """
    workspace = Workspace.create(console.given or DEFAULT, progress=console.progress)
    asked = {record.question.text: record.id for record in _records(workspace)}
    ids = []
    for question in questions():
        if question not in asked:
            console.progress(f"asking: {shorten(question, 90)}")
            asked[question] = workflow.ask(workspace, question, progress=console.progress).id
        ids.append(asked[question])
    measured: tuple[Measured, ...] = ()
    unavailable: SandboxUnavailable | None = None
    try:
        measured = workflow.measure(workspace, progress=console.progress)
    except SandboxUnavailable as error:
        unavailable = error
    for name in ids if measured else ():
        if any(event.type is EventType.REPRODUCED for event in workspace.archive().events(name)):
            continue  # an earlier call of the demo came this far
        console.progress(f"judging {name} again")
        workflow.judge_again(workspace, name, packs=tuple(one.pack for one in measured), progress=console.progress)
    records = [workspace.archive().load(name) for name in ids]
    value = {
        "workspace": str(workspace.path),
        "measured": [one.to_json() for one in measured],
        "sandbox": None if unavailable is None else {"message": unavailable.message, "remedy": unavailable.remedy},
        "records": [_row(workspace, record) for record in records],
        "pages": str(workspace.site_path / "index.html"),
    }
    console.emit(value, _lines(workspace, records, measured, unavailable))


def questions() -> tuple[str, ...]:
    """The four questions of the demonstration."""
    data = tomllib.loads(files("sovereign.cli").joinpath("demo_questions.toml").read_text(encoding="utf-8"))
    return tuple(entry["text"] for entry in data["question"])


def _records(workspace: Workspace) -> list[Record]:
    archive = workspace.archive()
    return [archive.load(name) for name in archive.list()]


def _row(workspace: Workspace, record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "version": record.version,
        "question": record.question.text,
        "answer": record.answer.status.value,
        "cells": record.counts.cells,
        "gaps": record.counts.gaps,
        "claims": record.counts.claims,
        "sources": record.counts.sources,
        "score": record.tribunal.score,
        "policy": record.decision.policy.value,
        "gate": record.gate_verdict.status.value,
        "gate_reason": record.gate_verdict.reason,
        "missing_systems": [system.name for system in record.missing_systems],
        "page": page_of(workspace, record),
    }


def _lines(
    workspace: Workspace,
    records: list[Record],
    measured: tuple[Measured, ...],
    unavailable: SandboxUnavailable | None,
) -> list[str]:
    rows = [
        [
            *(f"{record.id} v{record.version}", record.answer.status.value.replace("_", " ")),
            f"{record.counts.cells - record.counts.gaps} of {record.counts.cells}",
            *(str(record.counts.claims), str(record.counts.sources), f"{record.tribunal.score:g}"),
            f"{record.gate_verdict.status.value}, {record.gate_verdict.reason.partition(';')[0]}",
        ]
        for record in records
    ]
    lines = [table(["record", "answer", "cells filled", "claims", "sources", "score", "gate verdict"], rows), ""]
    for one in measured:
        held = sum(outcome["outcome"] == "supported" for outcome in one.outcomes)
        lines.append(f"{one.pack}: run in {one.isolation}; {held} of {len(one.outcomes)} of its claims held")
    lines += _reproduced(records)
    if unavailable is not None:
        lines += [f"nothing was reproduced: {unavailable.message}", f"remedy: {unavailable.remedy}"]
        lines.append("every record stays UNVERIFIED")
    lines += ["", "drafts, awaiting their owner; open a page:"]
    lines += [f"  {page_of(workspace, record)}" for record in records]
    return [*lines, f"  {workspace.site_path / 'index.html'} lists them"]


def _reproduced(records: list[Record]) -> list[str]:
    """Each claim that a run reproduced, and beside how many gaps the measurement stands."""
    said: dict[str, str] = {}
    beside = 0
    for record in records:
        measurements = {claim.id for claim in record.claims if claim.grounding is Grounding.MEASURED}
        beside += sum(any(near.claim in measurements for near in cell.nearest) for cell in record.cells)
        for claim in record.claims:
            if claim.reproduction is ReproductionStatus.REPRODUCED and claim.grounding is not Grounding.MEASURED:
                said[claim.id] = f"  reproduced ({claim.quotes[0].source}): {shorten(claim.text, 110)}"
    shown = list(said.values())
    more = [f"  and {len(shown) - 3} more of such claims"] if len(shown) > 3 else []
    return [*shown[:3], *more, f"  the measurement stands beside {beside} gaps, and fills none"] if shown else []
