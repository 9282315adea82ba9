"""What others add to a record: the details of events that bring a second party's run, a review or another signature."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict, Field

from .base import ClaimId, Document, RecordId, Sha256
from .event import EventType
from .notices import Marked, SourceOutdated
from .reproduction import ClaimOutcome
from .trust import Fingerprint, KeyRole


class ReviewVerdict(StrEnum):
    """What a reviewer holds of a version."""

    ENDORSED = "endorsed"
    OBJECTED = "objected"


class Party(Document):
    """Who attests, as the owner declares: the owner's signature is on the event that says so."""

    fingerprint: Fingerprint
    name: str = Field(description="who holds the key, in the owner's words; empty for a key that was not declared")
    role: KeyRole | None = Field(description="as declared; null for a key that was not declared")


class Attested(Document):
    """Details of `attested`: another signature on a run of a pack that the record attaches.

    The files lie under `attestations/<attestation>/`: `attestation.json` and `results.json`.
    """

    attestation: Sha256 = Field(description="SHA-256 of attestation.json; names the folder")
    results_sha256: Sha256
    pack: str
    pack_digest: Sha256
    party: Party
    independent: bool = Field(description="another party, on other hardware; else it is a repeat")
    reason: str = Field(description="why it counts as independent, or why it is a repeat")
    outcomes: tuple[ClaimOutcome, ...]


class Reviewed(Document):
    """Details of `reviewed`: what somebody else holds of the version; the statement lies under `attestations/`."""

    attestation: Sha256 = Field(description="SHA-256 of attestation.json; names the folder")
    party: Party
    external: bool = Field(description="by a reviewer of another party")
    reason: str
    verdict: ReviewVerdict
    note: str = ""


class Faithful(Document):
    """Details of `faithful`: a person says that the formal statement of a proof means these claims."""

    pack: str
    results_sha256: Sha256 = Field(description="the attached proof")
    statement_sha256: Sha256 = Field(description="the file of the formal statement")
    claims: tuple[ClaimId, ...] = Field(min_length=1)


class Countersigned(Document):
    """Details of `countersigned`: files that other keys signed and behind which this key stands too."""

    files: dict[str, Sha256] = Field(min_length=1, description="path within the record's folder -> SHA-256")


#: Events whose details have a form of their own.
DETAILS: dict[EventType, type[Document]] = {
    EventType.ATTESTED: Attested,
    EventType.REVIEWED: Reviewed,
    EventType.FAITHFUL: Faithful,
    EventType.COUNTERSIGNED: Countersigned,
    EventType.MARKED: Marked,
    EventType.OUTDATED: SourceOutdated,
}


class RequestedPack(Document):
    """A pack that another party is asked to run; its files lie under `packs/<name>/` of the request."""

    name: str
    digest: Sha256


class AttestRequest(Document):
    """`request.json`: what another party is asked to run, and for which record."""

    schema_: str = Field(default="sovereign-request-v1", alias="schema")
    record: RecordId | None = Field(description="null: for any record that attaches the pack")
    packs: tuple[RequestedPack, ...] = Field(min_length=1)

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
