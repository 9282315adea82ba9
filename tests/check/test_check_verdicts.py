"""A verdict that its results do not support is refused, though the key is right and the judgement fits the forgery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.forge import Files, judged_again, record_of, repack, resign, unpack, with_record
from tests.support.records import NOW, RECORD_ID, RESULTS, small_record

from sovereign.archive import Archive
from sovereign.check import Report, check_path
from sovereign.records import Outcome, ReproductionStatus
from sovereign.seal import Key, canonical, digest

REFUTING: dict[str, Any] = {
    **RESULTS,
    "values": {"touched": {"formula": 7.12, "simulated": 5.0, "standard_error": 0.004}},
}


@pytest.fixture(scope="module")
def refuted(owner: Key, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An honest export of a record whose run refutes the note's claim."""
    folder = tmp_path_factory.mktemp("refuted")
    small = small_record(owner, results=REFUTING)
    archive = Archive(folder / "records")
    archive.write_version(
        RECORD_ID,
        1,
        small.evidence,
        small.judgement,
        texts=small.texts,
        audit_lines=small.audit_lines,
        artifacts=small.artifacts,
        key=owner,
        now=NOW,
    )
    return archive.export(RECORD_ID, folder / "x.zip", key=owner).read_bytes()


def _forge(export: bytes, owner: Key, path: Path, record: dict[str, Any], files: Files | None = None) -> Report:
    folder, honest = unpack(export)
    files = honest if files is None else files
    forged = with_record(files, judged_again(files, record))
    return check_path(repack(folder, resign(forged, owner), path), trust=[owner.fingerprint])


def test_the_refuted_record_is_sound_and_says_so(refuted: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(refuted)
    assert check_path(repack(folder, files, tmp_path / "x.zip"), trust=[owner.fingerprint]).exit_code == 0
    record = record_of(files)
    assert record["reproductions"][0]["outcomes"][0]["outcome"] == Outcome.REFUTED
    assert [claim["reproduction"] for claim in record["claims"]] == ["none", "falsified", "none"]


def test_a_verified_verdict_without_a_run_is_refused(export: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    record["gate_verdict"]["status"] = "VERIFIED"
    forged = resign(with_record(files, record), owner)
    report = check_path(repack(folder, forged, tmp_path / "x.zip"), trust=[owner.fingerprint])
    assert report.exit_code == 5
    assert [fault.where for fault in report.faults] == ["v1/record.json: gate_verdict.status"]
    assert "'VERIFIED'" in report.faults[0].what and "'UNVERIFIED'" in report.faults[0].what


def test_an_outcome_that_the_results_do_not_give_is_refused(refuted: bytes, owner: Key, tmp_path: Path) -> None:
    record = record_of(unpack(refuted)[1])
    record["reproductions"][0]["outcomes"][0]["outcome"] = Outcome.SUPPORTED.value
    record["claims"][1]["reproduction"] = ReproductionStatus.REPRODUCED.value
    report = _forge(refuted, owner, tmp_path / "x.zip", record)
    assert report.exit_code == 5
    assert "v1/record.json: reproductions[0].outcomes[0].outcome" in [fault.where for fault in report.faults]


def test_a_mark_that_no_outcome_gives_is_refused(refuted: bytes, owner: Key, tmp_path: Path) -> None:
    record = record_of(unpack(refuted)[1])
    record["claims"][1]["reproduction"] = ReproductionStatus.REPRODUCED.value
    report = _forge(refuted, owner, tmp_path / "x.zip", record)
    assert "v1/record.json: claims[1].reproduction" in [fault.where for fault in report.faults]


def test_a_refuted_claim_cannot_be_left_unsaid(refuted: bytes, owner: Key, tmp_path: Path) -> None:
    record = record_of(unpack(refuted)[1])
    record["reproductions"][0]["outcomes"][0]["record_claims"] = []
    record["claims"][1]["reproduction"] = ReproductionStatus.NONE.value
    report = _forge(refuted, owner, tmp_path / "x.zip", record)
    assert "v1/record.json: reproductions[0].outcomes[0].record_claims" in [fault.where for fault in report.faults]


def test_a_run_cannot_be_said_to_settle_another_claim(export: bytes, owner: Key, tmp_path: Path) -> None:
    """The record would be VERIFIED if its one cell's claim could borrow the run of the note's."""
    record = record_of(unpack(export)[1])
    record["reproductions"][0]["outcomes"][0]["record_claims"] = [record["claims"][0]["id"], record["claims"][1]["id"]]
    record["claims"][0]["reproduction"] = ReproductionStatus.REPRODUCED.value
    # Settled by name only, of other facets than the cell's:
    assert judged_again(unpack(export)[1], record)["gate_verdict"]["status"] == "UNVERIFIED"
    report = _forge(export, owner, tmp_path / "x.zip", record)
    assert report.exit_code == 5
    assert any("outcomes[0].record_claims" in fault.where for fault in report.faults)
    record["reproductions"][0]["outcomes"][0]["facets"] = record["cells"][0]["facets"]
    assert judged_again(unpack(export)[1], record)["gate_verdict"]["status"] == "VERIFIED"
    report = _forge(export, owner, tmp_path / "y.zip", record)
    assert report.exit_code == 5
    assert any("outcomes[0].facets" in fault.where for fault in report.faults)


def test_other_results_are_not_the_ones_attested(refuted: bytes, owner: Key, tmp_path: Path) -> None:
    """Results exchanged for better ones, every digest and signature redone: the attestation is of the others."""
    _, files = unpack(refuted)
    record = record_of(files)
    good = canonical(dict(RESULTS))
    old = record["reproductions"][0]["results_sha256"]
    forged: Files = {}
    for name, data in files.items():
        name = name.replace(old, digest(good))
        forged[name] = good if name.endswith(("results.json", f"{digest(good)}.txt")) else data
    text = canonical(record).decode().replace(old, digest(good)).replace('"text":"5"', '"text":"7.1"')
    record = json.loads(text)
    record["claims"][2]["facets"]["value"] = 7.1
    outcome = record["reproductions"][0]["outcomes"][0]
    honest = record_of(unpack(_supported(owner, tmp_path))[1])["reproductions"][0]["outcomes"][0]
    outcome |= honest
    record["claims"][1]["reproduction"] = ReproductionStatus.REPRODUCED.value
    report = _forge(refuted, owner, tmp_path / "x.zip", record, forged)
    assert report.exit_code == 5
    assert {fault.check for fault in report.faults} == {"reproductions"}
    assert any("attestation.json: subject" in fault.where for fault in report.faults)


def test_a_pack_whose_tolerance_was_widened_afterwards_is_refused(refuted: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(refuted)
    forged = {
        name: data.replace(b"tolerance = 0.01", b"tolerance = 0.90") if name.endswith("pack.toml") else data
        for name, data in files.items()
    }
    assert forged != files
    report = check_path(repack(folder, resign(forged, owner), tmp_path / "x.zip"), trust=[owner.fingerprint])
    assert report.exit_code == 5
    assert "v1/record.json: reproductions[0].pack_digest" in [fault.where for fault in report.faults]


def _supported(owner: Key, tmp_path: Path) -> bytes:
    small = small_record(owner)
    archive = Archive(tmp_path / "supported")
    archive.write_version(
        RECORD_ID,
        1,
        small.evidence,
        small.judgement,
        texts=small.texts,
        audit_lines=small.audit_lines,
        artifacts=small.artifacts,
        key=owner,
        now=NOW,
    )
    return archive.export(RECORD_ID, tmp_path / "supported.zip", key=owner).read_bytes()


def test_a_better_sandbox_than_was_attested_is_refused(export: bytes, owner: Key, tmp_path: Path) -> None:
    record = record_of(unpack(export)[1])
    record["reproductions"][0]["isolation"] = "a vault"
    report = _forge(export, owner, tmp_path / "x.zip", record)
    assert report.exit_code == 5
    assert any(fault.where.endswith("attestation.json: predicate.isolation") for fault in report.faults)
