"""Any endpoint that speaks OpenAI's wire format: `/chat/completions` and `/embeddings` over our one network port."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from sovereign.net import Answer, BadAnswer, Client, HostRule, Request, TooLarge, origin_of
from sovereign.seal import canonical

from ._port import ChatReply, ChatRequest, Embeddings, Message
from ._settings import ChatSettings, EmbedderSettings, LanguageSettings, key_of

#: Requests that are under way at once.
PARALLEL = 4
_LONGEST_REPLY = 200_000


def host_rules(settings: LanguageSettings) -> tuple[HostRule, ...]:
    """Limits towards the configured endpoints, one per host."""
    found: dict[str, HostRule] = {}
    for name, part in (("the language model", settings.chat), ("the embedder", settings.embedder)):
        if part is not None:
            origin = origin_of(part.endpoint)
            rule = HostRule(origin, name, connections=PARALLEL, timeout_s=part.timeout_s, tries=4)
            found.setdefault(origin, rule)
    return tuple(found.values())


class OpenAIChat:
    """`Chat` over an endpoint. Raises BadInput where its key is not set."""

    def __init__(self, settings: ChatSettings, client: Client) -> None:
        self.model = settings.model
        self._settings, self._client = settings, client
        self._private = _authorisation(settings.key_variable)

    def requests(self, prompts: Sequence[tuple[str, Sequence[Message]]]) -> tuple[ChatRequest, ...]:
        """See `Chat`."""
        return tuple(
            ChatRequest(
                purpose=purpose,
                model=self.model,
                messages=tuple(messages),
                temperature=self._settings.temperature,
                seed=self._settings.seed,
                max_tokens=self._settings.max_tokens,
            )
            for purpose, messages in prompts
        )

    def reply(self, requests: Sequence[ChatRequest]) -> tuple[ChatReply, ...]:
        """See `Chat`."""
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            return tuple(pool.map(self._one, requests))

    def _one(self, request: ChatRequest) -> ChatReply:
        body = canonical(request.model_dump(mode="json", exclude={"purpose"}))
        answer, fault = _post(self._client, f"{self._settings.endpoint}/chat/completions", body, self._private)
        text, unusable = ("", fault) if fault else _content(answer)
        return ChatReply(
            purpose=request.purpose,
            model=request.model,
            request_sha256=sha256(body).hexdigest(),
            response_sha256=sha256(answer).hexdigest(),
            response=answer.decode("utf-8", "backslashreplace"),
            text=text,
            fault=unusable,
        )


class OpenAIEmbedder:
    """`Embedder` over an endpoint. Raises BadInput where its key is not set."""

    def __init__(self, settings: EmbedderSettings, client: Client) -> None:
        self.model = settings.model
        self._settings, self._client = settings, client
        self._private = _authorisation(settings.key_variable)

    def embed(self, texts: Sequence[str]) -> tuple[Embeddings, ...]:
        """See `Embedder`."""
        size = self._settings.batch
        batches = [list(texts[start : start + size]) for start in range(0, len(texts), size)]
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            return tuple(pool.map(self._batch, batches))

    def _batch(self, texts: list[str]) -> Embeddings:
        asked: dict[str, Any] = {"model": self.model, "input": texts, "encoding_format": "float"}
        if self._settings.input_type:
            asked["input_type"] = self._settings.input_type
        body = canonical(asked)
        answer, fault = _post(self._client, f"{self._settings.endpoint}/embeddings", body, self._private)
        dimensions, unusable = (0, fault) if fault else _dimensions(answer, len(texts))
        return Embeddings(
            model=self.model,
            number=len(texts),
            dimensions=dimensions,
            request_sha256=sha256(body).hexdigest(),
            response_sha256=sha256(answer).hexdigest(),
            response=answer.decode("utf-8", "backslashreplace"),
            fault=unusable,
        )


def _authorisation(variable: str) -> dict[str, str]:
    key = key_of(variable)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _post(client: Client, url: str, body: bytes, private: Mapping[str, str]) -> tuple[bytes, str]:
    """The body of the answer, and why it cannot be used, if that shows already. Refusals and silence are raised."""
    request = Request("POST", url, body, {"Content-Type": "application/json"}, private, cache=False)
    try:
        answer: Answer = client.send(request)
    except (BadAnswer, TooLarge) as error:
        return b"", error.message
    return answer.body, ""


def _parsed(body: bytes) -> tuple[dict[str, Any], str]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}, "the endpoint's answer is not JSON"
    return (value, "") if isinstance(value, dict) else ({}, "the endpoint's answer is no JSON object")


def _content(body: bytes) -> tuple[str, str]:
    """The first choice's words."""
    value, fault = _parsed(body)
    if fault:
        return "", fault
    try:
        text = value["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return "", "the endpoint's answer holds no choice with a message"
    if not isinstance(text, str) or not text.strip():
        return "", "the model's reply is empty"
    if len(text) > _LONGEST_REPLY:
        return "", f"the model's reply is longer than {_LONGEST_REPLY:,} characters"
    return text.encode("utf-8", "replace").decode(), ""  # a lone surrogate would fit into no document


def _dimensions(body: bytes, number: int) -> tuple[int, str]:
    """The length of the vectors: one for each text, each of numbers, all of one length."""
    value, fault = _parsed(body)
    if fault:
        return 0, fault
    data = value.get("data")
    if not isinstance(data, list) or len(data) != number or not all(isinstance(item, dict) for item in data):
        return 0, f"the endpoint's answer does not hold {number} vectors"
    if sorted(str(item.get("index")) for item in data) != sorted(str(index) for index in range(number)):
        return 0, "the vectors are not numbered as the texts are"
    vectors = [item.get("embedding") for item in data]
    if not all(isinstance(vector, list) and vector and all(_is_number(x) for x in vector) for vector in vectors):
        return 0, "a vector is no list of finite numbers"
    lengths = {len(vector) for vector in vectors}
    return (lengths.pop(), "") if len(lengths) == 1 else (0, "the vectors differ in length")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
