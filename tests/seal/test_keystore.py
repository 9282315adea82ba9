"""Keys of a workspace: own ones of one party, others' declared, revocations for good, and no signature from a key that
is revoked or out of its time."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from sovereign.records import BadInput, KeyRole, NotFound, TrustedKey, TrustFile
from sovereign.seal import Key, KeyStore, canonical, key_entry, parse_trust_file, read_trust_file

NOW = "2026-06-01T12:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    Key.generate().save(tmp_path / "owner.pem")
    return KeyStore(tmp_path)


def _other(name: str = "lab-b", party: str = "Lab B", role: KeyRole = KeyRole.SECOND_PARTY) -> TrustedKey:
    entry = key_entry(Key.generate().public_bytes)
    return TrustedKey(id=name, fingerprint=entry.fingerprint, public_key=entry.public_key, party=party, role=role)


def test_a_key_file_alone_is_an_owners_key_without_an_end(store: KeyStore) -> None:
    (entry,) = store.own()
    assert (entry.id, entry.role, entry.party, entry.valid_until) == ("owner", KeyRole.OWNER, entry.fingerprint, None)
    assert store.owner(NOW).fingerprint == entry.fingerprint


def test_all_keys_of_a_workspace_are_one_partys(store: KeyStore) -> None:
    made = store.new("lab-2", KeyRole.REPRODUCER, valid_until="2027-01-01T00:00:00Z")
    assert {key.party for key in store.own()} == {made.party}
    assert [key.id for key in store.own()] == ["lab-2", "owner"]
    assert (store.folder / "lab-2.pem").stat().st_mode & 0o777 == 0o600
    assert store.private("lab-2", NOW).fingerprint == made.fingerprint
    with pytest.raises(BadInput, match="already"):
        store.new("lab-2", KeyRole.OWNER)


@pytest.mark.parametrize("name", ["", "../x", "Lab", "a b", "x" * 64])
def test_ids_that_no_key_has(store: KeyStore, name: str) -> None:
    with pytest.raises(BadInput):
        store.new(name, KeyRole.OWNER)
    assert [path.name for path in store.folder.glob("*.pem")] == ["owner.pem"]


def test_a_revoked_key_signs_no_more_and_the_next_owner_takes_over(store: KeyStore) -> None:
    first = store.owner(NOW)
    store.revoke("owner", "the laptop was stolen", NOW)
    with pytest.raises(BadInput, match="the laptop was stolen"):
        store.owner(NOW)
    second = store.new("owner-2", KeyRole.OWNER)
    assert store.owner(NOW).fingerprint == second.fingerprint != first.fingerprint
    with pytest.raises(BadInput, match="is revoked since"):
        store.revoke("owner", "again", NOW)
    with pytest.raises(BadInput):
        store.revoke("owner-2", "  ", NOW)
    with pytest.raises(NotFound):
        store.revoke("nobody", "x", NOW)


def test_a_key_out_of_its_time_signs_nothing(store: KeyStore) -> None:
    store.new("old", KeyRole.REPRODUCER, valid_until="2026-05-31T23:59:59Z")
    store.new("later", KeyRole.REPRODUCER, valid_from="2026-06-02T00:00:00Z")
    for name in ("old", "later"):
        with pytest.raises(BadInput, match="holds from"):
            store.private(name, NOW)
    with pytest.raises(BadInput, match="after"):
        store.new("never", KeyRole.OWNER, valid_from="2027-01-01T00:00:00Z", valid_until="2026-01-01T00:00:00Z")


def test_a_key_of_ones_own_is_no_other_party(store: KeyStore) -> None:
    mine = store.new("lab-2", KeyRole.REPRODUCER)
    with pytest.raises(BadInput, match="is your own"):
        store.declare([mine.model_copy(update={"id": "lab-b", "party": "Lab B", "role": KeyRole.SECOND_PARTY})])
    with pytest.raises(BadInput, match="is yourself"):
        store.declare([_other(party=mine.party)])
    with pytest.raises(BadInput, match="another key owner"):
        store.declare([_other("owner")])
    assert store.others() == ()


def test_what_was_revoked_stays_revoked_when_it_is_declared_again(store: KeyStore) -> None:
    other = _other()
    store.declare([other])
    store.revoke("lab-b", "their server was broken into", NOW)
    store.declare([other])
    assert store.entry(other.fingerprint).revoked is not None


def test_the_trust_file_that_is_handed_out_names_own_keys_and_no_secret(store: KeyStore) -> None:
    store.declare([_other()])
    assert [key.id for key in store.trust_file().keys] == ["owner"]
    assert [key.id for key in store.trust_file(everybody=True).keys] == ["lab-b", "owner"]
    assert b"PRIVATE" not in canonical(store.trust_file())


def test_many_writers_lose_nothing(store: KeyStore) -> None:
    threads = [threading.Thread(target=store.new, args=(f"k{n}", KeyRole.OWNER)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = {key.id for key in read_trust_file(store.folder / "trust.json").keys}
    assert held == {"owner", *(f"k{n}" for n in range(8))}


def test_files_that_are_no_trust_file() -> None:
    good = TrustFile(keys=(_other(),)).to_json()
    assert parse_trust_file(json.dumps(good, indent=2).encode(), "x").keys[0].id == "lab-b"
    twice = {**good, "keys": [good["keys"][0], {**good["keys"][0], "id": "other"}]}
    wrong_key = {**good, "keys": [{**good["keys"][0], "fingerprint": "SHA256:" + "0" * 64}]}
    no_role = {**good, "keys": [{**good["keys"][0], "role": "king"}]}
    bad = [b"", b"[]", b"{}x", b"\xff", b"[" * 100_000, b'{"schema":"sovereign-trust-v1","keys":[],"keys":[]}']
    bad += [json.dumps(value).encode() for value in ({**good, "schema": "x"}, twice, wrong_key, no_role, {"x": 1})]
    for data in bad:
        with pytest.raises(BadInput, match="is no trust file"):
            parse_trust_file(data, "x")
