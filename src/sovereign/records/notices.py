"""What is said of a version after it was made, by its owner: details of the events `outdated` and `marked`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from .base import ClaimId, Document, Sha256, SourceId
from .hand import HandEntry


class SourceCause(StrEnum):
    """What became of a source."""

    RETRACTED = "retracted"
    CONCERN = "concern"
    CORRECTED = "corrected"
    CHANGED = "changed"
    GONE = "gone"
    RESTORED = "restored"


class SourceOutdated(Document):
    """Details of `outdated`: a source that a version read is not what it was.

    `restored` takes back some of what earlier events said of the source.
    """

    version: int = Field(ge=1, description="the version that read it: that of the event, or one before")
    source: SourceId
    sha256: Sha256 = Field(description="the text that the version read")
    cause: SourceCause
    what: str = Field(max_length=1000, description="in words, with the reason where one is given")
    read_at: str = Field(max_length=1000, description="where that was read: a file, an address, the library")
    doi: str | None = Field(default=None, description="of the notice's paper")
    date: str | None = Field(default=None, description="when it became so, as the notice says")
    claims: tuple[ClaimId, ...] = Field(default=(), description="claims of the version that quote the source")
    takes_back: tuple[SourceCause, ...] = Field(default=(), description="of `restored`: what holds no longer")

    @model_validator(mode="after")
    def _restored_takes_something_back(self) -> SourceOutdated:
        if (self.cause is SourceCause.RESTORED) != bool(self.takes_back) or SourceCause.RESTORED in self.takes_back:
            raise ValueError("`restored` takes back other causes, and no other cause does")
        return self


class Marked(Document):
    """Details of `marked`: an entry of the owner's hand that was made on this version, and holds for later ones."""

    sha256: Sha256 = Field(description="of the entry's signed envelope")
    entry: HandEntry
