"""How we behave towards one host, and what a run may spend in all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .errors import OverBudget


@dataclass(frozen=True, slots=True)
class HostRule:
    """Limits towards one host, shared by all processes that keep their limits in the same folder.

    Args:
        origin: `https://host` or `http://host:port`; only hosts with a rule are talked to.
        interval_s: seconds between two requests: from the end of one to the start of the next where only one
            connection is allowed, else from start to start.
        connections: open connections at any time.
        timeout_s: for one whole exchange, however slowly the bytes come.
        tries: how often a request is sent at most.
        backoff_s: the wait after the first failure; doubled after each, up to `max_wait_s`.
        max_wait_s: the longest wait that a service may ask for; one that asks for more is given up for this run.
        max_bytes: of an answer as sent; `max_unpacked` after decompression.
    """

    origin: str
    name: str = ""
    interval_s: float = 0.0
    connections: int = 4
    timeout_s: float = 60.0
    tries: int = 5
    backoff_s: float = 1.0
    max_wait_s: float = 60.0
    max_bytes: int = 16_000_000
    max_unpacked: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Spent:
    """What a client has used so far."""

    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0
    cached: int = 0


class Budget:
    """The most that a run may use. Counting is safe from several threads; a retry counts as a request.

    Args:
        requests, bytes, seconds: the bounds; seconds count from the first use.
        clock: seconds that never go back.
    """

    def __init__(self, requests: int, bytes: int, seconds: float, clock: Callable[[], float]) -> None:
        self.requests, self.bytes, self.seconds = requests, bytes, seconds
        self._clock = clock
        self._guard = threading.Lock()
        self._begun: float | None = None
        self._requests = self._bytes = self._cached = 0

    @property
    def spent(self) -> Spent:
        """What was used."""
        with self._guard:
            return Spent(self._requests, self._bytes, self._elapsed(), self._cached)

    def take_request(self) -> None:
        """Count a request that is about to be sent. Raises OverBudget when there is none left."""
        with self._guard:
            if self._begun is None:
                self._begun = self._clock()
            if self._requests >= self.requests:
                raise _over(f"{self.requests:,} requests")
            self._check()
            self._requests += 1

    def take_bytes(self, number: int) -> None:
        """Count bytes received. Raises OverBudget when that was too many."""
        with self._guard:
            self._bytes += number
            self._check()

    def take_cached(self) -> None:
        """Count an answer that needed no request."""
        with self._guard:
            self._cached += 1

    def left_s(self) -> float:
        """Seconds left. Raises OverBudget when there are none."""
        with self._guard:
            self._check()
            return self.seconds - self._elapsed()

    def _elapsed(self) -> float:
        return 0.0 if self._begun is None else self._clock() - self._begun

    def _check(self) -> None:
        if self._bytes > self.bytes:
            raise _over(f"{self.bytes:,} bytes")
        if self._elapsed() >= self.seconds:
            raise _over(f"{self.seconds:g} seconds")


def _over(what: str) -> OverBudget:
    return OverBudget(f"the budget of {what} for one run is used up", "raise it in services.toml, or ask for less")
