"""Ed25519 keys: made, kept in a private file, named by a fingerprint.

A private key is a PKCS#8 PEM file that only its owner may read. Its name is `SHA256:` and the hexadecimal SHA-256 of
the raw public key. `cryptography` is imported where it is used: commands that sign nothing do not pay for it.
"""

from __future__ import annotations

import base64
import binascii
import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sovereign.records import BadInput, KeyEntry, KeyRing, KeyRole, NotFound, StorageError

from .canonical import digest
from .errors import SealError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_FINGERPRINT = re.compile(r"SHA256:[0-9a-f]{64}")
_RAW_LENGTH = 32


class Key:
    """A private signing key. Its `repr` shows the fingerprint only."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> Key:
        """A new key from the operating system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: str | Path) -> Key:
        """Read a private key.

        Raises:
            NotFound: there is no such file.
            BadInput: others may read the file, or it does not hold an Ed25519 private key.
            StorageError: the file cannot be read.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = Path(path)
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise BadInput(
                    f"the private key {path} may be used by others (mode {mode:04o})",
                    f"run `chmod 600 {path}`; if others could read it, make a new key",
                )
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"no private key at {path}", "make one with `sovereign init`") from error
        except OSError as error:
            raise StorageError(f"the private key {path} cannot be read: {error.strerror}") from error
        try:
            private = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadInput(f"{path} does not hold a private key that can be read: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise BadInput(f"{path} holds a key of another kind than Ed25519", "make one with `sovereign init`")
        return cls(private)

    def save(self, path: str | Path) -> Path:
        """Write the private key with mode 0600, whole or not at all, never over an existing file.

        Raises:
            BadInput: `path` exists.
            StorageError: the disk does not take it.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        path = Path(path)
        data = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            handle, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)  # mkstemp creates with mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(name, path)  # a link fails where a rename would overwrite
            finally:
                Path(name).unlink()
        except FileExistsError as error:
            raise BadInput(f"{path} exists and is not overwritten", "choose another file name") from error
        except OSError as error:
            what = "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror)
            raise StorageError(f"the private key {path} cannot be written: {what}") from error
        return path

    @property
    def public_bytes(self) -> bytes:
        """The raw public key, 32 bytes."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public_bytes)

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of `data`, 64 bytes; the same input gives the same signature."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"


def fingerprint_of(public_key: bytes) -> str:
    """`SHA256:` and the hexadecimal SHA-256 of a raw public key."""
    return "SHA256:" + digest(public_key)


def is_fingerprint(text: str) -> bool:
    return _FINGERPRINT.fullmatch(text) is not None


def verify_raw(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is that of `data` under a raw public key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_entry(public_key: bytes, role: KeyRole = KeyRole.OWNER) -> KeyEntry:
    """The public document of one key."""
    return KeyEntry(
        fingerprint=fingerprint_of(public_key), public_key=base64.b64encode(public_key).decode("ascii"), role=role
    )


def key_ring(public_keys: Iterable[bytes], others: Mapping[bytes, KeyRole] = MappingProxyType({})) -> KeyRing:
    """`keys.json` for owners' raw public keys and those of `others`, each once, in the order of their fingerprints."""
    made = [*map(key_entry, public_keys), *(key_entry(raw, role) for raw, role in others.items())]
    entries = {entry.fingerprint: entry for entry in made}
    return KeyRing(keys=tuple(entries[name] for name in sorted(entries)))


def public_keys(ring: KeyRing) -> Mapping[str, bytes]:
    """Fingerprint -> raw public key.

    Raises:
        SealError: a key that is no 32 bytes of strict base64, or whose fingerprint is not its own; keys out of order
            or given twice.
    """
    found: dict[str, bytes] = {}
    for index, entry in enumerate(ring.keys):
        try:
            raw = base64.b64decode(entry.public_key, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SealError(f"keys[{index}].public_key is not base64: {error}") from error
        if len(raw) != _RAW_LENGTH or base64.b64encode(raw).decode("ascii") != entry.public_key:
            raise SealError(f"keys[{index}].public_key is not {_RAW_LENGTH} bytes of strict base64")
        if fingerprint_of(raw) != entry.fingerprint:
            raise SealError(f"keys[{index}].fingerprint is not that of its public key")
        found[entry.fingerprint] = raw
    if [entry.fingerprint for entry in ring.keys] != sorted(found):
        raise SealError("keys must be in the order of their fingerprints, each once")
    return found
