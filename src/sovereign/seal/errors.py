"""Errors of the seal: something that does not hold, and what to do about it."""

from __future__ import annotations

from sovereign.records import SovereignError


class SealError(SovereignError):
    """A canonical form, a digest, a signature or a key that does not hold."""

    exit_code = 5


class NotCanonical(SealError):
    """Bytes that are not the one canonical form (RFC 8785) of a JSON value."""
