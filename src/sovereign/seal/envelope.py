"""Signed statements: in-toto Statement v1 in a DSSE envelope, signed with Ed25519.

Sources: in-toto attestation framework, Statement v1; DSSE protocol 1.0.2 (the pre-authentication encoding PAE);
RFC 8032 (Ed25519). The JSON is ours (see `canonical`): payload and envelope are both canonical, base64 is strict, and
an envelope holds exactly one signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .canonical import canonical, parse
from .errors import SealError
from .keys import Key, verify_raw

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope, opened and well formed, its signature not yet verified."""

    payload: bytes
    statement: dict[str, Any]
    signatures: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Signed:
    """A statement whose signature holds, with the fingerprint of the key that made it."""

    statement: dict[str, Any]
    fingerprint: str

    @property
    def predicate_type(self) -> str:
        return str(self.statement["predicateType"])

    @property
    def predicate(self) -> dict[str, Any]:
        predicate: dict[str, Any] = self.statement["predicate"]
        return predicate

    @property
    def subjects(self) -> dict[str, str]:
        """Name -> SHA-256 of each subject."""
        return {item["name"]: item["digest"]["sha256"] for item in self.statement["subject"]}


def statement(predicate_type: str, subjects: Mapping[str, str], predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto Statement v1 about `subjects` (name -> SHA-256), in the order of their names."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": subjects[name]}} for name in sorted(subjects)],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def sign(statement: Mapping[str, Any], key: Key) -> bytes:
    """The canonical DSSE envelope of a statement, signed with `key`. The same input gives the same bytes."""
    payload = canonical(dict(statement))
    return canonical(
        {
            "payload": _encode(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": key.fingerprint, "sig": _encode(key.sign(_pae(payload)))}],
        }
    )


def open_envelope(data: bytes) -> Envelope:
    """Read an envelope without verifying its signature.

    Raises:
        SealError: not canonical, not an envelope of ours, or its statement is malformed.
    """
    envelope = parse(data)
    if not isinstance(envelope, dict) or set(envelope) != {"payload", "payloadType", "signatures"}:
        raise SealError("not a DSSE envelope: it must hold payload, payloadType and signatures, and nothing else")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise SealError(f"payloadType is {envelope['payloadType']!r}, not {PAYLOAD_TYPE!r}")
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise SealError("signatures must be a list of exactly one")
    entry = signatures[0]
    if not isinstance(entry, dict) or set(entry) != {"keyid", "sig"} or not isinstance(entry["keyid"], str):
        raise SealError("a signature must hold keyid and sig, and nothing else")
    payload = _decode(envelope["payload"], "payload")
    return Envelope(payload, _statement_of(payload), ((entry["keyid"], _decode(entry["sig"], "sig")),))


def verify(data: bytes, public_keys: Mapping[str, bytes]) -> Signed:
    """Verify an envelope against raw public keys (fingerprint -> 32 bytes).

    Raises:
        SealError: the envelope is malformed, its key is not among `public_keys`, or the signature does not hold.
    """
    envelope = open_envelope(data)
    fingerprint, signature = envelope.signatures[0]
    if fingerprint not in public_keys:
        raise SealError(f"signed by {fingerprint}, whose public key is not at hand", "add its public key to keys.json")
    if not verify_raw(public_keys[fingerprint], signature, _pae(envelope.payload)):
        raise SealError(f"the signature of {fingerprint} does not hold: the content is not what was signed")
    return Signed(envelope.statement, fingerprint)


def _statement_of(payload: bytes) -> dict[str, Any]:
    value = parse(payload)
    if not isinstance(value, dict) or set(value) != {"_type", "subject", "predicateType", "predicate"}:
        raise SealError("the payload is not an in-toto statement")
    if value["_type"] != STATEMENT_TYPE:
        raise SealError(f"_type is {value['_type']!r}, not {STATEMENT_TYPE!r}")
    if not isinstance(value["predicateType"], str) or not isinstance(value["predicate"], dict):
        raise SealError("predicateType must be text and predicate an object")
    subjects = value["subject"]
    if not isinstance(subjects, list) or not subjects or not all(_is_subject(item) for item in subjects):
        raise SealError("subject must be a list of names, each with its sha256 digest alone")
    names = [item["name"] for item in subjects]
    if names != sorted(set(names)):
        raise SealError("subjects must be in the order of their names, each once")
    return value


def _is_subject(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and set(item) == {"name", "digest"}
        and isinstance(item["name"], str)
        and isinstance(item["digest"], dict)
        and set(item["digest"]) == {"sha256"}
        and isinstance(item["digest"]["sha256"], str)
        and _HEX.fullmatch(item["digest"]["sha256"]) is not None
    )


def _pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: type and body, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: Any, field: str) -> bytes:
    """Strict base64: the standard alphabet, padding, and no stray bits, so that one content has one spelling."""
    if not isinstance(text, str):
        raise SealError(f"{field} must be base64 text")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SealError(f"{field} is not base64: {error}") from error
    if _encode(data) != text:
        raise SealError(f"{field} is not base64 in its one canonical spelling")
    return data
