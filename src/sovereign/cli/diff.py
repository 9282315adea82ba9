"""`sovereign diff`: what changed between two versions of a record, and why its score moved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from sovereign.records import BadInput

from ._console import Console, verb
from ._text import shorten

if TYPE_CHECKING:
    from sovereign.archive import Archive
    from sovereign.judge.changes import Changes
    from sovereign.records import Record


@click.command()
@click.argument("before", metavar="ID[@VERSION]")
@click.argument("after", metavar="ID[@VERSION]", required=False)
@verb
def diff(console: Console, before: str, after: str | None) -> None:
    """Show what changed between two versions of a record: claims, cells, sources, judgement, and the score by check.

    With one ID, its newest version against the one before. Two records can be compared as well.

    \b
    Example:
      sovereign diff SRCH:2603ABC8@1 SRCH:2603ABC8@2
    """
    from sovereign.judge.changes import changes

    archive = console.workspace().archive()
    if after is None:
        newest = _load(archive, before)
        if newest.version == 1:
            raise BadInput(f"{newest.id} has one version", "name two: sovereign diff ID@1 OTHER@1")
        found = changes(archive.load(newest.id, newest.version - 1), newest)
    else:
        found = changes(_load(archive, before), _load(archive, after))
    console.emit(found, _lines(found))


def _load(archive: Archive, name: str) -> Record:
    record_id, at, number = name.partition("@")
    if at and not re.fullmatch(r"[1-9][0-9]{0,5}", number):
        raise BadInput(f"{name!r} names no version", "write it as SRCH:2603ABC8@2")
    return archive.load(record_id, int(number) if at else None)


def _lines(found: Changes) -> list[str]:
    lines = [f"{found.before} -> {found.after}"]
    if found.none:
        return [*lines, "they say the same"]
    lines += _block("made from", [f"{one.field}: {_from_to(one.before, one.after)}" for one in found.inputs])
    lines += _block("judged", [f"{one.field}: {_from_to(one.before, one.after)}" for one in found.fields])
    moved = found.score_after - found.score_before
    if moved or found.checks:
        lines += ["", f"score {found.score_before:g} -> {found.score_after:g} ({moved:+.2f})"]
        for one in found.checks:
            lines.append(f"  {one.effect:+.2f}  {one.role}, {one.check}: -{one.before:g} -> -{one.after:g}")
            lines.append(f"         was: {one.reason_before}")
            lines.append(f"         is:  {one.reason_after}")
            lines += [f"         now also: {_named(one.about_won)}"] if one.about_won else []
            lines += [f"         no more:  {_named(one.about_lost)}"] if one.about_lost else []
        for reviewer in found.reviewers:
            if reviewer.held:
                lines.append(f"  {reviewer.held / 3:+.2f}  {reviewer.role} had no points left to lose")
        if abs(found.rounding) >= 0.005:
            lines.append(f"  {found.rounding:+.2f}  rounding")
    said = [*(f"+ {text}" for text in found.answer_won), *(f"- {text}" for text in found.answer_lost)]
    lines += _block("answer", [shorten(text, 220) for text in said])
    lines += _block("cells", [f"{one.facets}: {one.before} -> {one.after}" for one in found.cells])
    lines += _block(
        "sources",
        [
            *(f"+ {name}" for name in found.sources_won),
            *(f"- {name}" for name in found.sources_lost),
            *(f"~ {name}: its text changed" for name in found.sources_changed),
        ],
    )
    lines += _block(
        "claims",
        [
            *(f"+ {shorten(text, 150)}" for text in found.claims_won),
            *(f"- {shorten(text, 150)}" for text in found.claims_lost),
            *(
                f"~ {shorten(one.text, 90)}: "
                + "; ".join(f"{part.field} {part.before or 'none'} -> {part.after or 'none'}" for part in one.changes)
                for one in found.claims_changed
            ),
        ],
    )
    lines += _block("searches", _signs(found.searches_won, found.searches_lost))
    lines += _block("not kept", _signs(found.dropped_won, found.dropped_lost))
    lines += _block("limitations", _signs(found.limitations_won, found.limitations_lost))
    return lines


def _named(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
    return ", ".join(ids[:8]) + more


def _signs(won: tuple[str, ...], lost: tuple[str, ...]) -> list[str]:
    return [*(f"+ {shorten(text, 150)}" for text in won), *(f"- {shorten(text, 150)}" for text in lost)]


def _block(title: str, rows: list[str]) -> list[str]:
    return ["", title, *(f"  {row}" for row in rows)] if rows else []


def _from_to(before: str, after: str) -> str:
    return f"{shorten(before or 'none', 80)} -> {shorten(after or 'none', 80)}"
