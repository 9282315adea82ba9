"""A request and an answer, as plain values: no library of ours or of others stands behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `private` and `secret` are sent and kept nowhere: not in the cache, a message or a digest.

    Args:
        method: GET or POST. A redirect of a POST is an error.
        url: absolute, with its query.
        body: sent as it is; state its type in `headers`.
        headers: shown, and part of what an answer is kept under.
        private: headers that are not (a key: `{"Authorization": "Bearer ..."}`); not sent on to another host.
        secret: query parameters that are not (an API key, a mail address).
        expect: statuses that are an answer; any other is an error.
        cache: whether a kept answer will do, and this one may be kept.
        timeout_s: seconds for the whole exchange; else the host's.
        tries: how often it is sent at most; else the host's. 1 for what must not be repeated.
    """

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    expect: frozenset[int] = frozenset({200})
    cache: bool = True
    timeout_s: float | None = None
    tries: int | None = None

    @property
    def key(self) -> str:
        """SHA-256 over method, address, headers and body: equal requests have equal keys."""
        parts = [self.method, self.url, *(f"{name.lower()}={value}" for name, value in sorted(self.headers.items()))]
        told = hashlib.sha256(b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts))
        told.update(self.body)
        return told.hexdigest()

    @property
    def origin(self) -> str:
        """Scheme, host and port: what limits are kept by."""
        return origin_of(self.url)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, decompressed. `fetched_at` is UTC; `cached` says that nothing was sent for it now."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    fetched_at: str
    cached: bool = False

    @property
    def sha256(self) -> str:
        """Of the body, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()


_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """`https://host:443` for any address there; empty for what is no http address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or _PORTS[parts.scheme]}"


def plain_address(url: str) -> str:
    """An address for messages: without query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
