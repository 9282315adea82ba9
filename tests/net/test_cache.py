"""Kept answers: only exactly the one that was asked for is ever used; a full disk costs the cache, not the answer."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest
from tests.net.conftest import FakeClock
from tests.support.server import Reply, Seen, Server, serving

from sovereign.net import Answer, BadAnswer, Client, HostRule, Request


def echo(seen: Seen, n: int) -> Reply:
    return Reply(body=f"{seen.method} {seen.path} {seen.body.decode()} {n}".encode())


def open_client(folder: Path, server: Server, clock: FakeClock | None = None, **given: float) -> Client:
    return Client(folder, [HostRule(server.origin)], clock=clock, **given)  # type: ignore[arg-type]


def kept(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "cache").rglob("*") if path.is_file())


def test_equal_requests_share_an_answer_and_others_do_not(tmp_path: Path) -> None:
    with serving(echo) as server, open_client(tmp_path, server) as client:
        url = f"{server.origin}/q?a=1"
        asked = [
            Request("GET", url),
            Request("GET", f"{server.origin}/q?a=2"),
            Request("POST", url),
            Request("POST", url, b"x"),
            Request("POST", url, b"y"),
            Request("GET", url, headers={"Accept": "text/xml"}),
        ]
        first = [client.send(request) for request in asked]
        second = [client.send(request) for request in asked]
        assert not client.send(Request("GET", url, cache=False)).cached
    assert len({answer.body for answer in first}) == len(asked) == len(server.seen) - 1
    assert [answer.body for answer in second] == [answer.body for answer in first]
    assert all(answer.cached for answer in second)


def test_the_answer_to_another_query_is_refused(tmp_path: Path) -> None:
    with serving(echo) as server:
        with open_client(tmp_path, server) as client:
            client.send(Request("GET", f"{server.origin}/q?about=cats"))
            (cats,) = kept(tmp_path)
            client.send(Request("GET", f"{server.origin}/q?about=dogs"))
            (dogs,) = set(kept(tmp_path)) - {cats}
            shutil.copy(cats, dogs)
            again = client.send(Request("GET", f"{server.origin}/q?about=dogs"))
            assert b"dogs" in again.body and not again.cached
            assert any("another query" in notice for notice in client.notices)
        with open_client(tmp_path, server) as client:
            assert client.send(Request("GET", f"{server.origin}/q?about=dogs")).cached and not client.notices


@pytest.mark.parametrize("damage", ["cut", "edited", "empty", "head", "json", "binary"])
def test_a_damaged_entry_is_asked_for_again(tmp_path: Path, damage: str) -> None:
    with serving(echo) as server, open_client(tmp_path, server) as client:
        request = Request("GET", f"{server.origin}/q")
        client.send(request)
        (path,) = kept(tmp_path)
        raw = path.read_bytes()
        head, _, body = raw.partition(b"\n")
        path.write_bytes({
            "cut": raw[:-3],
            "edited": raw.replace(b"GET /q ", b"GET /z "),
            "empty": b"",
            "head": head,
            "json": json.dumps({**json.loads(head), "status": "200"}).encode() + b"\n" + body,
            "binary": bytes(range(256)) * 10,
        }[damage])  # fmt: skip
        again = client.send(request)
        assert not again.cached and again.body.endswith(b"2") and client.notices
        assert client.send(request).cached


def test_an_old_answer_is_asked_for_again_but_serves_offline(tmp_path: Path, clock: FakeClock) -> None:
    with serving(echo) as server:
        request = Request("GET", f"{server.origin}/q")
        with open_client(tmp_path, server, clock, cache_days=2) as client:
            client.send(request)
            clock.sleep(86_400)
            assert client.send(request).cached
            clock.sleep(2 * 86_400)
            with Client(tmp_path, [HostRule(server.origin)], clock=clock, offline=True) as off:
                assert off.send(request).cached
            assert not client.send(request).cached


def test_a_kept_answer_that_the_caller_refuses_is_not_used(tmp_path: Path) -> None:
    def second(answer: Answer) -> None:
        if not answer.body.endswith(b"2"):
            raise BadAnswer("not the second", "")

    with serving(echo) as server, open_client(tmp_path, server) as client:
        request = Request("GET", f"{server.origin}/q")
        client.send(request)
        assert client.send(request, second).body.endswith(b"2")


def test_a_full_disk_while_caching_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if "cache" in self.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    with serving(echo) as server, open_client(tmp_path, server) as client:
        monkeypatch.setattr(Path, "replace", full)
        assert client.send(Request("GET", f"{server.origin}/q")).body
        assert "No space left" in client.notices[0]
    assert kept(tmp_path) == []  # no half file either


def test_the_cache_stays_under_its_size(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"x" * 10_000)) as server:
        with open_client(tmp_path, server, cache_bytes=35_000) as client:
            for number in range(8):
                client.send(Request("GET", f"{server.origin}/{number}"))
    assert sum(path.stat().st_size for path in kept(tmp_path)) <= 35_000 and kept(tmp_path)
