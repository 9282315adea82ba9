"""Time that a test moves, so that a minute of waiting costs none."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest


class FakeClock:
    """Sleeping moves it; `slept` lists the waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._at = 1000.0
        self._guard = threading.Lock()

    def monotonic(self) -> float:
        with self._guard:
            return self._at

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        with self._guard:
            self.slept.append(seconds)
            self._at += max(seconds, 0.001)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
