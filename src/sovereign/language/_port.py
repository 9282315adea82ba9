"""The ports: requests in, replies out, batched. What came back is a value with its digests, usable or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from sovereign.records import Document


class Message(Document):
    role: str = Field(description="system, user or assistant")
    content: str


class ChatRequest(Document):
    """What a model is asked; all of it is in the digest of the request."""

    purpose: str
    model: str
    messages: tuple[Message, ...]
    temperature: float = 0.0
    seed: int = 0
    max_tokens: int = 2000


class ChatReply(Document):
    """What came back. `text` is the model's words, empty where `fault` says why there are none."""

    purpose: str
    model: str
    request_sha256: str
    response_sha256: str
    response: str = Field(description="the body as it came; bytes that are no UTF-8 are escaped")
    text: str = ""
    fault: str = ""


class Embeddings(Document):
    """Vectors of a batch, kept as the body that brought them. `fault` says why there are none."""

    model: str
    number: int
    dimensions: int
    request_sha256: str
    response_sha256: str
    response: str
    fault: str = ""


class Chat(Protocol):
    """Asks a model."""

    model: str

    def requests(self, prompts: Sequence[tuple[str, Sequence[Message]]]) -> tuple[ChatRequest, ...]:
        """Purpose and messages of each prompt as a request with this model's settings; nothing is sent."""
        ...

    def reply(self, requests: Sequence[ChatRequest]) -> tuple[ChatReply, ...]:
        """One reply per request, in their order, asked in parallel.

        A reply that makes no sense is a reply with a `fault`. Raises ServiceError when the endpoint cannot be asked.
        """
        ...


class Embedder(Protocol):
    """Makes vectors of texts."""

    model: str

    def embed(self, texts: Sequence[str]) -> tuple[Embeddings, ...]:
        """The vectors of all texts, in batches, in order. Raises ServiceError when the endpoint cannot be asked."""
        ...
