"""The owner's hand: claims that are wrong are left out, mended ones read anew, missed ones added, before anything is
compared. What came of each entry is told.

Pins and bans of sources take effect in `search`; here is said what they did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sovereign.judge import RULE_BANNED, banned, is_meant, place_of, plain, value_fault
from sovereign.records import Claim, Facets, HandApplied, HandEntry, HandGiven, HandKind, Source, SourceKind

from .documents import Extracted, Found, Handled, LibraryPort, Plan, Reading
from .extract import GROUNDING, claim_id, is_first_hand, own_names, span_quote, terms_in

_DID = {
    HandKind.WRONG: ("claim left out as wrong", "claims left out as wrong"),
    HandKind.ADDED: ("claim added", "claims added"),
    HandKind.FACETS: ("claim read with other facets", "claims read with other facets"),
    HandKind.PINNED: ("source kept", "sources kept"),
    HandKind.BANNED: ("source left out", "sources left out"),
}


def hand(
    planned: Plan,
    found: Found,
    reading: Reading,
    extracted: Extracted,
    library: LibraryPort,
    given: Sequence[HandGiven],
) -> Handled:
    """What the entries that are in force make of the claims, in the order of the ledger; a wrong claim stays out."""
    sources = {item.source.id: item.source for item in reading.sources}
    hold = _Hold(planned, sources, extracted.claims, library, banned(given))
    applied = [hold.take(one, found) for one in given]
    hold.keep_out(one.entry for one in given)
    touched = tuple(claim for claim in hold.claims.values() if claim.by_hand)
    return Handled(
        left_out=tuple(claim.id for claim in extracted.claims if claim.id not in hold.claims),
        claims=touched,
        first_hand=tuple(
            claim.id
            for claim in touched
            if is_first_hand(claim, source := sources[claim.quotes[0].source], own_names(source))
        ),
        applied=tuple(
            one.model_copy(update={"claims": tuple(name for name in one.claims if name in hold.claims)})
            for one in applied
        ),
    )


def by_the_hand(extracted: Extracted, handled: Handled) -> Extracted:
    """What was extracted with what the owner's hand makes of it; the owner's own claims come first."""
    made = {claim.id: claim for claim in handled.claims}
    out = set(handled.left_out)
    known = {claim.id for claim in extracted.claims}
    claims = [claim for claim in handled.claims if claim.id not in known]
    claims += [made.get(claim.id, claim) for claim in extracted.claims if claim.id not in out]
    first_hand = [name for name in extracted.first_hand if name not in out and name not in made]
    return extracted.model_copy(
        update={"claims": tuple(claims), "first_hand": (*first_hand, *handled.first_hand)}
    )


def told(handled: Handled, used: Iterable[str]) -> tuple[HandApplied, ...]:
    """What came of each entry, for a record that keeps the claims that are `used`."""
    kept = set(used)
    said = []
    for one in handled.applied:
        claims = tuple(name for name in one.claims if name in kept)
        outcome = one.outcome
        if one.claims and not claims:
            outcome += "; nothing in the record refers to it"
        said.append(one.model_copy(update={"claims": claims, "outcome": outcome}))
    return tuple(said)


def added(handled: Handled) -> set[str]:
    """The claims that the owner added: a record keeps them whether anything in it refers to them or not."""
    return {
        name for one in handled.applied if one.entry.kind is HandKind.ADDED for name in one.claims
    }


def limitation(handled: Handled) -> tuple[str, ...]:
    """What a reader must know of it: how often the owner's hand had a part in what the record says."""
    did = Counter(_DID[one.entry.kind] for one in handled.applied if one.applied)
    if not did:
        return ()
    parts = [f"{count} {what[0] if count == 1 else what[1]}" for what, count in did.items()]
    return (f"The owner's hand had a part in this: {', '.join(parts)}.",)


class _Hold:
    """The claims of a run while the entries are taken one after another, so that a later one sees an earlier's work."""

    def __init__(
        self,
        planned: Plan,
        sources: dict[str, Source],
        claims: Sequence[Claim],
        library: LibraryPort,
        not_kept: dict[str, HandGiven],
    ) -> None:
        self.claims = {claim.id: claim for claim in claims}
        self._planned = planned
        self._sources = sources
        self._library = library
        self._banned = not_kept

    def take(self, given: HandGiven, found: Found) -> HandApplied:
        entry = given.entry
        if entry.kind is HandKind.BANNED:
            return _banned(given, found, self._planned)
        source = self._sources.get(entry.source or "")
        if source is None and entry.kind in (HandKind.PINNED, HandKind.ADDED):
            ban = self._banned.get(entry.source or "")
            why = f"banned by entry {ban.entry.number}" if ban else "not in the library"
            return _came(given, False, f"nothing: {entry.source} is {why}")
        if entry.kind is HandKind.PINNED:
            return _came(given, True, f"{entry.source} is kept")
        if entry.kind is HandKind.ADDED:
            assert source is not None
            return self._added(given, source)
        return self._wrong(given) if entry.kind is HandKind.WRONG else self._mended(given)

    def keep_out(self, entries: Iterable[HandEntry]) -> None:
        """Leave out whatever a later entry made into a claim that is marked as wrong."""
        for entry in entries:
            if entry.kind is HandKind.WRONG:
                for claim in self._meant(entry):
                    del self.claims[claim.id]

    def _meant(self, entry: HandEntry) -> list[Claim]:
        assert entry.claim is not None
        return [claim for claim in self.claims.values() if is_meant(claim, entry.claim)]

    def _wrong(self, given: HandGiven) -> HandApplied:
        meant = self._meant(given.entry)
        for claim in meant:
            del self.claims[claim.id]
        if not meant:
            return _came(given, False, "nothing: no claim of this run has these words and this reading")
        return _came(given, True, f"left out: {', '.join(claim.id for claim in meant)}")

    def _mended(self, given: HandGiven) -> HandApplied:
        entry, mended, faults = given.entry, [], []
        assert entry.facets is not None
        for claim in self._meant(entry):
            facets = claim.facets.model_copy(update={name: getattr(entry.facets, name) for name in entry.changed})
            fault = value_fault(facets, [quote.text for quote in claim.quotes]) if "value" in entry.changed else None
            if fault is None:
                made = claim.model_copy(update={"facets": facets, "by_hand": (*claim.by_hand, given.sha256)})
                self.claims[claim.id] = made
                mended.append(claim.id)
            else:
                faults.append(fault)
        if not mended:
            why = faults[0] if faults else "no claim of this run has these words and this reading"
            return _came(given, False, f"nothing: {why}")
        return _came(given, True, f"read with another {' and '.join(entry.changed)}: {', '.join(mended)}", mended)

    def _added(self, given: HandGiven, source: Source) -> HandApplied:
        entry = given.entry
        assert entry.quote is not None and entry.facets is not None
        if source.kind is SourceKind.MEASUREMENT:
            return _came(given, False, "nothing: what a measurement claims is its pack's to say")
        text = self._library.get(source.id).text
        place = place_of(entry.quote, text)
        if isinstance(place, str):
            return _came(given, False, f"nothing: {place}")
        end = place + len(entry.quote.text)
        facets = self._on_the_question(entry.facets, entry.quote.text)
        claim = Claim(
            id=claim_id(source.id, f"{place}-{end}", facets),
            text=plain(entry.quote.text),
            grounding=GROUNDING[source.kind],
            facets=facets,
            quotes=(span_quote(source.id, source.sha256, text, place, end),),
            by_hand=(given.sha256,),
        )
        known = self.claims.get(claim.id)
        self.claims[claim.id] = claim
        how = "added"
        if known is not None:
            how = "found by the rules too" if known.facets == facets else "found by the rules too, and read otherwise"
        return _came(given, True, f"{how}: {claim.id}", [claim.id])

    def _on_the_question(self, facets: Facets, words: str) -> Facets:
        """Without a vocabulary, the subject of a claim is what of the question its sentence says."""
        if self._planned.vocabulary != "none" or facets.subject:
            return facets
        return facets.model_copy(update={"subject": " ".join(terms_in(words, self._planned)) or None})


def _banned(given: HandGiven, found: Found, planned: Plan) -> HandApplied:
    source = given.entry.source
    for dropped in found.dropped:
        if (dropped.source, dropped.rule) == (source, RULE_BANNED):
            return _came(given, True, f"{source} is not kept: {dropped.search} returned it at rank {dropped.rank}")
    own = [system.name for system in planned.systems if source in system.owners]
    if own:
        return _came(given, True, f"{source} is not kept, though it is {own[0]}'s own")
    return _came(given, False, f"nothing: no search returned {source}")


def _came(given: HandGiven, applied: bool, outcome: str, claims: Sequence[str] = ()) -> HandApplied:
    return HandApplied(
        sha256=given.sha256, entry=given.entry, applied=applied, outcome=outcome, claims=tuple(claims)
    )
