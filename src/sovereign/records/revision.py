"""The rounds of a record: what each search for the gaps gained, and why no further one was held."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .base import Document, Score
from .judgement import Verdict


class StopReason(StrEnum):
    """Why no further round was held."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    MOST_ROUNDS = "most_rounds"
    SMALL_GAIN = "small_gain"
    NOTHING_LEFT = "nothing_left"


class Round(Document):
    """One round from search to tribunal: round 0, and each revision after it."""

    number: int = Field(ge=0)
    queries: int = Field(ge=0, description="queries of the library that this round added")
    sources: int = Field(ge=0, description="sources read by its end")
    filled: int = Field(ge=0, description="cells that hold a claim by its end")
    score: Score
    verdict: Verdict


class Revision(Document):
    """The rounds in order, why they ended, and the owner's remarks whose terms were searched for."""

    rounds: tuple[Round, ...] = Field(min_length=1)
    stopped: StopReason
    remarks: tuple[str, ...] = Field(default=(), description="what the owner sent earlier versions back with")
