"""The owner's hand at the desk: mark a claim, add one, mend its facets, pin or ban a source, take an entry back."""

from __future__ import annotations

from collections.abc import Mapping

from sovereign import hand
from sovereign.records import BadInput, Facets, HandGiven
from sovereign.workspace import Workspace

from .actions import must_be_as_seen, read_note, read_seen

#: What the page offers, in its order, with what each does.
MARKS = {
    "wrong": "Mark a claim as wrong",
    "facet": "Have a claim read otherwise",
    "add": "Add a claim that was missed",
    "pin": "Pin a source",
    "ban": "Ban a source",
    "withdraw": "Take an entry back",
}
#: Facets that the form for a new claim asks for; `facet` may mend any.
ASKED = ("metric", "value", "unit", "direction", "system", "baseline", "benchmark", "condition")
FACETS = tuple(Facets.model_fields)


def mark(workspace: Workspace, folder: str, form: Mapping[str, str]) -> HandGiven:
    """Sign what the form says into the owner's hand.

    Raises:
        BadInput: the form lacks something, or what it says does not fit, or the record has changed meanwhile.
        NotFound: there is no such claim, source, cell or entry.
    """
    action = form.get("action", "")
    if action not in MARKS:
        raise BadInput(f"there is no mark {action[:40]!r}", "use a button of the page")
    note, seen, everywhere = read_note(form), read_seen(form), form.get("everywhere") == "yes"
    if not note:
        raise BadInput("an entry of your hand says why", "write a note: it is signed, and shown with it")
    record = workspace.archive().state(folder).record
    if action == "withdraw":
        must_be_as_seen(workspace, record, seen)
        return hand.withdraw(workspace, _number(form), note)
    if action == "wrong":
        return hand.mark_wrong(workspace, record, form.get("claim", ""), note, everywhere=everywhere, after=seen)
    if action == "facet":
        facets = {form.get("facet", ""): form.get("written", "").strip() or None}
        claim = form.get("claim", "")
        return hand.mend_facets(workspace, record, claim, facets, note, everywhere=everywhere, after=seen)
    source = form.get("source", "").strip()
    if action == "pin":
        return hand.pin(workspace, record, source, note, after=seen)
    if action == "ban":
        return hand.ban(workspace, record, source, note, everywhere=everywhere, after=seen)
    quote = form.get("quote", "").replace("\r\n", "\n").strip("\n")
    given = {name: text for name in ASKED if (text := form.get(f"set-{name}", "").strip())}
    return hand.add_claim(workspace, record, source, quote, given, note, cell=form.get("cell") or None, after=seen)


def _number(form: Mapping[str, str]) -> int:
    number = form.get("number", "")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise BadInput("the form does not say which entry", "load the page again")
    return int(number)
