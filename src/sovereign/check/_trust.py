"""Whom the caller trusts: fingerprints, or files that name keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from sovereign.records import BadInput, KeyRing, NotFound, TrustedKey
from sovereign.seal import SealError, fingerprint_of, is_fingerprint, parse, parse_trust_file, public_keys, raw_key

_MAX = 2**20


@dataclass
class Trust:
    """Fingerprints that the caller vouches for, with the raw public keys of those given as keys.

    `entries` holds what a trust file says of a key: its role, its time, its revocation. A key without one may sign
    anything. Of two files that name one key, a revocation wins.
    """

    fingerprints: set[str] = field(default_factory=set)
    keys: dict[str, bytes] = field(default_factory=dict)
    entries: dict[str, TrustedKey] = field(default_factory=dict)

    def revoked(self, fingerprint: str) -> str | None:
        """Why a key is revoked, or None."""
        entry = self.entries.get(fingerprint)
        return None if entry is None or entry.revoked is None else entry.revoked.reason

    def names(self, fingerprint: str) -> bool:
        """Whether the caller vouches for a key, and has not revoked it."""
        return fingerprint in self.fingerprints and self.revoked(fingerprint) is None

    def add(self, entry: TrustedKey) -> None:
        before = self.entries.get(entry.fingerprint)
        if before is not None and before.revoked is not None:
            return
        self.entries[entry.fingerprint] = entry
        self.fingerprints.add(entry.fingerprint)
        raw = raw_key(entry)
        if raw is not None:
            self.keys[entry.fingerprint] = raw


def read_trust(given: Sequence[str | Path]) -> Trust:
    """Read what was given to `--trust`: `SHA256:...`, a trust file, a keys.json, a PEM key, or a file of fingerprints.

    Raises:
        NotFound: a file that is not there or cannot be read.
        BadInput: something that names no key.
    """
    trust = Trust()
    for item in given:
        text = str(item).strip()
        if text.upper().startswith("SHA256:"):
            trust.fingerprints.add(_fingerprint(text, text))
        else:
            _read_file(Path(item), trust)
    return trust


def _read_file(path: Path, trust: Trust) -> None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX + 1)
    except OSError as error:
        raise NotFound(
            f"the trusted key {path} cannot be read: {error.strerror}",
            "give SHA256: and 64 hexadecimal digits, or a file with keys",
        ) from error
    if len(data) > _MAX:
        raise BadInput(f"{path} is too large to be a list of keys")
    if data.lstrip().startswith(b"-----BEGIN"):
        _read_pem(path, data, trust)
    elif data.lstrip().startswith(b"{") and b"sovereign-keys-v1" in data:
        try:
            keys = public_keys(KeyRing.model_validate(parse(data)))
        except (SealError, ValidationError) as error:
            raise BadInput(f"{path} is no keys.json: {str(error).splitlines()[0]}") from error
        trust.keys.update(keys)
        trust.fingerprints.update(keys)
    elif data.lstrip().startswith(b"{"):
        listed = parse_trust_file(data, str(path)).keys
        if not listed:
            raise BadInput(f"{path} names no key", "see docs/trust.md for the form of a trust file")
        for entry in listed:
            trust.add(entry)
    else:
        lines = [line.split("#")[0].split() for line in data.decode("utf-8", "replace").splitlines()]
        found = {_fingerprint(words[0], f"{path}: {words[0][:80]}") for words in lines if words}
        if not found:
            raise BadInput(f"{path} names no key", "write one fingerprint per line")
        trust.fingerprints |= found


def _read_pem(path: Path, data: bytes, trust: Trust) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput(f"{path} holds no public key", "give the public key, never the private one") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(f"{path} holds a key of another kind than Ed25519")
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    trust.keys[fingerprint_of(raw)] = raw
    trust.fingerprints.add(fingerprint_of(raw))


def _fingerprint(text: str, shown: str) -> str:
    fingerprint = "SHA256:" + text[len("SHA256:") :].lower()
    if not is_fingerprint(fingerprint):
        raise BadInput(f"{shown} is not a fingerprint", "a fingerprint is SHA256: and 64 hexadecimal digits")
    return fingerprint
