"""Sound records, trust, and what the report says; and what the check may import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.records import NOW, RECORD_ID, small_record, write_small

from sovereign.check import CHECKS, check_path
from sovereign.records import BadInput, EventType, NotFound
from sovereign.seal import Key, canonical, key_ring

_ROOT = Path(__file__).resolve().parents[2]


def test_a_sound_record_is_trusted_when_its_signer_is_named(tmp_path: Path, owner: Key) -> None:
    _, version = write_small(tmp_path, owner)
    report = check_path(version.parent, trust=[owner.fingerprint])
    assert (report.exit_code, report.ok, report.trusted, report.faults) == (0, True, True, [])
    assert (report.record_id, report.versions, report.signer) == (RECORD_ID, (1,), owner.fingerprint)
    assert report.checks == list(CHECKS)
    assert all(CHECKS.values())
    json.dumps(report.to_json())


def test_without_trust_the_signer_is_unknown(tmp_path: Path, owner: Key, forger: Key) -> None:
    _, version = write_small(tmp_path, owner)
    for trust in ([], [forger.fingerprint]):
        report = check_path(version.parent, trust=trust)
        assert (report.exit_code, report.ok, report.trusted) == (4, True, False)
        assert any(owner.fingerprint in note for note in report.notes)


def test_every_way_to_name_whom_one_trusts(tmp_path: Path, owner: Key, forger: Key) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    _, version = write_small(tmp_path / "records", owner)
    raw = Ed25519PublicKey.from_public_bytes(owner.public_bytes)
    pem = tmp_path / "owner.pub"
    pem.write_bytes(raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    lines = tmp_path / "trusted.txt"
    lines.write_text(f"# my colleagues\n\n{forger.fingerprint}\n{owner.fingerprint}  the owner # really\n")
    ring = tmp_path / "keys.json"
    ring.write_bytes(canonical(key_ring([owner.public_bytes])))
    upper = "sha256:" + owner.fingerprint[7:].upper()
    for item in (owner.fingerprint, upper, pem, str(lines), ring, version.parent / "keys.json"):
        assert check_path(version.parent, trust=[item]).exit_code == 0, item


def test_trust_that_names_no_key_is_an_error(tmp_path: Path, owner: Key) -> None:
    _, version = write_small(tmp_path / "records", owner)
    private = owner.save(tmp_path / "private.pem")
    empty, prose, binary = tmp_path / "empty", tmp_path / "prose", tmp_path / "binary"
    empty.write_text("# nothing\n")
    prose.write_text("I trust everyone\n")
    binary.write_bytes(b'{"keys": []}')
    for item in ("SHA256:", "SHA256:xyz", owner.fingerprint + "0", private, empty, prose, binary):
        with pytest.raises(BadInput):
            check_path(version.parent, trust=[item])
    with pytest.raises(NotFound):
        check_path(version.parent, trust=[tmp_path / "none"])


def test_an_event_by_an_unknown_key_makes_the_record_unknown(tmp_path: Path, owner: Key, forger: Key) -> None:
    archive, version = write_small(tmp_path, owner)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=forger, now=NOW)
    report = check_path(version.parent, trust=[owner.fingerprint])
    assert report.exit_code == 4
    assert report.signers == tuple(sorted((owner.fingerprint, forger.fingerprint)))
    assert check_path(version.parent, trust=[owner.fingerprint, forger.fingerprint]).exit_code == 0


def test_a_record_without_runs_and_a_record_of_two_versions(tmp_path: Path, owner: Key) -> None:
    archive, version = write_small(tmp_path, owner, with_run=False)
    assert check_path(version.parent, trust=[owner.fingerprint]).exit_code == 0
    write_small(tmp_path, owner, version=2)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=owner, now=NOW)
    report = check_path(version.parent, trust=[owner.fingerprint])
    assert (report.exit_code, report.versions) == (0, (1, 2))


def test_a_key_that_signed_nothing_is_noted(tmp_path: Path, owner: Key, forger: Key) -> None:
    _, version = write_small(tmp_path, owner)
    (version.parent / "keys.json").write_bytes(canonical(key_ring([owner.public_bytes, forger.public_bytes])))
    report = check_path(version.parent, trust=[owner.fingerprint])
    assert report.exit_code == 0
    assert any(forger.fingerprint in note for note in report.notes)


def test_a_check_that_cannot_be_made_is_a_fault(
    tmp_path: Path, owner: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, version = write_small(tmp_path, owner)

    def broken(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("sovereign.check._judgement.assess", broken)
    report = check_path(version.parent, trust=[owner.fingerprint])
    assert report.exit_code == 5
    assert [(fault.check, fault.where) for fault in report.faults] == [("judgement", "judgement")]


def test_the_check_needs_only_check_judge_seal_and_records(tmp_path: Path, owner: Key) -> None:
    """In a process of its own, with no workspace and no network: what is loaded after a check of an export."""
    archive, _ = write_small(tmp_path / "records", owner)
    path = archive.export(RECORD_ID, tmp_path / "x.zip", key=owner)
    program = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('the check opened a socket')\n"
        "socket.socket.connect = refuse\n"
        "from sovereign.check import check_path\n"
        "report = check_path(sys.argv[1], trust=[sys.argv[2]])\n"
        "names = sorted({'.'.join(n.split('.')[:2]) for n in sys.modules if n.startswith('sovereign.')})\n"
        "print(report.exit_code, *names)\n"
        "print(*sorted({n.split('.')[0] for n in sys.modules} & {'numpy','torch','tantivy','jinja2','yaml','httpx'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), owner.fingerprint],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "src")},
        check=True,
    )
    first, second = done.stdout.splitlines()
    code, *names = first.split()
    assert code == "0"
    allowed = {"sovereign.check", "sovereign.judge", "sovereign.seal", "sovereign.records", "sovereign._version"}
    assert set(names) - allowed == set()
    assert {"sovereign.check", "sovereign.judge"} <= set(names)
    assert second == ""


def test_the_small_record_has_no_fault_of_its_own(owner: Key) -> None:
    """The validator finds nothing wrong: what other tests change is the only thing that is wrong."""
    small = small_record(owner)
    validator = small.judgement.tribunal.reviews[1]
    assert validator.score == 10
    assert small.judgement.counts.reproduced == 1
