"""One exchange over httpx: bytes out, bytes in, within a deadline and a size. The only file that imports httpx.

We use httpx's transport and not its client: a transport follows no redirect, keeps no cookie and reads no proxy from
the environment. (Certificates are httpx's; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.) Connections are closed
after each exchange, so that a host that allows one connection never sees two of ours, whichever process they come from.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import BadAnswer, NoAnswer, Stopped, TooLarge

if TYPE_CHECKING:
    import httpx

_CONNECT_S = 15.0
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Exchange:
    """Bounds of one exchange: seconds and bytes, and who counts the bytes as they come."""

    name: str
    timeout_s: float
    max_bytes: int
    max_unpacked: int
    count: Callable[[int], None]


class Wire:
    """Sends requests. Safe for several threads; `close` ends what is under way."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._made: httpx.HTTPTransport | None = None
        self._open: set[_Deadline] = set()
        self._closed = False

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, bounds: Exchange
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, and body without its compression.

        Raises:
            NoAnswer: no connection, a deadline, a broken or short answer.
            TooLarge, BadAnswer (a compression that we did not ask for or that is broken), Stopped.
        """
        import httpx

        deadline = _Deadline(bounds.timeout_s)
        with self._watched(deadline):
            try:
                seconds = bounds.timeout_s
                timeout = {"connect": min(_CONNECT_S, seconds), "read": seconds, "write": seconds, "pool": seconds}
                request = httpx.Request(
                    method, url, headers=dict(headers), content=body or None,
                    extensions={"timeout": timeout, "trace": deadline.trace},
                )  # fmt: skip
                response = self._transport().handle_request(request)
                try:
                    told = {name.lower(): value for name, value in response.headers.items()}
                    assert isinstance(response.stream, httpx.SyncByteStream)
                    return response.status_code, told, _body(response.stream, told, bounds)
                finally:
                    response.close()
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                if self._closed:
                    raise Stopped("the request was stopped", "run the same command again; it goes on") from error
                if deadline.passed:
                    raise NoAnswer(
                        f"{bounds.name} did not answer within {bounds.timeout_s:g} s", "try again later"
                    ) from error
                why = str(error) or type(error).__name__
                raise NoAnswer(f"{bounds.name} gave no whole answer: {why}", "check the connection") from error

    def close(self) -> None:
        """End what is under way, and let go of the connections."""
        with self._guard:
            self._closed = True
            under_way = list(self._open)
        for deadline in under_way:
            deadline.cut()
        if self._made is not None and not under_way:
            self._made.close()

    def _transport(self) -> httpx.HTTPTransport:
        import httpx

        with self._guard:
            if self._closed:
                raise Stopped("the client is closed", "open another")
            if self._made is None:
                self._made = httpx.HTTPTransport(
                    http2=False, retries=0, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
                )
            return self._made

    @contextlib.contextmanager
    def _watched(self, deadline: _Deadline) -> Iterator[None]:
        with self._guard:
            self._open.add(deadline)
        deadline.start()
        try:
            yield
        finally:
            deadline.end()
            with self._guard:
                self._open.discard(deadline)


class _Deadline:
    """Shuts the connection down when time is up, however slowly bytes drip in: httpx's time-outs are per read."""

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None

    def start(self) -> None:
        self._timer.start()

    def end(self) -> None:
        self._timer.cancel()
        with self._guard:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore: a duplicate of the connection's socket is ours to shut down, also under TLS."""
        if event == "connection.connect_tcp.complete":
            connected: socket.socket = info["return_value"].get_extra_info("socket")
            with self._guard:
                self._socket = socket.socket(fileno=os.dup(connected.fileno()))
            if self.passed:
                self.cut()

    def cut(self) -> None:
        """End the connection; who waits for its bytes gets an error."""
        with self._guard:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _pass(self) -> None:
        self.passed = True
        self.cut()


def _body(stream: httpx.SyncByteStream, headers: Mapping[str, str], bounds: Exchange) -> bytes:
    """The whole body, unpacked, or an error before memory is filled."""
    unpack = _unpacker(headers.get("content-encoding", ""), bounds)
    packed, out = 0, bytearray()
    for chunk in stream:
        packed += len(chunk)
        bounds.count(len(chunk))
        if packed > bounds.max_bytes:
            raise TooLarge(
                f"{bounds.name} sent more than {bounds.max_bytes:,} bytes", "the rest was not read; ask for less"
            )
        for piece in unpack(chunk):
            out += piece
            if len(out) > bounds.max_unpacked:
                raise TooLarge(
                    f"the answer of {bounds.name} unpacks to more than {bounds.max_unpacked:,} bytes",
                    "the rest was not unpacked: this may be a decompression bomb",
                )
    for piece in unpack(b""):  # the end: a stream cut short shows here
        out += piece
    return bytes(out)


def _unpacker(encoding: str, bounds: Exchange) -> Callable[[bytes], Iterator[bytes]]:
    """Chunks in, pieces of 64 KiB at most out; an empty chunk is the end."""
    kind = encoding.strip().lower()
    if kind in ("", "identity"):
        return lambda chunk: iter((chunk,))
    if kind not in ("gzip", "x-gzip"):
        raise BadAnswer(f"{bounds.name} packed its answer as {kind!r}, which we did not ask for", "try again later")
    gzip = zlib.decompressobj(wbits=31)

    def unpack(chunk: bytes) -> Iterator[bytes]:
        try:
            if not chunk:
                if not gzip.eof:
                    raise NoAnswer(f"the packed answer of {bounds.name} is cut short", "try again later")
                return
            yield gzip.decompress(chunk, _CHUNK)
            while gzip.unconsumed_tail:
                yield gzip.decompress(gzip.unconsumed_tail, _CHUNK)
        except zlib.error as error:
            raise BadAnswer(f"the packed answer of {bounds.name} is broken: {error}", "try again later") from error

    return unpack
