"""`sovereign review`: the owner reads drafts and decides."""

from __future__ import annotations

import click

from sovereign import workflow
from sovereign.judge import LEVELS
from sovereign.judge.attested import current_level, details_of
from sovereign.records import (
    Attested,
    BadInput,
    Event,
    EventType,
    Marked,
    NotFound,
    Policy,
    Record,
    Reviewed,
    SourceOutdated,
    State,
    StorageError,
)
from sovereign.records.event import CORRECTION_TYPES

from ._console import Console, verb
from ._text import shorten, table
from .ask import page_of, summary
from .revise import revise


@click.group()
def review() -> None:
    """Read drafts; approve, reject or revise them; correct or retract what was published."""


review.add_command(revise)


@review.command("list")
@click.option("--all", "everything", is_flag=True, help="Published and rejected records too.")
@verb
def list_records(console: Console, everything: bool) -> None:
    """List the drafts that await their owner.

    \b
    Example:
      sovereign review list
    """
    archive = console.workspace().archive()
    found: list[tuple[State, Record]] = []
    damaged: list[StorageError] = []
    for name in archive.list():
        try:
            state = archive.state(name)
            if everything or state.standing == "draft":
                found.append((state, archive.load(state.record)))
        except StorageError as error:  # one damaged folder must not hide the others
            damaged.append(error)
    value = [{**state.to_json(), "question": record.question.text} for state, record in found]
    rows = [
        [
            *(record.id, f"v{state.version}", state.standing, record.answer.status.value, record.decision.policy.value),
            shorten(record.question.text, 60),
        ]
        for state, record in found
    ]
    text = table(["record", "version", "standing", "answer", "policy", "question"], rows) if rows else "no drafts"
    faults = [{"error": {"message": one.message, "remedy": one.remedy, "exit_code": one.exit_code}} for one in damaged]
    console.emit([*value, *faults], text)
    for one in damaged:
        console.progress(f"damaged: {one.message}; {one.remedy}")
    if damaged:
        raise SystemExit(StorageError.exit_code)


@review.command()
@click.argument("record_id", metavar="ID")
@verb
def show(console: Console, record_id: str) -> None:
    """Show a record's answer, its judgement and its history.

    \b
    Example:
      sovereign review show SRCH:2603ABC8
    """
    workspace = console.workspace()
    archive = workspace.archive()
    state, record = archive.state(record_id), archive.load(record_id)
    events = archive.events(record_id)
    level, basis = current_level(record.evidence(), record.version, events)
    lines = [record.question.text, "", *summary(workspace, record), f"standing   {state.standing}"]
    lines.append(f"level      {level} of 7, {LEVELS[level].lower()} ({basis})")
    for checked in record.tribunal.reviews:
        failed = [check for check in checked.checks if check.state.value == "failed"]
        lines.append(f"{checked.role.value:<11}{checked.score:g}")
        lines += [f"           -{check.points:g} {check.name}: {check.reason}" for check in failed]
    lines += [f"{event.at}  {event.type.value} (version {event.version}) {_said(event)}".rstrip() for event in events]
    value = {"state": state.to_json(), "page": page_of(workspace, record), "events": [one.to_json() for one in events]}
    value["verification_level"] = {"level": level, "basis": basis}
    console.emit({**value, "record": record.to_json()}, lines)


@review.command()
@click.argument("record_id", metavar="ID")
@click.option("--note", default="", help="Why; stored with the signature.")
@verb
def approve(console: Console, record_id: str, note: str) -> None:
    """Sign a draft as approved and publish its pages.

    A record that the policy quarantined or rejected needs a --note that says why you publish it all the same.

    \b
    Example:
      sovereign review approve SRCH:2603ABC8
    """
    record = console.workspace().archive().load(_newest(console, record_id))
    if record.decision.policy in (Policy.QUARANTINE, Policy.REJECT) and not note.strip():
        raise BadInput(
            f"the policy says {record.decision.policy.value}: {'; '.join(record.decision.reasons)}",
            "give the reason to publish it all the same with --note, or reject it",
        )
    _decide(console, record_id, EventType.APPROVED, note)


@review.command()
@click.argument("record_id", metavar="ID")
@click.option("--note", default="", help="Why; stored with the signature.")
@verb
def reject(console: Console, record_id: str, note: str) -> None:
    """Sign a draft as rejected. It stays on disk and can still be approved.

    \b
    Example:
      sovereign review reject SRCH:2603ABC8 --note "the second source is off the subject"
    """
    _decide(console, record_id, EventType.REJECTED, note)


@review.command()
@click.argument("record_id", metavar="ID")
@click.option("--note", required=True, help="What was wrong and what holds; signed, and shown to readers.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(CORRECTION_TYPES, case_sensitive=False),
    required=True,
    help="What is corrected.",
)
@click.option("--affects", multiple=True, metavar="FIELD", help="A field, claim or cell it concerns; may be repeated.")
@verb
def correct(console: Console, record_id: str, note: str, kind: str, affects: tuple[str, ...]) -> None:
    """Sign a correction of a published record. Nothing is rewritten: page, feed and documents show it from then on.

    \b
    Example:
      sovereign review correct SRCH:2603ABC8 --type claim --affects claim-3 --note "the figure is for batch size 1"
    """
    if not note.strip():
        raise BadInput("a correction says what was wrong", "give it with --note")
    if len(note) > 4000 or any(len(name) > 200 for name in affects) or len(affects) > 100:
        raise BadInput("a note has at most 4,000 characters, a field 200, and 100 fields are the most", "shorten it")
    unknown = [name for name in affects if name not in _nameable(console, record_id)]
    if unknown:
        raise BadInput(
            f"the record has no {', '.join(unknown)}",
            "name a field of the record, or the id of a claim, cell or source",
        )
    details: dict[str, object] = {"correction_type": kind.upper(), "affected_fields": list(affects)}
    _decide(console, record_id, EventType.CORRECTED, note, details)


def _nameable(console: Console, record_id: str) -> set[str]:
    """What a correction may concern: the record's fields, claims, cells and sources."""
    record = console.workspace().archive().load(_newest(console, record_id))
    claims, cells, sources = ({one.id for one in part} for part in (record.claims, record.cells, record.sources))
    return claims | cells | sources | set(Record.model_fields)


@review.command()
@click.argument("record_id", metavar="ID")
@click.option("--note", required=True, help="Why; stored with the signature and shown to readers.")
@verb
def retract(console: Console, record_id: str, note: str) -> None:
    """Sign a published record as retracted. It stays readable, marked as retracted.

    \b
    Example:
      sovereign review retract SRCH:2603ABC8 --note "its main source was withdrawn"
    """
    _decide(console, record_id, EventType.RETRACTED, note)


def _decide(
    console: Console, record_id: str, verdict: EventType, note: str, details: dict[str, object] | None = None
) -> None:
    workspace = console.workspace()
    state = workflow.review(workspace, _newest(console, record_id), verdict, note, details=details)
    record = workspace.archive().load(state.record)
    console.emit(state, [f"{state.record} version {state.version}: {state.standing}", page_of(workspace, record)])


def _newest(console: Console, name: str) -> str:
    """The record that is meant. `ID@VERSION` is taken where that version is there and the newest: events are on it."""
    record_id, at, number = name.partition("@")
    if at:
        archive = console.workspace().archive()
        versions = archive.versions(record_id)
        if not number.isdecimal() or int(number) not in versions:
            raise NotFound(f"{record_id} has no version {number}", f"its newest is version {versions[-1]}")
        if int(number) != versions[-1]:
            raise BadInput(
                f"version {number} is not the newest of {record_id}", f"what is signed now is on version {versions[-1]}"
            )
    return record_id


def _said(event: Event) -> str:
    """The note of an event, and what it makes of somebody else's signature."""
    details = details_of(event)
    if isinstance(details, Attested):
        return f"{'independent' if details.independent else 'a repeat'}: {details.reason}. {event.note}"
    if isinstance(details, Marked):
        return f"entry {details.entry.number}, {details.entry.kind.value}: {event.note}"
    if isinstance(details, SourceOutdated):
        return f"{event.note}; read at {details.read_at}"
    if isinstance(details, Reviewed):
        return f"{details.verdict.value}: {details.reason}. {event.note}"
    return event.note
