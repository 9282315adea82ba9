"""The current state of a record: a fold over its events, and the rules by which one event may follow another."""

from __future__ import annotations

from collections.abc import Sequence

from sovereign.records import DETAILS, BadInput, Event, EventType, State

#: Events that bring a version into being; every version has exactly one of them.
OPENING = frozenset({EventType.DRAFTED, EventType.REVISED, EventType.REPRODUCED, EventType.CORRECTED})

DRAFT, PUBLISHED, REJECTED, CORRECTED, RETRACTED = "draft", "published", "rejected", "corrected", "retracted"

#: Events that add to a version what others, or its owner, say of it since; they change neither its standing nor
#: whether it is public.
ADDING = frozenset(DETAILS)

#: Those of them that bring another's attestation with its files.
BRINGING = frozenset({EventType.ATTESTED, EventType.REVIEWED})

#: Standing -> what may happen to the version that stands so. A new version may follow any of them.
_MAY_FOLLOW: dict[str, frozenset[EventType]] = {
    DRAFT: frozenset({EventType.APPROVED, EventType.REJECTED}) | ADDING,
    REJECTED: frozenset({EventType.APPROVED}) | ADDING,
    PUBLISHED: frozenset({EventType.CORRECTED, EventType.RETRACTED}) | ADDING,
    CORRECTED: frozenset({EventType.CORRECTED, EventType.RETRACTED}) | ADDING,
    RETRACTED: frozenset({EventType.COUNTERSIGNED}),
}
_STANDING = {
    EventType.APPROVED: PUBLISHED,
    EventType.REJECTED: REJECTED,
    EventType.CORRECTED: CORRECTED,
    EventType.RETRACTED: RETRACTED,
}


class HistoryFault(BadInput):
    """Events that cannot have followed one another."""


def fold(events: Sequence[Event]) -> State:
    """The state that a record's events give, in their order.

    A new version (`revised`, `reproduced`) is a draft again, whatever the version before it was; a correction keeps a
    published record public, with or without a new version. `public` says whether the newest version is public.

    Raises:
        HistoryFault: no events, another record's event, a gap in the numbers or versions, or an event that may not
            follow the one before it.
    """
    state: State | None = None
    for event in events:
        state = _after(state, event)
    if state is None:
        raise HistoryFault("a record has at least one event", "ask the question again")
    return state


def _after(state: State | None, event: Event) -> State:
    if state is None:
        if event.type is not EventType.DRAFTED or event.number != 1 or event.version != 1:
            raise HistoryFault(f"the first event of {event.record} must be number 1, drafted, of version 1")
        return _state(event, public=False, standing=DRAFT, corrections=0, note=event.note)
    if event.record != state.record:
        raise HistoryFault(f"event {event.number} is of {event.record}, not of {state.record}")
    if event.number != state.events + 1:
        raise HistoryFault(f"event {event.number} follows event {state.events}")
    if event.version == state.version + 1:
        return _new_version(state, event)
    if event.version != state.version:
        raise HistoryFault(f"event {event.number} is of version {event.version}; the newest is {state.version}")
    if event.type not in _MAY_FOLLOW[state.standing]:
        raise HistoryFault(
            f"version {state.version} of {state.record} is {state.standing}: it cannot be {event.type.value}",
            "see `sovereign review show " + state.record + "`",
        )
    public = {EventType.APPROVED: True, EventType.REJECTED: False}.get(event.type, state.public)
    corrections = state.corrections + (event.type is EventType.CORRECTED)
    standing = _STANDING.get(event.type, state.standing)
    note = state.note if event.type in ADDING else event.note
    return _state(event, public=public, standing=standing, corrections=corrections, note=note)


def _new_version(state: State, event: Event) -> State:
    if event.type not in OPENING or event.type is EventType.DRAFTED:
        raise HistoryFault(f"event {event.number} ({event.type.value}) cannot bring version {event.version} into being")
    if event.type is EventType.CORRECTED:
        if not state.public or state.standing == RETRACTED:
            raise HistoryFault(f"{state.record} is {state.standing}: only a published record is corrected")
        corrections = state.corrections + 1
        return _state(event, public=True, standing=CORRECTED, corrections=corrections, note=event.note)
    return _state(event, public=False, standing=DRAFT, corrections=state.corrections, note=event.note)


def _state(event: Event, *, public: bool, standing: str, corrections: int, note: str) -> State:
    return State(
        record=event.record,
        version=event.version,
        public=public,
        standing=standing,
        events=event.number,
        corrections=corrections,
        last_event_at=event.at,
        note=note,
    )
