"""Mark a claim as wrong, add a missed one with its quote, mend its facets, pin or ban a source, take an entry back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sovereign.judge import CONTEXT, is_meant, reading_of, value_fault
from sovereign.records import (
    BadInput,
    Claim,
    HandGiven,
    HandKind,
    NotFound,
    Profile,
    Quote,
    Record,
    SourceKind,
)

from ._given import facets_of, place_in
from ._signing import put

if TYPE_CHECKING:
    from sovereign.library import Stored
    from sovereign.workspace import Workspace


def mark_wrong(
    workspace: Workspace,
    record_id: str,
    claim_id: str,
    note: str,
    *,
    everywhere: bool = False,
    after: int | None = None,
) -> HandGiven:
    """Mark a claim of a record's newest version as wrong: no later run counts it for anything.

    Args:
        everywhere: for every question, not only the record's.
        after: how many events of the record the owner has seen; an error if others have come since.

    Raises:
        NotFound: there is no such record or claim.
        BadInput: no reason, or it is marked so already.
    """
    record = _record(workspace, record_id)
    claim = _claim(record, claim_id)

    def draft(held: tuple[HandGiven, ...]) -> dict[str, Any]:
        wrong = [one for one in held if one.entry.kind is HandKind.WRONG]
        _not_twice(wrong, lambda one: is_meant(claim, one.claim))
        return {"source": claim.quotes[0].source, "claim": reading_of(claim)}

    over = {claim.quotes[0].source: claim.quotes[0].sha256}
    return put(workspace, record, HandKind.WRONG, note, draft, over, everywhere=everywhere, after=after)


def mend_facets(
    workspace: Workspace,
    record_id: str,
    claim_id: str,
    facets: Mapping[str, str | None],
    note: str,
    *,
    everywhere: bool = False,
    after: int | None = None,
) -> HandGiven:
    """Have a claim read with other facets (name -> how it is written; None: not stated).

    Raises:
        NotFound: there is no such record or claim.
        BadInput: no such facet, a value that its quote does not say, or nothing that differs.
    """
    record = _record(workspace, record_id)
    claim = _claim(record, claim_id)
    given = facets_of(facets)
    changed = tuple(name for name in facets if getattr(given, name) != getattr(claim.facets, name))
    if not changed:
        raise BadInput(f"{claim.id} is read so already", "see `sovereign why`")
    mended = claim.facets.model_copy(update={name: getattr(given, name) for name in changed})
    if {"value", "unit"} & set(changed) and (fault := value_fault(mended, [quote.text for quote in claim.quotes])):
        raise BadInput(fault, "give the number and the unit that stand in the quote")
    over = {claim.quotes[0].source: claim.quotes[0].sha256}
    return put(
        workspace, record, HandKind.FACETS, note,
        lambda _: {"source": claim.quotes[0].source, "claim": reading_of(claim), "facets": given, "changed": changed},
        over, everywhere=everywhere, after=after,
    )  # fmt: skip


def add_claim(
    workspace: Workspace,
    record_id: str,
    source_id: str,
    quote: str,
    facets: Mapping[str, str | None],
    note: str,
    *,
    cell: str | None = None,
    nth: int | None = None,
    after: int | None = None,
) -> HandGiven:
    """Add a claim that the rules missed, with its quote, which must stand in the source's text to the character.

    Args:
        facets: how it is read; what is not given is taken from `cell`.
        cell: a cell of the record that it answers.
        nth: which place is meant where the quote stands several times, from 1.

    Raises:
        NotFound: there is no such record, cell or source.
        BadInput: the quote does not stand there, or a value does not stand in the quote.
    """
    record = _record(workspace, record_id)
    stored = _stored(workspace, source_id)
    if str(stored.kind) == SourceKind.MEASUREMENT:
        raise BadInput(f"{stored.id} is a measurement: what it claims is its pack's to say", "change the pack, run it")
    start = place_in(stored, quote, nth)
    end = start + len(quote)
    read = facets_of({**_asked(record, cell), **facets})
    if read.metric is None and read.value is None and read.direction is None:
        raise BadInput("a claim tells a metric, a value or a direction", "give at least one of them, or a cell")
    if fault := value_fault(read, [quote]):
        raise BadInput(fault, "give the number and the unit that stand in the quote")
    made = Quote(
        source=stored.id, text=quote, start=start, end=end, sha256=stored.sha256,
        prefix=stored.text[max(0, start - CONTEXT) : start], suffix=stored.text[end : end + CONTEXT],
    )  # fmt: skip

    def draft(held: tuple[HandGiven, ...]) -> dict[str, Any]:
        _not_twice(held, lambda one: (one.kind, one.quote, one.facets) == (HandKind.ADDED, made, read))
        _not_banned(held, stored.id)
        return {"source": stored.id, "quote": made, "facets": read}

    return put(workspace, record, HandKind.ADDED, note, draft, {stored.id: stored.sha256}, after=after)


def pin(
    workspace: Workspace, record_id: str, source_id: str, note: str, *, after: int | None = None
) -> HandGiven:
    """Keep a source of the library for a record's question, whatever the search says. Raises NotFound, BadInput."""
    record = _record(workspace, record_id)
    stored = _stored(workspace, source_id)

    def draft(held: tuple[HandGiven, ...]) -> dict[str, Any]:
        _not_twice(held, lambda one: (one.kind, one.source) == (HandKind.PINNED, stored.id))
        _not_banned(held, stored.id)
        return {"source": stored.id}

    return put(workspace, record, HandKind.PINNED, note, draft, {stored.id: stored.sha256}, after=after)


def ban(
    workspace: Workspace,
    record_id: str,
    source_id: str,
    note: str,
    *,
    everywhere: bool = False,
    after: int | None = None,
) -> HandGiven:
    """Never keep a source for a record's question, or for any. It outweighs a pin. Raises NotFound, BadInput."""
    record = _record(workspace, record_id)
    read = record.source(source_id)
    sha256 = read.sha256 if read is not None else _stored(workspace, source_id).sha256

    def draft(held: tuple[HandGiven, ...]) -> dict[str, Any]:
        _not_twice(held, lambda one: (one.kind, one.source) == (HandKind.BANNED, source_id))
        return {"source": source_id}

    over = {source_id: sha256}
    return put(workspace, record, HandKind.BANNED, note, draft, over, everywhere=everywhere, after=after)


def withdraw(workspace: Workspace, number: int, note: str) -> HandGiven:
    """Take an entry back, by its number in the ledger. It stays there, and so does that it was taken back.

    Raises:
        NotFound: there is no such entry, or its record is gone.
        BadInput: it was taken back before, or itself takes one back.
    """
    entries = workspace.hand().entries()
    if not 1 <= number <= len(entries):
        raise NotFound(f"the owner's hand has no entry {number}", "see `sovereign hand list`")
    given = entries[number - 1]
    if given.entry.kind is HandKind.WITHDRAWN:
        raise BadInput(f"entry {number} takes another back", "make the entry that you want anew")
    record = _record(workspace, given.entry.record)

    def draft(held: tuple[HandGiven, ...]) -> dict[str, Any]:
        if given.sha256 not in {one.sha256 for one in held}:
            raise BadInput(f"entry {number} was taken back before", "see `sovereign hand list`")
        return {"withdraws": given.sha256, "question": given.entry.question}

    name = f"hand/{number:04d}-{given.entry.kind.value}.json"
    return put(workspace, record, HandKind.WITHDRAWN, note, draft, {name: given.sha256})


def _record(workspace: Workspace, record_id: str) -> Record:
    record = workspace.archive().load(record_id)
    if record.provenance.profile is not Profile.SOVEREIGN:
        raise BadInput(
            f"{record.id} was made by the profile {record.provenance.profile.value!r}, which takes no hand in",
            "ask its question without --profile",
        )
    return record


def _claim(record: Record, claim_id: str) -> Claim:
    claim = record.claim(claim_id)
    if claim is None:
        raise NotFound(f"{record.id} version {record.version} has no claim {claim_id}", "see its page, or the matrix")
    return claim


def _stored(workspace: Workspace, source_id: str) -> Stored:
    with workspace.library() as library:
        stored = library.get_many([source_id]).get(source_id)
    if stored is None:
        raise NotFound(f"the library has no source {source_id}", "add it with `sovereign library add`")
    return stored


def _asked(record: Record, cell_id: str | None) -> dict[str, str | None]:
    """The facets that a cell asks for, as a person would write them; of several baselines none is taken."""
    if cell_id is None:
        return {}
    cell = next((cell for cell in record.cells if cell.id == cell_id), None)
    if cell is None:
        raise NotFound(f"{record.id} version {record.version} has no cell {cell_id}", "see `sovereign matrix`")
    asked = {name: getattr(cell.facets, name) for name in ("system", "metric", "benchmark")}
    asked["baseline"] = None if "; " in (cell.facets.baseline or "") else cell.facets.baseline
    asked["condition"] = "; ".join(cell.facets.condition) or None
    return asked


def _not_twice(held: Sequence[HandGiven], same: Callable[[Any], bool]) -> None:
    for given in held:
        if same(given.entry):
            number = given.entry.number
            raise BadInput(f"entry {number} says so already", f"take it back with `sovereign hand withdraw {number}`")


def _not_banned(held: Sequence[HandGiven], source_id: str) -> None:
    for given in held:
        if (given.entry.kind, given.entry.source) == (HandKind.BANNED, source_id):
            number = given.entry.number
            raise BadInput(
                f"{source_id} is banned by entry {number}", f"take that back first: `sovereign hand withdraw {number}`"
            )
