"""Canonical JSON, digests, signed statements, keys, and the container of an exported record."""

from .canonical import body_digest, canonical, digest, parse
from .container import pack_files
from .envelope import (
    PAYLOAD_TYPE,
    PREDICATE_DRAFT,
    PREDICATE_EVENT,
    PREDICATE_EXPORT,
    PREDICATE_REPRODUCTION,
    STATEMENT_TYPE,
    Envelope,
    Signed,
    open_envelope,
    sign,
    statement,
    verify,
)
from .errors import NotCanonical, SealError
from .keys import Key, fingerprint_of, is_fingerprint, key_entry, key_ring, public_keys

__all__ = [
    "PAYLOAD_TYPE",
    "PREDICATE_DRAFT",
    "PREDICATE_EVENT",
    "PREDICATE_EXPORT",
    "PREDICATE_REPRODUCTION",
    "STATEMENT_TYPE",
    "Envelope",
    "Key",
    "NotCanonical",
    "SealError",
    "Signed",
    "body_digest",
    "canonical",
    "digest",
    "fingerprint_of",
    "is_fingerprint",
    "key_entry",
    "key_ring",
    "open_envelope",
    "pack_files",
    "parse",
    "public_keys",
    "sign",
    "statement",
    "verify",
]
