"""Errors that a person can act on: each names the cause and the remedy, and carries the exit code of its kind."""

from __future__ import annotations


class SovereignError(Exception):
    """Base of all errors that Sovereign raises on purpose.

    Args:
        message: what went wrong, with the name of the thing it went wrong with.
        remedy: what to do about it; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class BadInput(SovereignError):
    """What was given cannot be used: an empty question, a malformed file, an unsafe path."""

    exit_code = 2


class NotFound(SovereignError):
    """A record, source, run, pack or file that was named does not exist."""

    exit_code = 3


class Busy(SovereignError):
    """Another process holds the lock."""

    exit_code = 6


class StorageError(SovereignError):
    """The disk is full, read-only, or holds something that we cannot read."""

    exit_code = 7


class SandboxUnavailable(SovereignError):
    """No sandbox that passes its own self-test: nothing is run (we fail closed)."""

    exit_code = 8


class ServiceError(SovereignError):
    """A service on the network gave no usable answer, or nothing may be sent: `sovereign.net` says which."""

    exit_code = 10


class Interrupted(SovereignError):
    """Ctrl-C or a signal: what was completed is kept, `sovereign resume` goes on."""

    exit_code = 130
