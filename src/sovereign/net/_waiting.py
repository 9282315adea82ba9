"""How long to wait before a request is tried again: what the service asked for, else longer each time."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from .errors import Stopped

_SECONDS = re.compile(r"[0-9]{1,12}")


class Clock(Protocol):
    """Time as the client sees it; tests bring their own."""

    def monotonic(self) -> float:
        """Seconds that never go back, the same for all processes of a machine."""
        ...

    def now(self) -> datetime:
        """UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped when the client is closed meanwhile."""
        ...


class SystemClock:
    """The machine's clock; `stop` ends all waiting."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def monotonic(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait, unless stopped."""
        if self._stopped.wait(max(seconds, 0.0)):
            raise Stopped("the search was stopped while it waited", "run the same command again; it goes on")

    def stop(self) -> None:
        """End all waiting, now and later."""
        self._stopped.set()


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` asks for: a number or an HTTP date (RFC 9110, 10.2.3); None if it says neither."""
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


def backoff(first_s: float, failures: int, most_s: float) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, bounded."""
    return min(most_s, first_s * 2.0 ** min(failures - 1, 30))
