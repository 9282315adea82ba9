"""The endpoint over a real socket: the wire format, parallel requests, and everything that can come back instead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.openai_server import DIMENSIONS, Asked, Server, Wire, completion, serving, vectors

from sovereign.language import (
    ChatReply,
    ChatSettings,
    EmbedderSettings,
    LanguageSettings,
    Message,
    OpenAIChat,
    OpenAIEmbedder,
    host_rules,
)
from sovereign.net import Client, NoAnswer, Refused

KEY = "sk-local-1234"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


class Quick:
    """A clock that does not wait, so that retries are tried at once."""

    def __init__(self) -> None:
        from sovereign.net import SystemClock

        self._real, self._slept = SystemClock(), 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self._real.monotonic() + self._slept

    def now(self):  # type: ignore[no-untyped-def]
        return self._real.now()

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._slept += seconds


def client_for(server: Server, folder: Path, clock: Quick | None = None) -> Client:
    settings = LanguageSettings(
        chat=ChatSettings(endpoint=server.endpoint, model="m", timeout_s=20),
        embedder=EmbedderSettings(endpoint=server.endpoint, model="e", timeout_s=20),
    )
    return Client(folder, host_rules(settings), clock=clock or Quick())


def ask(
    server: Server, folder: Path, prompts: int = 1, key: str = "", clock: Quick | None = None
) -> tuple[ChatReply, ...]:
    with client_for(server, folder, clock) as client:
        chat = OpenAIChat(ChatSettings(endpoint=server.endpoint, model="m", key_variable=key), client)
        return chat.reply(
            chat.requests([(f"p{n}", [Message(role="user", content=f"ask {n}")]) for n in range(prompts)])
        )


def test_a_request_is_as_the_format_has_it_and_a_reply_carries_both_digests(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_KEY", KEY)
    sent: list[bytes] = []

    def answer(asked: Asked) -> Wire:
        wire = completion(asked, "words")
        sent.append(wire[2])
        return wire

    server.chat = answer
    (reply,) = ask(server, tmp_path, key="LOCAL_KEY")
    (asked,) = server.asked
    assert asked.body.pop("messages") == [{"role": "user", "content": "ask 0"}]
    assert asked.body == {"model": "m", "temperature": 0, "seed": 0, "max_tokens": 2000}
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert (reply.text, reply.fault) == ("words", "")
    assert reply.response_sha256 == sha256(sent[0]).hexdigest()
    assert KEY not in reply.model_dump_json()
    assert not any(KEY in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


def test_without_a_key_none_is_sent(server: Server, tmp_path: Path) -> None:
    ask(server, tmp_path)
    assert "authorization" not in server.asked[0].headers


def test_a_batch_is_asked_in_parallel_and_comes_back_in_order(server: Server, tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=30)

    def answer(asked: Asked) -> Wire:
        together.wait()  # returns only when three requests are here at once
        return completion(asked, asked.body["messages"][0]["content"])

    server.chat = answer
    replies = ask(server, tmp_path, prompts=3)
    assert [reply.text for reply in replies] == ["ask 0", "ask 1", "ask 2"]
    assert server.most_at_once == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"<html>busy</html>", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[1, 2]", "no JSON object"),
        (b"{}", "no choice"),
        (b'{"choices": []}', "no choice"),
        (b'{"choices": "many"}', "no choice"),
        (b'{"choices": [{"message": {"content": null}}]}', "empty"),
        (b'{"choices": [{"message": {"content": "  "}}]}', "empty"),
        (b'{"choices": [{"message": {"content": [{"type": "text"}]}}]}', "empty"),
        (b'{"choices": [{"message": {"content": "' + b"a" * 200_001 + b'"}}]}', "longer than"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_garbage_is_a_reply_with_a_fault(server: Server, tmp_path: Path, body: bytes, said: str) -> None:
    server.chat = lambda asked: (200, {}, body)
    (reply,) = ask(server, tmp_path)
    assert said in reply.fault and reply.text == ""
    assert reply.response_sha256 == sha256(body).hexdigest()
    assert ChatReply.model_validate_json(reply.model_dump_json()) == reply


def test_a_lone_surrogate_becomes_a_mark(server: Server, tmp_path: Path) -> None:
    server.chat = lambda asked: (200, {}, b'{"choices": [{"message": {"content": "a \\ud800 b"}}]}')
    (reply,) = ask(server, tmp_path)
    assert reply.text == "a ? b" and reply.model_dump_json()


def test_a_busy_endpoint_is_asked_again_after_what_it_asks_for(server: Server, tmp_path: Path) -> None:
    clock, refusals = Quick(), iter([(429, {"Retry-After": "7"}, b"{}"), (503, {}, b"")])
    server.chat = lambda asked: next(refusals, None) or completion(asked, "at last")
    (reply,) = ask(server, tmp_path, clock=clock)
    assert reply.text == "at last" and len(server.asked) == 3
    assert sum(clock.waits) >= 7


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_an_endpoint_that_refuses_is_an_error_and_no_reply(server: Server, tmp_path: Path, status: int) -> None:
    server.chat = lambda asked: (status, {}, b'{"error": {"message": "no"}}')
    with pytest.raises(Refused, match=str(status)):
        ask(server, tmp_path)


def test_an_endpoint_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    with pytest.raises(NoAnswer):
        ask(gone, tmp_path)


def embed(server: Server, folder: Path, texts: list[str], batch: int = 64, input_type: str = ""):  # type: ignore[no-untyped-def]
    with client_for(server, folder) as client:
        settings = EmbedderSettings(endpoint=server.endpoint, model="e", batch=batch, input_type=input_type)
        return OpenAIEmbedder(settings, client).embed(texts)


def test_texts_become_vectors_in_batches(server: Server, tmp_path: Path) -> None:
    found = embed(server, tmp_path, [f"text {n}" for n in range(5)], batch=2, input_type="passage")
    assert [part.number for part in found] == [2, 2, 1]
    assert {part.dimensions for part in found} == {DIMENSIONS} and not any(part.fault for part in found)
    assert {asked.body["input_type"] for asked in server.asked} == {"passage"}
    assert embed(server, tmp_path, []) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop(), "does not hold"),
        (lambda data: data[0].update(index=0), "not numbered"),
        (lambda data: data[0].update(embedding=[]), "no list of finite"),
        (lambda data: data[0].update(embedding=["1"] * DIMENSIONS), "no list of finite"),
        (lambda data: data[0].update(embedding=[float("nan")] * DIMENSIONS), "no list of finite"),
        (lambda data: data[0].update(embedding=[True] * DIMENSIONS), "no list of finite"),
        (lambda data: data[0].update(embedding=[0.5]), "differ in length"),
        (lambda data: data.clear(), "does not hold"),
    ],
)
def test_vectors_that_make_no_sense_are_a_fault(server: Server, tmp_path: Path, change, said: str) -> None:  # type: ignore[no-untyped-def]
    def answer(asked: Asked) -> Wire:
        body = json.loads(vectors(asked)[2])
        change(body["data"])
        return 200, {}, json.dumps(body).encode()

    server.embeddings = answer
    (found,) = embed(server, tmp_path, ["one", "two"])
    assert said in found.fault and found.dimensions == 0
