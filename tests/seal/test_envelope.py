"""Envelopes: what was signed is what is read; any other byte is refused."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from sovereign.seal import (
    PAYLOAD_TYPE,
    PREDICATE_EVENT,
    Key,
    SealError,
    canonical,
    digest,
    open_envelope,
    sign,
    statement,
    verify,
)


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


@pytest.fixture(scope="module")
def envelope(key: Key) -> bytes:
    return sign(statement(PREDICATE_EVENT, {"b": digest("b"), "a": digest("a")}, {"number": 1, "note": "é"}), key)


def test_a_signed_statement_reads_back(key: Key, envelope: bytes) -> None:
    signed = verify(envelope, {key.fingerprint: key.public_bytes})
    assert signed.fingerprint == key.fingerprint
    assert signed.predicate_type == PREDICATE_EVENT
    assert signed.predicate == {"number": 1, "note": "é"}
    assert signed.subjects == {"a": digest("a"), "b": digest("b")}


def test_the_signature_is_over_the_dsse_encoding(key: Key, envelope: bytes) -> None:
    """Checked with `cryptography` alone, after DSSE 1.0.2: PAE = DSSEv1 SP len SP type SP len SP body."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    fields = json.loads(envelope)
    payload = base64.b64decode(fields["payload"])
    kind = PAYLOAD_TYPE.encode()
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    signature = base64.b64decode(fields["signatures"][0]["sig"])
    Ed25519PublicKey.from_public_bytes(key.public_bytes).verify(signature, message)


def test_signing_twice_gives_the_same_bytes(key: Key) -> None:
    body = statement(PREDICATE_EVENT, {"a": digest("a")}, {})
    assert sign(body, key) == sign(body, key)


def test_every_changed_byte_is_refused(key: Key, envelope: bytes) -> None:
    draw = random.Random(7)
    for position in range(len(envelope)):
        changed = bytearray(envelope)
        changed[position] ^= draw.randrange(1, 256)
        with pytest.raises(SealError):
            verify(bytes(changed), {key.fingerprint: key.public_bytes})


def test_another_key_under_the_same_name_does_not_pass(key: Key, envelope: bytes) -> None:
    with pytest.raises(SealError, match="does not hold"):
        verify(envelope, {key.fingerprint: Key.generate().public_bytes})


def test_an_unknown_key_is_named(key: Key, envelope: bytes) -> None:
    with pytest.raises(SealError, match=key.fingerprint):
        verify(envelope, {})


def _changed(envelope: bytes, **fields: Any) -> bytes:
    return canonical({**json.loads(envelope), **fields})


def test_malformed_envelopes_are_refused_with_their_fault(envelope: bytes) -> None:
    good = json.loads(envelope)
    payload = good["payload"]
    stray = payload[:-1] if not payload.endswith("=") else payload.rstrip("=") + "=" * 3
    for changed, fault in [
        (_changed(envelope, extra=1), "nothing else"),
        (_changed(envelope, payloadType="text/plain"), "payloadType"),
        (_changed(envelope, signatures=[]), "exactly one"),
        (_changed(envelope, signatures=good["signatures"] * 2), "exactly one"),
        (_changed(envelope, signatures=[{"keyid": "x"}]), "keyid and sig"),
        (_changed(envelope, payload=payload + "\n"), "base64"),
        (_changed(envelope, payload=stray), "base64"),
        (_changed(envelope, payload=1), "base64"),
        (_changed(envelope, payload=base64.b64encode(b'{"a": 1}').decode()), "canonical"),
        (_changed(envelope, payload=base64.b64encode(b"{}").decode()), "statement"),
        (canonical([good]), "not a DSSE envelope"),
    ]:
        with pytest.raises(SealError, match=fault):
            open_envelope(changed)


def test_base64_with_stray_bits_is_refused(key: Key) -> None:
    body = statement(PREDICATE_EVENT, {"a": digest("a")}, {})
    while len(canonical(body)) % 3 != 1:
        body["predicate"]["pad"] = body["predicate"].get("pad", "") + "x"
    good = sign(body, key)
    payload = json.loads(good)["payload"]
    assert payload.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = payload[:-3] + alphabet[alphabet.index(payload[-3]) ^ 1] + "=="
    assert base64.b64decode(other) == base64.b64decode(payload)
    with pytest.raises(SealError, match="one canonical spelling"):
        open_envelope(_changed(good, payload=other))


def test_statements_with_subjects_out_of_order_or_without_digest_are_refused(key: Key) -> None:
    good = statement(PREDICATE_EVENT, {"a": digest("a"), "b": digest("b")}, {})
    for subject in (
        good["subject"][::-1],
        good["subject"] + good["subject"][-1:],
        [],
        [{"name": "a", "digest": {"sha1": "0"}}],
        [{"name": "a", "digest": {"sha256": "XYZ"}}],
        [{"name": "a"}],
        "a",
    ):
        with pytest.raises(SealError, match="subject"):
            open_envelope(sign({**good, "subject": subject}, key))
