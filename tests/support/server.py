"""A real HTTP server on a real socket that answers as a test's script says, also in ways that no server should."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. `open` is how many connections were open then, this one included."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    open: int


@dataclass
class Reply:
    """What is sent. `raw` replaces everything else; `drip` sends the body a byte at a time, so many seconds apart."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    drip: float = 0.0
    hold: float = 0.0


class Server:
    """Answers with `script(seen, number)`; `seen` lists what arrived, in order."""

    def __init__(self, script: Callable[[Seen, int], Reply]) -> None:
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._open = 0
        guard = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                with guard:
                    server._open += 1
                super().setup()

            def finish(self) -> None:
                with contextlib.suppress(OSError):
                    super().finish()
                with guard:
                    server._open -= 1

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with guard:
                    seen = Seen(self.command, self.path, headers, body, time.monotonic(), server._open)
                    server.seen.append(seen)
                    number = len(server.seen)
                with contextlib.suppress(OSError):
                    server._send(self, script(seen, number))

            do_GET = do_POST = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._httpd.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._httpd.server_port}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        self.closing.wait(reply.hold)
        if reply.raw is not None:
            handler.wfile.write(reply.raw)
            handler.close_connection = True
            with contextlib.suppress(OSError):
                handler.connection.shutdown(socket.SHUT_WR)
            return
        handler.send_response(reply.status)
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if not reply.drip:
            handler.wfile.write(reply.body)
            return
        for byte in reply.body:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if self.closing.wait(reply.drip):
                return

    def close(self) -> None:
        self.closing.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()


@contextlib.contextmanager
def serving(script: Callable[[Seen, int], Reply]) -> Iterator[Server]:
    server = Server(script)
    try:
        yield server
    finally:
        server.close()
