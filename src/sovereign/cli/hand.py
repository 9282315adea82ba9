"""`sovereign hand`: what the owner says of claims and sources, taken in by every later run of the question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sovereign.records import BadInput

from ._console import Console, verb
from ._text import shorten, table

if TYPE_CHECKING:
    from sovereign.records import HandGiven

_NOTE = click.option("--note", required=True, help="Why; signed with the entry.")
_EVERYWHERE = click.option("--everywhere", is_flag=True, help="For every question, not only this record's.")
_ID = click.argument("record_id", metavar="ID")


@click.group()
def hand() -> None:
    """Mark a claim as wrong, add a missed one, mend its facets, pin or ban a source.

    Every entry is signed. It changes no version that is written: `sovereign ask --again ID` makes the next one with it.
    """


@hand.command()
@_ID
@click.argument("claim_id", metavar="CLAIM")
@_NOTE
@_EVERYWHERE
@verb
def wrong(console: Console, record_id: str, claim_id: str, note: str, everywhere: bool) -> None:
    """Mark a claim as wrong: later runs count it for nothing.

    \b
    Example:
      sovereign hand wrong SRCH:2603ABC8 c-0123456789 --note "the sentence is on another router"
    """
    from sovereign.hand import mark_wrong

    _said(console, mark_wrong(console.workspace(), record_id, claim_id, note, everywhere=everywhere))


@hand.command()
@_ID
@click.option("--source", "source_id", required=True, metavar="SOURCE", help="The source that says it.")
@click.option("--quote", metavar="TEXT", help="Its words, to the character as its text in the library has them.")
@click.option(
    "--quote-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="A UTF-8 file with them."
)
@click.option("--nth", type=int, metavar="N", help="Which place is meant where the words stand several times.")
@click.option("--cell", metavar="CELL", help="The cell that it answers: facets that are not set are the cell's.")
@click.option("--set", "facets", multiple=True, metavar="FACET=TEXT", help="A facet, as in value=12; may be repeated.")
@_NOTE
@verb
def add(
    console: Console,
    record_id: str,
    source_id: str,
    quote: str | None,
    quote_file: Path | None,
    nth: int | None,
    cell: str | None,
    facets: tuple[str, ...],
    note: str,
) -> None:
    """Add a claim that the rules missed, with its quote.

    \b
    Example:
      sovereign hand add SRCH:2603ABC8 --source arxiv:2604.23996 --cell cell-2 \\
        --quote "Latency falls by 12%." --set value=12 --set unit=% --set direction=lower --note "missed"
    """
    from sovereign.hand import add_claim

    if (quote is None) == (quote_file is None):
        raise BadInput("a claim has one quote", "give --quote or --quote-file")
    words = quote if quote is not None else _words(quote_file or Path())
    read = _facets(facets)
    _said(console, add_claim(console.workspace(), record_id, source_id, words, read, note, cell=cell, nth=nth))


@hand.command()
@_ID
@click.argument("claim_id", metavar="CLAIM")
@click.option(
    "--set", "facets", multiple=True, required=True, metavar="FACET=TEXT",
    help="A facet and what it is; nothing after the sign: not stated. May be repeated.",
)  # fmt: skip
@_NOTE
@_EVERYWHERE
@verb
def facet(
    console: Console, record_id: str, claim_id: str, facets: tuple[str, ...], note: str, everywhere: bool
) -> None:
    """Have a claim read with other facets.

    \b
    Example:
      sovereign hand facet SRCH:2603ABC8 c-0123456789 --set metric=throughput --note "tokens per second are no latency"
    """
    from sovereign.hand import mend_facets

    given = mend_facets(console.workspace(), record_id, claim_id, _facets(facets), note, everywhere=everywhere)
    _said(console, given)


@hand.command()
@_ID
@click.argument("source_id", metavar="SOURCE")
@_NOTE
@verb
def pin(console: Console, record_id: str, source_id: str, note: str) -> None:
    """Keep a source for this question, whatever the search says.

    \b
    Example:
      sovereign hand pin SRCH:2603ABC8 arxiv:2604.23996 --note "the system's own paper, under another name"
    """
    from sovereign.hand import pin as keep

    _said(console, keep(console.workspace(), record_id, source_id, note))


@hand.command()
@_ID
@click.argument("source_id", metavar="SOURCE")
@_NOTE
@_EVERYWHERE
@verb
def ban(console: Console, record_id: str, source_id: str, note: str, everywhere: bool) -> None:
    """Never keep a source for this question, or for any. It outweighs a pin.

    \b
    Example:
      sovereign hand ban SRCH:2603ABC8 doi:10.1000/xyz --everywhere --note "retracted"
    """
    from sovereign.hand import ban as leave_out

    _said(console, leave_out(console.workspace(), record_id, source_id, note, everywhere=everywhere))


@hand.command()
@click.argument("number", type=int, metavar="NUMBER")
@_NOTE
@verb
def withdraw(console: Console, number: int, note: str) -> None:
    """Take an entry back, by its number. It stays in the ledger, and so does that it was taken back.

    \b
    Example:
      sovereign hand withdraw 3 --note "the sentence was right after all"
    """
    from sovereign.hand import withdraw as take_back

    _said(console, take_back(console.workspace(), number, note))


@hand.command("list")
@click.argument("record_id", metavar="[ID]", required=False)
@verb
def list_entries(console: Console, record_id: str | None) -> None:
    """List the entries; with a record those for its question, and what its newest version made of each.

    \b
    Example:
      sovereign hand list SRCH:2603ABC8
    """
    from sovereign.hand import listed
    from sovereign.records import record_id_of

    found = listed(console.workspace(), record_id_of(record_id) if record_id else None)
    rows = [
        [
            *(str(one.number), one.at, one.kind.value, "every question" if one.question is None else one.record),
            f"taken back by {one.withdrawn_by}" if one.withdrawn_by else one.outcome or "in force",
            shorten(one.about, 80),
            shorten(one.note, 60),
        ]
        for one in found
    ]
    heads = ["entry", "at", "kind", "for", "state", "about", "note"]
    console.emit([one.to_json() for one in found], table(heads, rows) if rows else "no entries")


def _said(console: Console, given: HandGiven) -> None:
    from sovereign.hand import about

    entry = given.entry
    where = "every question" if entry.question is None else f"the question of {entry.record}"
    lines = [f"entry {entry.number}, {entry.kind.value}, for {where}: {shorten(about(given), 160)}"]
    lines.append(f"a version with it: sovereign ask --again {entry.record}")
    console.emit(given, lines)


def _facets(given: tuple[str, ...]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for one in given:
        name, sign, text = one.partition("=")
        if not sign or name.strip() in found:
            raise BadInput(f"{one!r} is no facet of its own", "write each once, as metric=latency")
        found[name.strip()] = text.strip() or None
    return found


def _words(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8", "save it as UTF-8") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", "name a file that is there") from error
