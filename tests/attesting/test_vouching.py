"""A person vouches for the statement of a proof: level 7 for the claims that it settles, and for nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.forge import repack, resign, unpack, with_event
from tests.support.party import write_executed
from tests.support.records import NOTE_CLAIM, PACK_FILES, RECORD_ID, WORK_CLAIM

from sovereign import attesting
from sovereign.check import check_path
from sovereign.records import BadInput, NotFound, StorageError
from sovereign.seal import Key, digest, open_envelope
from sovereign.workspace import Workspace

STATEMENT = digest(PACK_FILES["run.py"])
FAITHFUL = "events/0002-faithful.json"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace = Workspace.create(tmp_path / "w", starter=False)
    write_executed(workspace.records_path, workspace.key(), proof=STATEMENT)
    return workspace


def test_a_proof_alone_is_level_5_and_a_persons_word_for_it_makes_it_7(space: Workspace) -> None:
    folder, trust = space.archive().path(RECORD_ID), [space.key().fingerprint]
    assert check_path(folder, trust=trust).level == 5
    event = attesting.vouch(space, RECORD_ID, "toy-experts", (), "it says what the note says", space.key())
    assert event.details["claims"] == [NOTE_CLAIM]
    report = check_path(folder, trust=trust)
    assert (report.exit_code, report.faults, report.level) == (0, [], 7)
    assert "formal proof" in report.level_basis


def test_what_cannot_be_vouched_for(space: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        attesting.vouch(space, RECORD_ID, "other", (), "", space.key())
    with pytest.raises(BadInput, match="settles no claim"):
        attesting.vouch(space, RECORD_ID, "toy-experts", (WORK_CLAIM,), "", space.key())
    run = Workspace.create(tmp_path / "run", starter=False)
    write_executed(run.records_path, run.key())
    with pytest.raises(NotFound, match="no proof"):
        attesting.vouch(run, RECORD_ID, "toy-experts", (), "", run.key())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"claims": [WORK_CLAIM]}, "settles no claim"),
        ({"statement_sha256": "0" * 64}, "the proof is of"),
        ({"results_sha256": "0" * 64}, "no such proof"),
        ({"pack": "other"}, "no such proof"),
    ],
)
def test_a_forged_word_is_named(space: Workspace, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    attesting.vouch(space, RECORD_ID, "toy-experts", (), "", space.key())
    name, files = unpack(space.archive().export(RECORD_ID, tmp_path / "x.zip", key=space.key()).read_bytes())
    details = open_envelope(files[FAITHFUL]).statement["predicate"]["details"]
    forged = resign(with_event(files, FAITHFUL, {"details": {**details, **change}}), space.key())
    report = check_path(repack(name, forged, tmp_path / "y.zip"), trust=[space.key().fingerprint])
    assert report.exit_code == 5
    assert any(fault.check == "attached" and says in fault.what for fault in report.faults), report.faults


def test_a_run_or_another_text_dressed_as_a_proof_is_named(tmp_path: Path) -> None:
    """A statement that is none of the attached files proves nothing that anybody can read."""
    space = Workspace.create(tmp_path / "w", starter=False)
    write_executed(space.records_path, space.key(), proof="0" * 64)
    attesting.vouch(space, RECORD_ID, "toy-experts", (), "", space.key())
    report = check_path(space.archive().path(RECORD_ID), trust=[space.key().fingerprint])
    assert report.exit_code == 5
    assert any("no file of the attached proof" in fault.what for fault in report.faults)


def test_proofs_are_not_asked_of_another_partys_sandbox(space: Workspace, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no run of a pack"):
        attesting.request(space, RECORD_ID, tmp_path / "r.zip")


def test_a_record_with_a_fault_is_not_countersigned(space: Workspace) -> None:
    with pytest.raises(BadInput, match="signed by this key"):
        attesting.countersign(space, RECORD_ID, space.key(), "")
    path = space.archive().path(RECORD_ID, 1) / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(StorageError, match="fault"):
        attesting.countersign(space, RECORD_ID, Key.generate(), "")
    assert len(list((space.archive().path(RECORD_ID) / "events").iterdir())) == 1
