"""What a lab model is, as data: a JSON round trip, so that a checkpoint says what it is a checkpoint of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from routelab._errors import BadShape

Scores = Literal["none", "attention", "gaussian"]


@dataclass(frozen=True)
class LabConfig:
    """The lab's mixture-of-experts vision-language model: `blocks` blocks, the first `dense_blocks` of them dense.

    Tokens are (image/patch)^2 visual ones, `question_length` of the question (padded on the left) and those of the
    answer. Visual tokens see each other; text is causal and sees all visual tokens.

    Attributes:
        d: hidden size. heads: of attention. image, patch: sides in pixels. vocabulary: entries, 0 is padding.
        answer_length: most tokens of an answer, its end token among them.
        dense_width: inner width of a dense feed-forward block.
        layer: what stands in the other blocks: "moe" (router and experts), "dense", or a layer of its own by name.
        router, router_options: name and options for `routing.build`. n_experts, expert_width, expert_kind: E, F.
        layer_options: options of a layer of its own.
        backend: how experts are dispatched. scores: modality scores that the router is handed (SMoES).
        frozen_router: leave the router as it was drawn (a control).
    """

    d: int = 128
    blocks: int = 4
    dense_blocks: int = 1
    heads: int = 4
    image: int = 32
    patch: int = 8
    vocabulary: int = 64
    question_length: int = 12
    answer_length: int = 3
    dense_width: int = 384
    layer: str = "moe"
    router: str = "topk"
    router_options: Mapping[str, Any] = field(default_factory=dict)
    n_experts: int = 32
    expert_width: int = 64
    expert_kind: str = "gelu"
    layer_options: Mapping[str, Any] = field(default_factory=dict)
    backend: str = "grouped"
    scores: Scores = "none"
    frozen_router: bool = False

    def __post_init__(self) -> None:
        numbers = {n: v for n, v in asdict(self).items() if isinstance(v, int) and not isinstance(v, bool)}
        small = [n for n, v in numbers.items() if v < (0 if n == "dense_blocks" else 1)]
        if small:
            raise BadShape(f"a lab model with {small[0]} = {numbers[small[0]]}", "give positive numbers")
        if self.d % self.heads or self.image % self.patch or self.dense_blocks > self.blocks:
            raise BadShape(
                f"d {self.d} with {self.heads} heads, image {self.image} with patch {self.patch}, "
                f"{self.dense_blocks} of {self.blocks} blocks dense",
                "heads must divide d, patch must divide image, and no more blocks can be dense than there are",
            )

    @property
    def visual_tokens(self) -> int:
        return (self.image // self.patch) ** 2

    @property
    def text_length(self) -> int:
        """Places for text: the question, and every token of the answer but its last, which nothing follows."""
        return self.question_length + self.answer_length - 1

    @property
    def moe_blocks(self) -> int:
        return self.blocks - self.dense_blocks

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> LabConfig:
        """A configuration from its JSON object.

        Raises:
            BadShape: a field is unknown, or numbers do not fit.
        """
        unknown = sorted(set(document) - {f.name for f in fields(cls)})
        if unknown:
            raise BadShape(f"a lab model has no field {unknown[0]!r}", "make the configuration anew")
        return cls(**document)

    def digest(self) -> str:
        """sha256 of the configuration's JSON."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()
