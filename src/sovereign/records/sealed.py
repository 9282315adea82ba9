"""Documents that hold a record together: public keys and rows of the audit chain."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .base import Document, Sha256
from .trust import Fingerprint, KeyRole


class KeyEntry(Document):
    """A public key with which something of a record was signed."""

    fingerprint: Fingerprint = Field(description="SHA256: and the SHA-256 of the raw public key")
    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str = Field(description="the 32 raw bytes, base64")
    role: KeyRole = Field(default=KeyRole.OWNER, description="as who wrote the file says; a trust file decides")


class KeyRing(Document):
    """`keys.json`: the public keys that a record's signatures need, in the order of their fingerprints."""

    schema_: Literal["sovereign-keys-v1"] = Field(default="sovereign-keys-v1", alias="schema")
    keys: tuple[KeyEntry, ...] = Field(min_length=1)

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class AuditRow(Document):
    """One line of `audit.jsonl`: a completed stage. Its hash is the SHA-256 of the line without its newline."""

    seq: int = Field(ge=1)
    stage: str
    inputs_sha256: Sha256
    code_sha256: Sha256
    output_sha256: Sha256
    previous: Sha256 | None = Field(description="hash of the row before; null for the first")
