"""Limits that processes share: the spacing of requests and the number of connections, from the server's own log."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from tests.net.conftest import FakeClock
from tests.support.server import Reply, Seen, serving

from sovereign.net import Client, HostRule, Request
from sovereign.records import StorageError

ASK = """
import sys
from pathlib import Path
from sovereign.net import Client, HostRule, Request
origin, folder, name = sys.argv[1:]
with Client(Path(folder), [HostRule(origin, interval_s=0.2, connections=1)]) as client:
    for number in range(4):
        client.send(Request("GET", f"{origin}/{name}/{number}"))
"""


def spaced(seen: list[Seen]) -> float:
    times = sorted(one.at for one in seen)
    return min(later - earlier for earlier, later in pairwise(times))


def test_processes_that_ask_at_once_keep_one_connection_and_the_interval(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with serving(lambda seen, n: Reply(body=b"x", hold=0.02)) as server:
        started = [
            subprocess.Popen(
                [sys.executable, "-c", ASK, server.origin, str(tmp_path), name], cwd=root, env={"PYTHONPATH": "src"}
            )
            for name in ("a", "b", "c")
        ]
        assert [process.wait(timeout=120) for process in started] == [0, 0, 0]
        seen = list(server.seen)
    assert len(seen) == 12
    assert spaced(seen) >= 0.2
    assert {one.open for one in seen} == {1}


def test_threads_of_one_client_keep_them_too(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"x")) as server:
        with Client(tmp_path, [HostRule(server.origin, interval_s=0.15, connections=1)]) as client:
            threads = [
                threading.Thread(target=client.send, args=(Request("GET", f"{server.origin}/{n}"),)) for n in range(5)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=60)
    assert len(server.seen) == 5 and spaced(server.seen) >= 0.15 and {one.open for one in server.seen} == {1}


def test_several_connections_are_used_and_no_more_than_allowed(tmp_path: Path) -> None:
    with serving(lambda seen, n: Reply(body=b"x", hold=0.2)) as server:
        with Client(tmp_path, [HostRule(server.origin, connections=2)]) as client:
            threads = [
                threading.Thread(target=client.send, args=(Request("GET", f"{server.origin}/{n}"),)) for n in range(6)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=60)
    assert len(server.seen) == 6 and max(one.open for one in server.seen) == 2


def test_a_retry_waits_out_the_interval_as_well(tmp_path: Path, clock: FakeClock) -> None:
    times: list[float] = []

    def script(seen: Seen, n: int) -> Reply:
        times.append(clock.monotonic())
        return Reply(raw=b"garbage\r\n\r\n") if n < 3 else Reply(body=b"x")

    with serving(script) as server:
        rule = HostRule(server.origin, interval_s=3.0, connections=1, backoff_s=0.5)
        with Client(tmp_path, [rule], clock=clock) as client:
            client.send(Request("GET", server.origin))
    assert min(later - earlier for earlier, later in pairwise(times)) >= 3.0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"last": "x"}', '{"last": 1e300}', '{"last": null}'])
def test_damaged_times_are_as_if_a_request_had_just_been_made(tmp_path: Path, clock: FakeClock, text: str) -> None:
    with serving(lambda seen, n: Reply(body=b"x")) as server:
        rule = HostRule(server.origin, interval_s=3.0, connections=1)
        with Client(tmp_path, [rule], clock=clock) as client:
            client.send(Request("GET", f"{server.origin}/1"))
            (times,) = (tmp_path / "hosts").glob("*.json")
            times.write_text(text)
            before = len(clock.slept)
            client.send(Request("GET", f"{server.origin}/2"))
    assert 2.9 <= sum(clock.slept[before:]) <= 3.1


def test_without_a_place_for_the_limits_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a file where the folder should be")
    with serving(lambda seen, n: Reply(body=b"x")) as server:
        with Client(tmp_path, [HostRule(server.origin)]) as client, pytest.raises(StorageError, match="limits"):
            client.send(Request("GET", server.origin))
    assert server.seen == []
