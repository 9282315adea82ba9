"""Signed events on top of a record's versions, and the state that a fold over them gives."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from .base import Document, RecordId, Sha256


class EventType(StrEnum):
    DRAFTED = "drafted"
    REVISED = "revised"
    APPROVED = "approved"
    REJECTED = "rejected"
    REPRODUCED = "reproduced"
    CORRECTED = "corrected"
    RETRACTED = "retracted"
    ATTESTED = "attested"
    REVIEWED = "reviewed"
    FAITHFUL = "faithful"
    COUNTERSIGNED = "countersigned"
    MARKED = "marked"
    OUTDATED = "outdated"


#: What a correction may be of; the names of the kept contract correction-record-v1.
CORRECTION_TYPES = ("METADATA", "ARTIFACT", "CLAIM", "BENCHMARK", "PROVENANCE", "QUALITY_ASSESSMENT")


class Event(Document):
    """What happened to a record: the predicate of one signed statement in its hash chain."""

    record: RecordId
    version: int = Field(ge=1)
    number: int = Field(ge=1)
    type: EventType
    previous: Sha256 | None = Field(description="SHA-256 of the envelope file before this one; null for the first")
    manifest: Sha256 = Field(description="SHA-256 of the manifest.json of that version")
    at: str = Field(description="UTC, ISO 8601, whole seconds")
    by: str = Field(description="fingerprint of the key of who acted")
    note: str = ""
    details: dict[str, Any] = Field(default_factory=dict)


class State(Document):
    """The current state of a record: a fold over its events."""

    record: RecordId
    version: int
    public: bool
    standing: str = Field(description="draft, published, rejected, corrected or retracted")
    events: int
    corrections: int
    last_event_at: str
    note: str = ""


class Manifest(Document):
    """`manifest.json`: every file of a version with its digest."""

    schema_: str = Field(default="sovereign-manifest-v1", alias="schema")
    record: RecordId
    version: int
    body_digest: Sha256
    files: dict[str, Sha256]

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
