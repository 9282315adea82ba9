"""A local server that speaks OpenAI's wire format over a real socket, truthful by default, broken on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What a behaviour answers: status, further headers, body.
Wire = tuple[int, dict[str, str], bytes]
DIMENSIONS = 8


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Server:
    """`endpoint` is what a setting names. `chat` and `embeddings` may be replaced while it runs."""

    endpoint: str = ""
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    chat: Callable[[Asked], Wire] = lambda asked: completion(asked, json.dumps({"score": 7.0, "remark": "plain"}))
    embeddings: Callable[[Asked], Wire] = lambda asked: vectors(asked)


def completion(asked: Asked, content: str | None, **more: Any) -> Wire:
    """A chat completion as the format has it, with fields that nobody asked for."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1780000000,
        "model": asked.body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        **more,
    }
    return 200, {}, json.dumps(body).encode()


def vectors(asked: Asked, dimensions: int = DIMENSIONS) -> Wire:
    """Vectors that depend on the texts alone, out of order, as some servers send them."""
    data = []
    for index, text in enumerate(asked.body["input"]):
        digest = hashlib.sha256(text.encode()).digest()
        data.append({"object": "embedding", "index": index, "embedding": [byte / 255 for byte in digest[:dimensions]]})
    body = {"object": "list", "data": data[::-1], "model": asked.body["model"], "usage": {"prompt_tokens": 1}}
    return 200, {}, json.dumps(body).encode()


@contextmanager
def serving() -> Iterator[Server]:
    """The server, up inside the context."""
    state = Server()
    guard = threading.Lock()
    now = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(raw))
            with guard:
                now[0] += 1
                state.asked.append(asked)
                state.most_at_once = max(state.most_at_once, now[0])
            try:
                answers = {"/v1/chat/completions": state.chat, "/v1/embeddings": state.embeddings}
                status, headers, body = answers[self.path](asked) if self.path in answers else (404, {}, b"{}")
            finally:
                with guard:
                    now[0] -= 1
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
