"""The state of a record is a fold over its events; events that cannot follow one another are refused."""

from __future__ import annotations

import pytest

from sovereign.judge.history import HistoryFault, fold
from sovereign.records import Event, EventType, State

D, R, A, X = EventType.DRAFTED, EventType.REVISED, EventType.APPROVED, EventType.REJECTED
P, C, T = EventType.REPRODUCED, EventType.CORRECTED, EventType.RETRACTED


def _events(*steps: tuple[EventType, int]) -> list[Event]:
    return [
        Event(
            record="SRCH:00000001",
            version=version,
            number=number,
            type=kind,
            previous=None,
            manifest="0" * 64,
            at=f"2026-03-{number:02d}T00:00:00Z",
            by="SHA256:" + "0" * 64,
            note=kind.value,
        )
        for number, (kind, version) in enumerate(steps, start=1)
    ]


@pytest.mark.parametrize(
    ("steps", "version", "public", "standing", "corrections"),
    [
        ([(D, 1)], 1, False, "draft", 0),
        ([(D, 1), (A, 1)], 1, True, "published", 0),
        ([(D, 1), (X, 1)], 1, False, "rejected", 0),
        ([(D, 1), (X, 1), (A, 1)], 1, True, "published", 0),
        ([(D, 1), (P, 2)], 2, False, "draft", 0),
        ([(D, 1), (A, 1), (P, 2)], 2, False, "draft", 0),
        ([(D, 1), (A, 1), (R, 2), (A, 2)], 2, True, "published", 0),
        ([(D, 1), (A, 1), (C, 1)], 1, True, "corrected", 1),
        ([(D, 1), (A, 1), (C, 2), (C, 2)], 2, True, "corrected", 2),
        ([(D, 1), (A, 1), (T, 1)], 1, True, "retracted", 0),
        ([(D, 1), (A, 1), (C, 1), (T, 1), (R, 2)], 2, False, "draft", 1),
    ],
)
def test_what_events_come_to(
    steps: list[tuple[EventType, int]], version: int, public: bool, standing: str, corrections: int
) -> None:
    events = _events(*steps)
    assert fold(events) == State(
        record="SRCH:00000001",
        version=version,
        public=public,
        standing=standing,
        events=len(events),
        corrections=corrections,
        last_event_at=events[-1].at,
        note=events[-1].note,
    )


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [(A, 1)],
        [(D, 2)],
        [(D, 1), (D, 2)],
        [(D, 1), (D, 1)],
        [(D, 1), (R, 1)],
        [(D, 1), (R, 3)],
        [(D, 1), (A, 2)],
        [(D, 1), (C, 1)],
        [(D, 1), (C, 2)],
        [(D, 1), (T, 1)],
        [(D, 1), (A, 1), (A, 1)],
        [(D, 1), (A, 1), (X, 1)],
        [(D, 1), (A, 1), (T, 1), (C, 1)],
        [(D, 1), (A, 1), (T, 1), (C, 2)],
        [(D, 1), (A, 1), (P, 2), (A, 1)],
    ],
)
def test_events_that_cannot_follow_one_another(steps: list[tuple[EventType, int]]) -> None:
    with pytest.raises(HistoryFault):
        fold(_events(*steps))


def test_another_records_event_and_a_gap_in_the_numbers() -> None:
    first, second = _events((D, 1), (A, 1))
    with pytest.raises(HistoryFault, match="is of SRCH:00000002"):
        fold([first, second.model_copy(update={"record": "SRCH:00000002"})])
    with pytest.raises(HistoryFault, match="follows event 1"):
        fold([first, second.model_copy(update={"number": 3})])
    with pytest.raises(HistoryFault):
        fold([first.model_copy(update={"number": 0})])
