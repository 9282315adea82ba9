"""Limits towards a host, kept in files so that all processes share them: connection slots and the time of the last use.

A slot is an advisory lock that is held for as long as a connection is open; the kernel drops it when a process dies.
The times lie in one small file, read and written under a lock of its own. Times are monotonic: after a restart of the
machine a stored time lies in the future or is older than it says, and both make us wait no less than we should.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from sovereign.records import StorageError

from ._rules import HostRule
from ._waiting import Clock
from .errors import HostClosed

_POLL_S = 0.05
#: However long a service asks us to stay away, other runs try again after a day.
_LONGEST_CLOSED_S = 86_400.0


class HostGate:
    """Lets one request through at a time that keeps a host's limits."""

    def __init__(self, folder: Path, rule: HostRule, clock: Clock, waiting: Callable[[float], None]) -> None:
        self._rule, self._clock, self._waiting = rule, clock, waiting
        name = re.sub(r"[^a-z0-9.-]+", "_", rule.origin.lower())
        self._folder, self._times = folder, folder / f"{name}.json"
        self._slots = [folder / f"{name}.{number}.lock" for number in range(max(1, rule.connections))]
        self._guard = folder / f"{name}.lock"

    @contextlib.contextmanager
    def passing(self, left_s: Callable[[], float]) -> Iterator[None]:
        """Hold a connection slot, from when the interval has passed until the exchange has ended.

        Args:
            left_s: seconds that we may still wait; raises when there are none.

        Raises:
            HostClosed: the service asked to be left alone for longer than the rule's `max_wait_s`.
            StorageError: the folder cannot be written: without it the limits could not be kept.
        """
        with self._slot(left_s):
            while (wait := self._reserve()) > 0:
                if wait >= _POLL_S:
                    self._waiting(wait)
                self._clock.sleep(min(wait, max(left_s(), 0.0)))
                left_s()
            try:
                yield
            finally:
                if len(self._slots) == 1:
                    # The answer is here: a disk that is full by now must not cost it. The start is stored anyway.
                    with contextlib.suppress(StorageError), self._shared() as times:
                        times["last"] = self._clock.monotonic()

    def stay_away(self, seconds: float) -> None:
        """Let no process through for so long: the service asked for it."""
        with self._shared() as times:
            until = self._clock.monotonic() + min(seconds, _LONGEST_CLOSED_S)
            times["not_before"] = max(until, times.get("not_before", 0.0))

    def _reserve(self) -> float:
        """Seconds still to wait; at 0 this moment is noted as the last use."""
        with self._shared() as times:
            now = self._clock.monotonic()
            times["not_before"] = min(times.get("not_before", 0.0), now + _LONGEST_CLOSED_S)
            wait = 0.0
            if "last" in times:
                times["last"] = min(times["last"], now)  # one that lies ahead is of another start of the machine
                wait = times["last"] + self._rule.interval_s - now
            away = times["not_before"] - now
            if away > self._rule.max_wait_s:
                raise HostClosed(
                    f"{self._rule.name or self._rule.origin} asked us to stay away for another {away:.0f} s",
                    "ask again later; what it answered before is kept",
                )
            wait = max(wait, away)
            if wait <= 0:
                times["last"] = now
            return max(wait, 0.0)

    @contextlib.contextmanager
    def _slot(self, left_s: Callable[[], float]) -> Iterator[None]:
        descriptors = [_opened(path) for path in self._slots]
        try:
            while not any(_taken(fd) for fd in descriptors):
                left_s()
                self._clock.sleep(_POLL_S)
            yield
        finally:
            for fd in descriptors:
                os.close(fd)

    @contextlib.contextmanager
    def _shared(self) -> Iterator[dict[str, float]]:
        """The stored times, under their lock; what is changed in them is written back."""
        guard = _opened(self._guard)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)  # held for some microseconds by anyone
            times = self._read()
            yield times
            self._write(times)
        finally:
            os.close(guard)

    def _read(self) -> dict[str, float]:
        try:
            stored = json.loads(self._times.read_bytes())
            return {"last": float(stored["last"]), "not_before": float(stored["not_before"])}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError):
            return {"last": self._clock.monotonic()}  # half-written or edited: as if a request had just been made

    def _write(self, times: dict[str, float]) -> None:
        draft = self._times.with_suffix(".new")
        try:
            draft.write_text(json.dumps(times), encoding="ascii")
            draft.replace(self._times)
        except OSError as error:
            raise _storage(self._times, error) from error


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _storage(path, error) from error


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _storage(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the limits towards a service cannot be kept in {path}: {error.strerror or error}",
        "free some disk space, or make the folder writable; without it nothing is sent",
    )
