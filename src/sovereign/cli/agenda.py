"""`sovereign agenda`: questions that wait to be asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ._console import Console, verb
from ._text import shorten, table

if TYPE_CHECKING:
    from sovereign.agenda import Agenda, Item


@click.group()
def agenda() -> None:
    """Questions that wait to be asked: add, order, drop, and work them off."""


@agenda.command()
@click.argument("question")
@click.option("--priority", default=0, show_default=True, type=click.IntRange(-100, 100), help="Higher comes first.")
@click.option("--after", multiple=True, type=click.IntRange(min=1), metavar="N", help="An item to be done before.")
@click.option("--anyway", is_flag=True, help="Add it even if an item or a record asks the same.")
@click.option("--save", is_flag=True, help="Ask it again whenever the library has new sources for it.")
@verb
def add(console: Console, question: str, priority: int, after: tuple[int, ...], anyway: bool, save: bool) -> None:
    """Add a question. One that asks what another item asks already is merged into that.

    A saved question stays after it was asked: `agenda run` asks it again, as its record's next version, once a search
    would keep sources that the record has not read.

    \b
    Example:
      sovereign agenda add "How does ExpertFlow compare to LRU caching in throughput?" --priority 5
    """
    from sovereign.agenda import likeness, read
    from sovereign.inquiry.question import clean_question

    workspace = console.workspace()
    text = clean_question(question)
    with workspace.library() as library, _open(console) as held:
        mine = read(text, library)
        item = held.add(
            text,
            now=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            priority=priority,
            after=after,
            alike=None if anyway else lambda other: likeness(mine, read(other, library)).same,
            saved=save,
        )
        records = [] if anyway or item.merged_into else _asked_before(console, mine, library)
    lines = [f"item {item.number}: {item.question}"]
    if item.merged_into:
        lines = [f"item {item.number} asks what item {item.merged_into} asks and was merged into it"]
    lines += [f"note: {name} asked the same" for name in records]
    console.emit({**item.to_json(), "asked_before": records}, lines)


@agenda.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are done, merged or dropped too.")
@verb
def list_items(console: Console, everything: bool) -> None:
    """List what waits, the next one first, and saved questions.

    \b
    Example:
      sovereign agenda list
    """
    from sovereign.records import NotFound

    try:
        with _open(console, create=False) as held:
            found = [
                item
                for item in held.items()
                if everything or item.state.value in ("waiting", "failed") or _state(item) == "saved"
            ]
    except NotFound:
        found = []
    rows = [
        [str(item.number), str(item.priority), _state(item), item.record or "", shorten(item.question, 80)]
        for item in found
    ]
    text = table(["item", "priority", "state", "record", "question"], rows) if rows else "nothing waits"
    console.emit([item.to_json() for item in found], text)


@agenda.command()
@click.option("--most", type=click.IntRange(min=1), metavar="N", help="Ask N questions at most.")
@click.option("--seconds", type=click.FloatRange(min=0), help="Begin no further question after this time.")
@verb
def run(console: Console, most: int | None, seconds: float | None) -> None:
    """Ask what waits, the most important first, then saved questions for which the library has new sources.

    It ends when nothing is left or the budget is spent. Each question ends in a draft. Interrupted, it goes on where
    it was when it is called again.

    \b
    Example:
      sovereign agenda run --seconds 600
    """
    from sovereign.agenda import work_off

    workspace = console.workspace()
    with _open(console, create=False) as held:
        sitting = work_off(workspace, held, most=most, seconds=seconds, progress=console.progress)
    lines = [f"item {number}: {record}" for number, record in sitting.done]
    for number, record, version, news in sitting.again:
        lines.append(f"item {number}: {record} version {version}, new: {', '.join(news[:5])}")
    lines += [f"item {number} failed: {why}" for number, why in sitting.failed]
    console.emit(sitting, [*lines, sitting.ended])


@agenda.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher comes first.")
@click.option("--drop", "change", flag_value="dropped", help="Do not ask it.")
@click.option("--restore", "change", flag_value="waiting", help="Ask it after all, or try again.")
@click.option("--save/--unsave", "save", default=None, help="Ask it again when the library has new sources, or not.")
@verb
def change(console: Console, number: int, priority: int | None, change: str | None, save: bool | None) -> None:
    """Change an item's priority, drop it, put it back, or save it.

    \b
    Example:
      sovereign agenda change 3 --priority 9
    """
    from sovereign.agenda import ItemState

    with _open(console, create=False) as held:
        item = held.set(number, priority=priority, state=ItemState(change) if change else None, saved=save)
    console.emit(item, f"item {item.number}: {_state(item)}, priority {item.priority}")


def _open(console: Console, *, create: bool = True) -> Agenda:
    from sovereign.agenda import Agenda

    return Agenda(console.workspace().path / "agenda.sqlite", create=create)


def _state(item: Item) -> str:
    if item.state.value == "done" and item.saved:
        return "saved"
    if item.state.value != "waiting" or item.ready:
        return item.state.value
    return "waits for " + ", ".join(str(number) for number in item.after)


def _asked_before(console: Console, mine: object, library: object) -> list[str]:
    """Records whose question asks the same."""
    from sovereign.agenda import likeness, read

    archive = console.workspace().archive()
    found = []
    for name in archive.list():
        record = archive.load(name)
        if likeness(mine, read(record.question.text, library)).same:  # type: ignore[arg-type]
            found.append(record.id)
    return found
