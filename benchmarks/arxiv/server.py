"""A truthful local arXiv: the 60,419 listed records behind the API's real wire format, over HTTP.

    python -m benchmarks.arxiv.server                       # serves http://127.0.0.1:8470/api/query
    python -m benchmarks.arxiv.server --faults 0.1 --log requests.jsonl

`--faults` is the share of requests that are answered badly: 429 with `Retry-After` in seconds or as a date, 429 and 503
without, an answer cut short, garbage with status 200, a slow one. Which request gets which fault depends on the seed
and on its number alone. Each request is logged with the times at which it came and was answered, and with the number of
connections that were open then, so that a client's limits can be proven from the log.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.arxiv.catalogue import Catalogue, error_feed, feed, listings
from benchmarks.arxiv.query import Malformed

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "arxiv-metadata"
#: Where the index lies between runs; building it takes ten seconds or so.
INDEX = Path(tempfile.gettempdir()) / "sovereign-local-arxiv"
FAULTS = ("429-seconds", "429-date", "429", "503", "cut", "garbage", "slow")
_MOST_RESULTS = 2000


class LocalArxiv:
    """The server in a thread of its own.

    Args:
        catalogue: what it knows.
        faults: share of the requests that are answered badly.
        seed: decides which.
        log: a file for one JSON line per request; `requests` holds the same.
        wait_s: what a `Retry-After` asks for.
        files: full texts by path (`/e-print/2601.00001v1`), each with its media type.
    """

    def __init__(
        self, catalogue: Catalogue, *, faults: float = 0.0, seed: int = 0, log: Path | None = None, wait_s: int = 4,
        port: int = 0, files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> None:  # fmt: skip
        self._files = files or {}
        self.requests: list[dict[str, Any]] = []
        self._catalogue, self._faults, self._seed, self._wait = catalogue, faults, seed, wait_s
        self._log = log
        self._guard = threading.Lock()
        self._open = 0
        self._stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def setup(self) -> None:
                with server._guard:
                    server._open += 1
                super().setup()

            def finish(self) -> None:
                with contextlib.suppress(OSError):
                    super().finish()
                with server._guard:
                    server._open -= 1

            def do_GET(self) -> None:
                with contextlib.suppress(OSError):
                    server._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._httpd.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._httpd.server_port}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def size(self) -> int:
        """How many records it knows."""
        return self._catalogue.size

    def __enter__(self) -> LocalArxiv:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        came = time.monotonic()
        with self._guard:
            number, open_now = len(self.requests) + 1, self._open
            entry: dict[str, Any] = {
                "number": number, "came": came, "utc": datetime.now(UTC).isoformat(), "open": open_now,
                "path": handler.path, "agent": handler.headers.get("User-Agent", ""),
            }  # fmt: skip
            self.requests.append(entry)
        draw = random.Random(f"{self._seed}/{number}")
        fault = draw.choice(FAULTS) if draw.random() < self._faults else ""
        status, body, headers = self._reply(handler.path, fault)
        entry |= {"fault": fault, "status": status}
        if fault == "slow":
            self._stopping.wait(2.0)
        raw = body if isinstance(body, bytes) else body.encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/atom+xml", "Content-Length": str(len(raw)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        sent = raw[: len(raw) // 2] if fault == "cut" else raw
        handler.wfile.write(sent)
        if fault == "cut":
            handler.close_connection = True
        entry |= {"answered": time.monotonic(), "bytes": len(sent)}
        if self._log is not None:
            with self._guard, self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def _reply(self, path: str, fault: str) -> tuple[int, str | bytes, dict[str, str]]:
        if fault.startswith("429"):
            until = datetime.now(UTC) + timedelta(seconds=self._wait)
            wishes = {"429-seconds": str(self._wait), "429-date": format_datetime(until, usegmt=True)}
            wish = {"Retry-After": wishes[fault]} if fault in wishes else {}
            return 429, "Rate exceeded.", {"Content-Type": "text/plain", **wish}
        if fault == "503":
            return 503, "<html><body>Service unavailable</body></html>", {"Content-Type": "text/html"}
        if fault == "garbage":
            return 200, "<html><body>Please wait while we check your browser</body></html>", {}
        parts = urlsplit(path)
        if parts.path in self._files:
            kind, data = self._files[parts.path]
            return 200, data, {"Content-Type": kind}
        if parts.path != "/api/query":
            return 404, "<html><body>Not found</body></html>", {"Content-Type": "text/html"}
        return self._query({k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()})

    def _query(self, asked: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            start, most = int(asked.get("start", "0")), int(asked.get("max_results", "10"))
            if start < 0 or most < 0:
                raise ValueError("start and max_results must not be negative")
            if most > _MOST_RESULTS:
                raise ValueError(f"max_results must not be over {_MOST_RESULTS}")
            if ids := asked.get("id_list", ""):
                found = [row for one in ids.split(",") if (row := self._catalogue.get(one.strip())) is not None]
                total, rows = len(found), found[start : start + most]
            else:
                total, rows = self._catalogue.search(
                    asked.get("search_query", ""), start, most,
                    asked.get("sortBy", "relevance"), asked.get("sortOrder", "descending"),
                )  # fmt: skip
        except (ValueError, Malformed) as error:
            return 400, error_feed(str(error), at), {}
        return 200, feed(asked, start, most, total, rows, at), {}


@contextlib.contextmanager
def local_arxiv(folder: Path, data: Path = DATA, **given: Any) -> Iterator[LocalArxiv]:
    """The server over all listings; the index is built in `folder` where it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with LocalArxiv(Catalogue.build(folder / "arxiv.sqlite", listings(data)), **given) as server:
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of .jsonl.gz listings")
    parser.add_argument("--index", type=Path, default=INDEX, help="where the index lies")
    parser.add_argument("--port", type=int, default=8470)
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests answered badly, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wait", type=int, default=4, help="what a Retry-After asks for, in seconds")
    parser.add_argument("--log", type=Path, help="JSON line per request")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"there are no listings in {given.data}; name their folder with --data")
    with local_arxiv(
        given.index, given.data, faults=given.faults, seed=given.seed, log=given.log, wait_s=given.wait, port=given.port
    ) as server:
        print(f"{server.address}/api/query  (SOVEREIGN_ARXIV_URL={server.address})", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
