"""The client against a real server that misbehaves: limits, retries, sizes, redirects, secrets."""

from __future__ import annotations

import gzip
import threading
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.net.conftest import FakeClock
from tests.support.server import Reply, Seen, Server, serving

from sovereign.net import (
    Answer,
    BadAnswer,
    Budget,
    Client,
    Forbidden,
    HostClosed,
    HostRule,
    NoAnswer,
    Offline,
    OverBudget,
    Refused,
    Request,
    Stopped,
    TooLarge,
)


def rule(server: Server, **given: object) -> HostRule:
    return HostRule(server.origin, "the service", **{"backoff_s": 1.0, "timeout_s": 20.0, **given})  # type: ignore[arg-type]


def get(server: Server, path: str = "/q?x=1", **given: object) -> Request:
    return Request("GET", server.origin + path, **given)  # type: ignore[arg-type]


def test_an_answer_comes_back_whole_and_says_who_asked(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"hello")) as server:
        with Client(tmp_path, [rule(server)], contact="a@b.org") as client:
            answer = client.send(get(server))
    assert (answer.status, answer.body, answer.cached) == (200, b"hello", False)
    (seen,) = server.seen
    assert seen.headers["user-agent"].startswith("Sovereign/") and "mailto:a@b.org" in seen.headers["user-agent"]
    assert seen.headers["connection"] == "close"


@pytest.mark.parametrize("seconds", [7, 42])
def test_retry_after_in_seconds_and_as_a_date_is_waited_out(tmp_path: Path, clock: FakeClock, seconds: int) -> None:
    def script(seen: Seen, n: int) -> Reply:
        if n == 1:
            return Reply(429, headers={"Retry-After": str(seconds)})
        if n == 2:
            when = clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
            return Reply(503, headers={"Retry-After": format_datetime(when, usegmt=True)})
        return Reply(body=b"at last")

    with serving(script) as server, Client(tmp_path, [rule(server)], clock=clock) as client:
        assert client.send(get(server)).body == b"at last"
    assert len(server.seen) == 3
    assert 2 * seconds - 2 <= sum(clock.slept) <= 2 * seconds + 1


def test_without_retry_after_the_waits_double_and_the_tries_are_bounded(tmp_path: Path, clock: FakeClock) -> None:
    with serving(lambda seen, n: Reply(503)) as server:
        with Client(tmp_path, [rule(server, tries=5)], clock=clock) as client, pytest.raises(Refused) as failed:
            client.send(get(server))
    assert failed.value.status == 503 and "the service" in failed.value.message
    assert len(server.seen) == 5
    assert sum(clock.slept) == pytest.approx(1 + 2 + 4 + 8, abs=0.1)


@pytest.mark.parametrize("wish", ["31536000", "999999999999", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_service_that_asks_for_a_year_is_given_up_at_once(tmp_path: Path, clock: FakeClock, wish: str) -> None:
    with serving(lambda seen, n: Reply(429, headers={"Retry-After": wish})) as server:
        with Client(tmp_path, [rule(server)], clock=clock) as client, pytest.raises(HostClosed):
            client.send(get(server))
        with Client(tmp_path, [rule(server)], clock=clock) as other, pytest.raises(HostClosed, match="stay away"):
            other.send(get(server, "/other"))
        assert len(server.seen) == 1  # nobody of this machine asks it again
        clock.sleep(86_401)  # but a wish of a year ends after a day
        with Client(tmp_path, [rule(server, tries=1)], clock=clock) as later, pytest.raises(Refused):
            later.send(get(server))
    assert len(server.seen) == 2


@pytest.mark.parametrize("nonsense", ["soon", "-5", "", "1e9", "٣", "Fri, 99 Foo"])
def test_a_retry_after_that_says_nothing_is_no_answer_lost(tmp_path: Path, clock: FakeClock, nonsense: str) -> None:
    def script(seen: Seen, n: int) -> Reply:
        head = f"HTTP/1.1 429 Slow\r\nRetry-After: {nonsense}\r\nContent-Length: 0\r\n\r\n".encode()
        return Reply(raw=head) if n == 1 else Reply(body=b"ok")

    with serving(script) as server, Client(tmp_path, [rule(server)], clock=clock) as client:
        assert client.send(get(server)).body == b"ok"
    assert sum(clock.slept) == pytest.approx(1.0, abs=0.1)


def test_a_status_that_says_no_is_asked_once(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(404)) as server, Client(tmp_path, [rule(server)]) as client:
        with pytest.raises(Refused) as failed:
            client.send(get(server))
        assert client.send(get(server, expect=frozenset({404}))).status == 404
    assert failed.value.status == 404 and len(server.seen) == 2


def test_a_slow_drip_ends_at_the_deadline(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"x" * 10_000, drip=0.02)) as server:
        with Client(tmp_path, [rule(server, timeout_s=0.4, tries=1)]) as client:
            with pytest.raises(NoAnswer, match=r"within 0\.4 s"):
                client.send(get(server))


def test_headers_that_never_end_end_at_the_deadline(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler

    def dripping(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not server.closing.wait(0.02):
            handler.wfile.write(b"X-More: and more\r\n")
            handler.wfile.flush()

    with serving(lambda seen, n: Reply()) as server:
        server._send = dripping  # type: ignore[method-assign]
        with Client(tmp_path, [rule(server, timeout_s=0.4, tries=1)]) as client:
            with pytest.raises(NoAnswer):
                client.send(get(server))


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"
CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwor"
PACKED = gzip.compress(b"hello" * 1000, mtime=0)
SHORT = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + PACKED[:20]
NOT_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip"
BROTLI = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nabcd"


@pytest.mark.parametrize("raw", [CUT, CHUNK, SHORT, NOT_GZIP, BROTLI, b"", b"not http at all\r\n\r\n"])
def test_a_broken_answer_is_asked_for_again(tmp_path: Path, clock: FakeClock, raw: bytes) -> None:
    def script(seen: Seen, n: int) -> Reply:
        return Reply(raw=raw) if n < 3 else Reply(body=PACKED, headers={"Content-Encoding": "gzip"})

    with serving(script) as server, Client(tmp_path, [rule(server)], clock=clock) as client:
        assert client.send(get(server)).body == b"hello" * 1000
    assert len(server.seen) == 3


@pytest.mark.parametrize("raw", [CUT, CHUNK, SHORT, b""])
def test_broken_to_the_last_it_is_named(tmp_path: Path, clock: FakeClock, raw: bytes) -> None:
    with serving(lambda seen, n: Reply(raw=raw)) as server, Client(tmp_path, [rule(server)], clock=clock) as client:
        with pytest.raises(NoAnswer, match="the service"):
            client.send(get(server))
    assert len(server.seen) == 5


def test_a_decompression_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with serving(lambda seen, n: Reply(body=bomb, headers={"Content-Encoding": "gzip"})) as server:
        with Client(tmp_path, [rule(server, max_unpacked=1_000_000)]) as client:
            with pytest.raises(TooLarge, match="bomb"):
                client.send(get(server))
    assert len(server.seen) == 1 and len(bomb) < 100_000


def test_an_answer_over_the_size_is_not_read_to_its_end(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"x" * 300_000)) as server:
        with Client(tmp_path, [rule(server, max_bytes=100_000)]) as client:
            with pytest.raises(TooLarge, match="100,000"):
                client.send(get(server))


@pytest.mark.parametrize(
    "target", ["http://example.org/", "https://example.org/", "file:///etc/passwd", "ftp://x/", "//evil.test/x", "\\x"]
)
def test_a_redirect_to_another_place_is_refused(tmp_path: Path, target: str) -> None:
    def script(seen: Seen, n: int) -> Reply:
        return Reply(302, headers={"Location": target}) if seen.path != "/\\x" else Reply(body=b"own host")

    with serving(script) as server, Client(tmp_path, [rule(server)]) as client:
        if target == "\\x":
            assert client.send(get(server)).body == b"own host"
        else:
            with pytest.raises(Forbidden, match="redirects to"):
                client.send(get(server))
            assert len(server.seen) == 1


def test_a_redirect_to_a_host_with_a_rule_is_followed_without_its_keys(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"there")) as there:
        with serving(lambda seen, n: Reply(301, headers={"Location": there.origin + "/new"})) as here:
            with Client(tmp_path, [rule(here), rule(there)]) as client:
                answer = client.send(get(here, private={"Authorization": "Bearer k"}))
                with pytest.raises(Forbidden, match="redirects a POST"):
                    client.send(Request("POST", here.origin, b"{}", tries=1))
    assert answer.body == b"there" and answer.url == there.origin + "/new"
    assert here.seen[0].headers["authorization"] == "Bearer k" and "authorization" not in there.seen[0].headers


def test_a_redirect_in_a_ring_ends(tmp_path: Path, clock: FakeClock) -> None:
    with serving(lambda seen, n: Reply(302, headers={"Location": "/again"})) as server:
        with Client(tmp_path, [rule(server, tries=2)], clock=clock) as client, pytest.raises(BadAnswer, match="times"):
            client.send(get(server))
    assert len(server.seen) == 12


@pytest.mark.parametrize("url", ["https://example.org/", "file:///etc/passwd", "http://a:b@127.0.0.1:1/", "nonsense"])
def test_a_host_without_a_rule_is_never_asked(tmp_path: Path, url: str) -> None:
    with Client(tmp_path, []) as client, pytest.raises(Forbidden):
        client.send(Request("GET", url))


def test_nothing_comes_from_the_environment_and_no_cookie_is_sent_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(lambda seen, n: Reply(body=b"x", headers={"Set-Cookie": "a=b; Path=/"})) as server:
        with Client(tmp_path, [rule(server)]) as client:
            client.send(get(server, "/1"))
            client.send(get(server, "/2"))
    assert len(server.seen) == 2 and not any("cookie" in seen.headers for seen in server.seen)


def test_secrets_are_sent_and_kept_nowhere(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"x")) as server, Client(tmp_path, [rule(server)]) as client:
        request = get(server, "/q?a=1", private={"X-Api-Key": "PRIVATE"}, secret={"api_key": "SECRET"})
        answer = client.send(request)
        assert client.send(request).cached
    assert server.seen[0].path == "/q?a=1&api_key=SECRET" and server.seen[0].headers["x-api-key"] == "PRIVATE"
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + repr(request).encode()
    assert b"SECRET" not in everything and b"PRIVATE" not in everything
    assert "SECRET" not in answer.url


def test_the_budget_holds_for_requests_bytes_and_seconds(tmp_path: Path, clock: FakeClock) -> None:
    with serving(lambda seen, n: Reply(503 if seen.path == "/busy" else 200, b"x" * 1000)) as server:

        def client(name: str, requests: int = 100, bytes: int = 10**6, seconds: float = 1e6) -> Client:
            budget = Budget(requests, bytes, seconds, clock.monotonic)
            return Client(tmp_path / name, [rule(server)], budget=budget, clock=clock)

        with client("requests", requests=3) as few, pytest.raises(OverBudget, match="3 requests"):
            few.send(get(server, "/busy"))  # retries count
        with client("bytes", bytes=1500) as small:
            small.send(get(server, "/1"))
            with pytest.raises(OverBudget, match="1,500 bytes"):
                small.send(get(server, "/2"))
        with client("seconds", seconds=5) as short, pytest.raises(OverBudget, match="5 seconds"):
            short.send(get(server, "/busy"))
        assert few.budget and few.budget.spent.requests == 3


def test_offline_sends_nothing_and_serves_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda seen, n: Reply(body=b"x")) as server:
        with Client(tmp_path, [rule(server)]) as client:
            client.send(get(server, "/kept"))
        with Client(tmp_path, [rule(server)], offline=True) as off:
            assert off.send(get(server, "/kept")).cached
            with pytest.raises(Offline):
                off.send(get(server, "/new"))
        monkeypatch.setenv("SOVEREIGN_OFFLINE", "1")
        with Client(tmp_path, [rule(server)]) as off, pytest.raises(Offline):
            off.send(get(server, "/new"))
    assert len(server.seen) == 1


def test_an_answer_that_the_caller_refuses_is_asked_for_again_and_never_kept(tmp_path: Path, clock: FakeClock) -> None:
    def whole(answer: Answer) -> None:
        if answer.body != b"whole":
            raise BadAnswer("this is not what was asked for", "try again later")

    with serving(lambda seen, n: Reply(body=b"<html>" if n < 3 else b"whole")) as server:
        with Client(tmp_path, [rule(server)], clock=clock) as client:
            assert client.send(get(server), whole).body == b"whole"
            assert client.send(get(server), whole).cached
    assert len(server.seen) == 3


def test_closing_ends_what_waits_and_what_is_under_way(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(hold=60)) as server:
        client = Client(tmp_path, [rule(server, connections=1, timeout_s=60)])
        ended: list[type[BaseException]] = []

        def ask(path: str) -> None:
            try:
                client.send(get(server, path))
            except BaseException as error:
                ended.append(type(error))

        threads = [threading.Thread(target=ask, args=(f"/{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        while not server.seen:
            threading.Event().wait(0.01)
        client.close()
        for thread in threads:
            thread.join(timeout=30)
    assert ended == [Stopped] * 3 and len(server.seen) == 1
