"""Key files: private, whole, never overwritten; public keys named by their fingerprint."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

import pytest

from sovereign.records import BadInput, KeyRing, NotFound, StorageError
from sovereign.seal import Key, SealError, fingerprint_of, is_fingerprint, key_ring, public_keys


def test_a_saved_key_loads_and_signs_alike(tmp_path: Path) -> None:
    key = Key.generate()
    key.save(tmp_path / "owner.pem")
    again = Key.load(tmp_path / "owner.pem")
    assert again.fingerprint == key.fingerprint == "SHA256:" + hashlib.sha256(key.public_bytes).hexdigest()
    assert again.sign(b"x") == key.sign(b"x")
    assert stat.S_IMODE((tmp_path / "owner.pem").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["owner.pem"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = Key.generate().save(tmp_path / "owner.pem")
    before = path.read_bytes()
    with pytest.raises(BadInput, match="exists"):
        Key.generate().save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["owner.pem"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_use_is_refused_with_its_remedy(tmp_path: Path, mode: int) -> None:
    path = Key.generate().save(tmp_path / "owner.pem")
    path.chmod(mode)
    with pytest.raises(BadInput) as caught:
        Key.load(path)
    assert "chmod 600" in caught.value.remedy


def test_files_that_hold_no_key_of_ours(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"hello", b"\xff\x00", other):
        path = tmp_path / "key.pem"
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(BadInput):
            Key.load(path)
    with pytest.raises(NotFound):
        Key.load(tmp_path / "none.pem")


def test_a_disk_that_does_not_take_the_key_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="full"):
        Key.generate().save(tmp_path / "owner.pem")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError):
        Key.generate().save(tmp_path / "no" / "folder" / "owner.pem")


def test_repr_shows_no_secret() -> None:
    key = Key.generate()
    assert repr(key) == f"Key({key.fingerprint})"


def test_key_rings_are_sorted_and_name_their_keys() -> None:
    keys = [Key.generate() for _ in range(5)]
    ring = key_ring(key.public_bytes for key in [*keys, keys[0]])
    assert public_keys(ring) == {key.fingerprint: key.public_bytes for key in keys}
    assert [entry.fingerprint for entry in ring.keys] == sorted(key.fingerprint for key in keys)
    assert all(is_fingerprint(entry.fingerprint) for entry in ring.keys)


def test_a_ring_whose_keys_are_not_what_their_names_say_is_refused() -> None:
    one, other = sorted((Key.generate() for _ in range(2)), key=lambda key: key.fingerprint)
    good = key_ring([one.public_bytes, other.public_bytes])
    wrong_name = good.keys[0].model_copy(update={"fingerprint": fingerprint_of(b"x")})
    short = good.keys[0].model_copy(update={"public_key": base64.b64encode(b"x").decode()})
    stray = good.keys[0].model_copy(update={"public_key": "*"})
    for keys in [(wrong_name,), (short,), (stray,), good.keys[::-1], (good.keys[0], good.keys[0])]:
        with pytest.raises(SealError):
            public_keys(KeyRing(keys=keys))
