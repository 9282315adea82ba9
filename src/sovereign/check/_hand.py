"""The owner's hand and outdated sources: is what a record says of them signed, of this record, and true of it?"""

from __future__ import annotations

from sovereign.judge import RULE_BANNED, applied_fault, plain, quote_fault, quoting
from sovereign.judge.attested import details_of
from sovereign.records import Claim, Event, HandApplied, HandEntry, HandKind, Marked, Record, SourceOutdated
from sovereign.records.layout import HAND_FILE, RECORD_FILE, event_file
from sovereign.seal import PREDICATE_HAND, digest

from ._case import Case, VersionCase
from ._signatures import compare, opened

_MAKING = (HandKind.ADDED, HandKind.FACETS)


def hand(case: Case) -> None:
    """What the owner's hand did to a record is signed and true of it; so are notices of outdated sources."""
    for version in case.versions.values():
        if version.record is not None:
            _envelopes(case, version, version.record)
            for index, applied in enumerate(version.record.hand):
                _entry(case, version, version.record, index, applied)
            _claims(case, version, version.record)
    for event in case.events:
        details = details_of(event)
        where = f"events/{event_file(event.number, event.type)}: details"
        if isinstance(details, SourceOutdated):
            _outdated(case, where, event, details)
        elif isinstance(details, Marked):
            _marked(case, where, event, details)


def _envelopes(case: Case, version: VersionCase, record: Record) -> None:
    """Line for line, `hand.jsonl` holds the signed entries that the record carries."""
    data = version.files.get(HAND_FILE)
    if data is None:
        if record.hand:
            case.fault(version.where(HAND_FILE), "the file is missing: the record carries entries of the owner's hand")
        return
    lines = data.split(b"\n")
    if lines.pop() != b"" or len(lines) != len(record.hand):
        case.fault(version.where(HAND_FILE), f"has {len(lines)} whole lines, the record carries {len(record.hand)}")
        return
    for number, (line, applied) in enumerate(zip(lines, record.hand, strict=True), 1):
        where = version.where(HAND_FILE, f"line {number}")
        if digest(line) != applied.sha256:
            case.fault(where, f"its SHA-256 is {digest(line)}, the record carries {applied.sha256}")
        signed = opened(case, where, line, PREDICATE_HAND)
        if signed is not None:
            compare(case, where, "predicate", signed.predicate, applied.entry.to_json())
            if signed.fingerprint != applied.entry.by:
                case.fault(f"{where}: by", f"is {applied.entry.by}, signed by {signed.fingerprint}")


def _entry(case: Case, version: VersionCase, record: Record, index: int, applied: HandApplied) -> None:
    entry, where = applied.entry, version.where(RECORD_FILE, f"hand[{index}]")
    before = record.hand[index - 1].entry.number if index else 0
    if entry.number <= before:
        case.fault(f"{where}.entry.number", f"is {entry.number}, after {before}")
    if entry.question not in (None, record.question.text):
        case.fault(f"{where}.entry.question", "is another question than the record's")
    if entry.kind is HandKind.WITHDRAWN:
        case.fault(f"{where}.entry.kind", "is withdrawn: such an entry takes another back and is never in force")
    if any(one.entry.withdraws == applied.sha256 for one in record.hand):
        case.fault(where, "was taken back")
    if not (entry.kind is HandKind.PINNED and not applied.applied):
        fault = applied_fault(entry, record.claims, frozenset(source.id for source in record.sources))
        if fault is not None:
            case.fault(where, fault)
    told = {name: claim for claim in record.claims for name in [claim.id] if applied.sha256 in claim.by_hand}
    if set(applied.claims) != set(told):
        case.fault(f"{where}.claims", f"are {sorted(applied.claims)}; those that name the entry are {sorted(told)}")
    if told and not applied.applied:
        case.fault(f"{where}.applied", "is false, and claims name the entry")
    for name, claim in told.items():
        fault = _made_otherwise(record, index, entry, claim)
        if fault is not None:
            case.fault(f"{where}.claims", f"{name}: {fault}")


def _made_otherwise(record: Record, index: int, entry: HandEntry, claim: Claim) -> str | None:
    """Where a claim is not what the entry that it names makes it; a later entry may have mended it again."""
    if entry.kind not in _MAKING or entry.facets is None:
        return f"an entry {entry.kind.value!r} makes no claim"
    if entry.quote is not None:
        same = (claim.quotes[0].source, claim.quotes[0].text) == (entry.source, entry.quote.text)
        if not same or claim.text != plain(entry.quote.text):
            return "it is not what the owner quoted"
    elif entry.claim is not None and (claim.quotes[0].source, claim.text) != (entry.source, entry.claim.text):
        return "it is not the claim that the owner mended"
    later = {name for one in record.hand[index + 1 :] if one.sha256 in claim.by_hand for name in one.entry.changed}
    due = entry.changed or tuple(name for name, value in entry.facets.to_json().items() if value not in (None, []))
    for name in due:
        if name not in later and getattr(claim.facets, name) != getattr(entry.facets, name):
            return f"its {name} is {getattr(claim.facets, name)!r}, the owner reads {getattr(entry.facets, name)!r}"
    return None


def _claims(case: Case, version: VersionCase, record: Record) -> None:
    """No claim and no dropped source names an entry that the record does not carry."""
    carried = {applied.sha256 for applied in record.hand}
    for index, claim in enumerate(record.claims):
        for unknown in sorted(set(claim.by_hand) - carried):
            where = version.where(RECORD_FILE, f"claims[{index}].by_hand")
            case.fault(where, f"{unknown} is no entry that the record carries")
    bans = {applied.entry.source for applied in record.hand if applied.entry.kind is HandKind.BANNED}
    for index, dropped in enumerate(record.dropped):
        if dropped.rule == RULE_BANNED and dropped.source not in bans:
            case.fault(version.where(RECORD_FILE, f"dropped[{index}]"), f"no entry bans {dropped.source}")


def _outdated(case: Case, where: str, event: Event, details: SourceOutdated) -> None:
    version = case.versions.get(details.version)
    if version is None or version.record is None or details.version > event.version:
        case.fault(f"{where}.version", f"is {details.version}, the event is of version {event.version}")
        return
    record = version.record
    source = record.source(details.source)
    if source is None:
        case.fault(f"{where}.source", f"{details.source} is not among the sources")
    elif source.sha256 != details.sha256:
        case.fault(f"{where}.sha256", f"is {details.sha256}, {source.id} was read as {source.sha256}")
    due = quoting(record.evidence(), details.source)
    if details.claims != due:
        case.fault(f"{where}.claims", f"are {list(details.claims)}; those that quote the source are {list(due)}")


def _marked(case: Case, where: str, event: Event, details: Marked) -> None:
    entry = details.entry
    if entry.record != event.record or entry.version > event.version:
        due = f"{event.record} version {event.version}"
        case.fault(f"{where}.entry", f"is of {entry.record} version {entry.version}, the event of {due}")
        return
    version = case.versions.get(entry.version)
    if version is None or version.record is None:
        return
    record = version.record
    if entry.question not in (None, record.question.text):
        case.fault(f"{where}.entry.question", "is another question than the record's")
    if entry.claim is not None:
        claim = record.claim(entry.claim.id)
        if claim is None:
            case.fault(f"{where}.entry.claim", f"the version has no claim {entry.claim.id}")
        else:
            same = {"text": claim.text, "quote": claim.quotes[0].to_json()}
            compare(case, where, "entry.claim", {"text": entry.claim.text, "quote": entry.claim.quote.to_json()}, same)
    if entry.quote is not None:
        text = version.text(entry.quote.sha256)
        fault = None if text is None else quote_fault(entry.quote, text)
        if fault is not None:
            case.fault(f"{where}.entry.quote", fault)
    for later in case.versions.values():
        for one in later.record.hand if later.record is not None else ():
            if one.sha256 == details.sha256 and one.entry != entry:
                case.fault(f"{where}.entry", f"is not the entry that version {later.number} carries under its digest")
