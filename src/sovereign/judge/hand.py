"""The owner's hand, by rule: which entries hold for a question, which claim is meant, where a quote stands now.

One rule for the run that takes an entry in and for whoever checks the record that came of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sovereign.records import Claim, ClaimReading, HandEntry, HandGiven, HandKind, Quote

from .quotes import CONTEXT, plain, text_digest

#: The rule by which a search drops a source that the owner banned.
RULE_BANNED = "not banned by the owner"


def in_force(entries: Sequence[HandGiven], question: str) -> tuple[HandGiven, ...]:
    """The entries that hold for a question, in their order: its own and those for every question, none taken back."""
    taken_back = {given.entry.withdraws for given in entries}
    return tuple(
        given
        for given in entries
        if given.entry.kind is not HandKind.WITHDRAWN
        and given.sha256 not in taken_back
        and given.entry.question in (None, question)
    )


def banned(hand: Sequence[HandGiven]) -> dict[str, HandGiven]:
    """Source -> the entry that bans it. A ban outweighs a pin and an added claim."""
    return {given.entry.source: given for given in hand if given.entry.kind is HandKind.BANNED and given.entry.source}


def pinned(hand: Sequence[HandGiven]) -> dict[str, HandGiven]:
    """Source -> the entry that keeps it: a pin, or a claim that was added from it. None of them is banned."""
    keeping = (given for given in hand if given.entry.kind in (HandKind.PINNED, HandKind.ADDED))
    not_kept = banned(hand)
    return {given.entry.source: given for given in keeping if given.entry.source and given.entry.source not in not_kept}


def reading_of(claim: Claim) -> ClaimReading:
    """A claim as an entry names it."""
    facets = claim.facets
    return ClaimReading(
        id=claim.id, text=claim.text, quote=claim.quotes[0], metric=facets.metric, value=facets.value, unit=facets.unit
    )


def is_meant(claim: Claim, reading: ClaimReading) -> bool:
    """Whether an entry means this claim: the same source and words, and the same metric, value and unit read in them.

    The place may have moved in a text that has changed since, and with it the claim's id.
    """
    quote, meant = claim.quotes[0], reading.quote
    return (
        quote.source == meant.source
        and quote.pointer == meant.pointer
        and (quote.pointer is not None or plain(quote.text) == plain(meant.text))
        and (claim.facets.metric, claim.facets.value, claim.facets.unit)
        == (reading.metric, reading.value, reading.unit)
    )


def place_of(quote: Quote, text: str) -> int | str:
    """Where an added claim's quote stands in a text, as an offset in code points, or why that cannot be told.

    In the text that the owner looked at it stands where it stood. In another one it is where the characters beside it
    are the same, or where it stands but once.
    """
    start = quote.start or 0
    if text_digest(text) == quote.sha256 and text[start : start + len(quote.text)] == quote.text:
        return start
    places = places_of(quote.text, text)
    beside = [place for place in places if _beside(text, place, len(quote.text)) == (quote.prefix, quote.suffix)]
    for found in (beside, places):
        if len(found) == 1:
            return found[0]
    if not places:
        return "its quote does not stand in the source's text as it is now"
    return f"its quote stands {len(places)} times in the source's text as it is now"


def places_of(words: str, text: str) -> list[int]:
    """Every offset at which these words stand in a text, to the character."""
    found, start = [], text.find(words) if words else -1
    while start >= 0:
        found.append(start)
        start = text.find(words, start + 1)
    return found


def applied_fault(entry: HandEntry, claims: Sequence[Claim], sources: frozenset[str]) -> str | None:
    """What in a record's claims and sources goes against an entry that it says it applied, or None."""
    if entry.kind is HandKind.WRONG and entry.claim is not None:
        still = next((claim.id for claim in claims if is_meant(claim, entry.claim)), None)
        return None if still is None else f"the claim {still} is the one that the owner marked as wrong"
    if entry.kind is HandKind.BANNED:
        return f"{entry.source} is banned and is among the sources" if entry.source in sources else None
    if entry.kind is HandKind.PINNED:
        return None if entry.source in sources else f"{entry.source} is pinned and is not among the sources"
    return None


def _beside(text: str, place: int, length: int) -> tuple[str, str]:
    end = place + length
    return text[max(0, place - CONTEXT) : place], text[end : end + CONTEXT]
