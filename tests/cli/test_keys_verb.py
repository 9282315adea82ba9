"""`sovereign keys`: made, listed, handed out, declared and revoked, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.calls import Call

from sovereign.check import read_trust
from sovereign.workspace import Workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "a", starter=False)


@pytest.fixture
def call(space: Workspace, capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(space.path, capsys)


def _keys(call: Call) -> dict[str, dict[str, object]]:
    return {key["id"]: key for key in call("keys", "list", "--json").json}


def test_a_key_is_made_handed_out_and_revoked(space: Workspace, call: Call, tmp_path: Path) -> None:
    made = call("keys", "new", "lab-2", "--role", "reproducer", "--until", "2099-12-31")
    assert made.code == 0, made.err
    assert {name: key["role"] for name, key in _keys(call).items()} == {"lab-2": "reproducer", "owner": "owner"}
    assert _keys(call)["lab-2"]["valid_until"] == "2099-12-31T23:59:59Z"
    out = tmp_path / "mine.json"
    assert call("keys", "export", "--output", str(out)).code == 0
    assert b"PRIVATE" not in out.read_bytes()
    before = space.key().fingerprint
    assert call("keys", "revoke", "owner", "--reason", "lost").code == 0
    refused = call("keys", "revoke", "owner", "--reason", "lost")
    assert (refused.code, "for good" in refused.err) == (2, True)
    assert call("keys", "new", "owner-2").code == 0
    assert space.key().fingerprint != before
    call("keys", "export", "-o", str(out))
    assert read_trust([out]).revoked(before) == "lost"


def test_keys_of_others_are_declared_with_party_and_role(
    space: Workspace, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Workspace.create(tmp_path / "b", starter=False)
    handed = tmp_path / "b.json"
    Call(other.path, capsys)("keys", "export", "-o", str(handed))
    nameless = call("keys", "trust", other.key().fingerprint, "--role", "second-party")
    assert (nameless.code, "--party" in nameless.err) == (2, True)
    declared = ("keys", "trust", str(handed), "--role", "second-party", "--party", "Lab B", "--id", "lab-b")
    assert call(*declared).code == 0
    entry = _keys(call)["lab-b"]
    assert (entry["party"], entry["role"], entry["own"]) == ("Lab B", "second-party", False)
    own = call("keys", "trust", space.key().fingerprint, "--role", "second-party", "--party", "X")
    assert (own.code, "is your own" in own.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("keys", "new", "../x"), "cannot be a key"),
        (("keys", "new", "owner"), "already"),
        (("keys", "new", "x", "--until", "soon"), "no date"),
        (("keys", "new", "x", "--until", "2027-02-30"), "no date"),
        (("keys", "trust", "SHA256:00", "--role", "owner"), "not a fingerprint"),
        (("keys", "trust", "SHA256:" + "0" * 64), "--role"),
        (("keys", "revoke", "nobody", "--reason", "x"), "no key"),
        (("keys", "show", "nobody"), "no key"),
    ],
)
def test_bad_input_changes_nothing(space: Workspace, call: Call, arguments: tuple[str, ...], says: str) -> None:
    before = sorted(path.name for path in space.keys_path.iterdir())
    ended = call(*arguments)
    assert ended.code in (2, 3)
    assert says in ended.err
    assert sorted(path.name for path in space.keys_path.iterdir() if path.name != ".lock") == before
