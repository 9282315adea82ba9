"""Whom somebody trusts: keys with the party that holds each, its role, its time, and its revocation."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from .base import Document

Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[0-9a-f]{64}$", description="SHA256: and 64 hexadecimal digits")]
Moment = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC, ISO 8601, whole seconds"),
]
KeyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="small letters, digits and hyphens")]


class KeyRole(StrEnum):
    """What a key may sign."""

    OWNER = "owner"
    REPRODUCER = "reproducer"
    REVIEWER = "reviewer"
    SECOND_PARTY = "second-party"


class Revocation(Document):
    """A key is trusted no more, whatever the date of what it signed: whoever has it can sign with any date."""

    at: Moment
    reason: str = Field(min_length=1, max_length=400)


class TrustedKey(Document):
    """One key of a trust file.

    Keys of one `party` are one party's: a run that one of them attests repeats what another signed, it does not
    confirm it. Without a `party` a key stands for itself.
    """

    id: KeyId
    fingerprint: Fingerprint
    public_key: str | None = Field(default=None, description="the 32 raw bytes, base64; null where they are not known")
    party: str = Field(default="", max_length=200, description="who holds it")
    role: KeyRole
    valid_from: Moment | None = Field(default=None, description="signatures that state an earlier time are refused")
    valid_until: Moment | None = Field(default=None, description="signatures that state a later time are refused")
    revoked: Revocation | None = None

    @model_validator(mode="after")
    def _in_order(self) -> TrustedKey:
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("valid_from is after valid_until")
        return self

    @property
    def held_by(self) -> str:
        """Who holds the key: the party, or the key's own fingerprint."""
        return self.party or self.fingerprint

    def holds_at(self, moment: str | None) -> bool:
        """Whether a signature that states this time (none where it states no time) lies within the key's validity."""
        if moment is None:
            return True
        return (self.valid_from or moment) <= moment <= (self.valid_until or moment)


class TrustFile(Document):
    """`trust.json`: the keys that somebody trusts, in the order of their ids, each id and each key once."""

    schema_: Literal["sovereign-trust-v1"] = Field(default="sovereign-trust-v1", alias="schema")
    keys: tuple[TrustedKey, ...] = ()

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    @model_validator(mode="after")
    def _each_once(self) -> TrustFile:
        for names in ([key.id for key in self.keys], [key.fingerprint for key in self.keys]):
            if len(set(names)) != len(names):
                raise ValueError("a key is listed twice")
        return self
