"""Forgeries of single fields of record.json: untouched digests, another key, and the right key."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.forge import (
    Files,
    another,
    judged_again,
    leaves,
    record_of,
    repack,
    replaced,
    resign,
    unpack,
    with_record,
    written,
)

from sovereign.check import Report, check_path
from sovereign.records import (
    CheckState,
    DimensionLevel,
    Evidence,
    GateStatus,
    Judgement,
    Policy,
    QualityTier,
    Role,
    Verdict,
)
from sovereign.seal import Key

_ENUMS = (CheckState, DimensionLevel, GateStatus, Policy, QualityTier, Role, Verdict)


def _check(folder: str, files: Files, path: Path, trust: Key) -> Report:
    return check_path(repack(folder, files, path), trust=[trust.fingerprint])


def test_the_forgers_tools_change_nothing_by_themselves(export: bytes, owner: Key, tmp_path: Path) -> None:
    """The positive control: an export taken apart and signed again by its owner is the same, byte for byte."""
    folder, files = unpack(export)
    assert repack(folder, resign(files, owner), tmp_path / "again.zip").read_bytes() == export
    assert check_path(tmp_path / "again.zip", trust=[owner.fingerprint]).exit_code == 0


def test_every_changed_field_is_a_fault_of_the_record_file(export: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    paths = list(leaves(record))
    assert len(paths) > 250
    for path, value in paths:
        forged = with_record(files, replaced(record, path, another(value)))
        report = _check(folder, forged, tmp_path / "x.zip", owner)
        assert report.exit_code == 5, written(path)
        assert any(fault.where.startswith("v1/record.json") for fault in report.faults), written(path)


def test_no_field_can_be_forged_with_another_key(export: bytes, owner: Key, forger: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    unknown = 0
    for path, value in leaves(record):
        forged = resign(with_record(files, replaced(record, path, another(value))), forger)
        report = _check(folder, forged, tmp_path / "x.zip", owner)
        assert report.exit_code == (9 if path == ("provenance", "rules") else report.exit_code), written(path)
        assert report.exit_code in (4, 5, 9), written(path)
        if report.exit_code == 4:
            unknown += 1
            assert any("signer unknown" in note and forger.fingerprint in note for note in report.notes)
    assert unknown > 20  # free fields, such as a title: only the signature can tell


def test_a_record_signed_whole_by_another_key_is_signer_unknown(
    export: bytes, owner: Key, forger: Key, tmp_path: Path
) -> None:
    folder, files = unpack(export)
    report = _check(folder, resign(files, forger), tmp_path / "x.zip", owner)
    assert report.exit_code == 4
    assert report.signer == forger.fingerprint
    assert report.faults == []


def test_no_judged_field_can_be_forged_with_the_right_key(export: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    judged = [(path, value) for path, value in leaves(record) if path[0] in Judgement.model_fields]
    assert len(judged) > 100
    for path, value in judged:
        for other in _others(value):
            forged = resign(with_record(files, replaced(record, path, other)), owner)
            report = _check(folder, forged, tmp_path / "x.zip", owner)
            assert report.exit_code == 5, (written(path), other)
            assert f"v1/record.json: {written(path)}" in [fault.where for fault in report.faults], (path, report.faults)


@pytest.mark.parametrize("name", sorted(Judgement.model_fields))
def test_a_judgement_left_out_is_named(export: bytes, owner: Key, tmp_path: Path, name: str) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    del record[name]
    report = _check(folder, resign(with_record(files, record), owner), tmp_path / "x.zip", owner)
    assert report.exit_code == 5
    assert f"v1/record.json: {name}" in [fault.where for fault in report.faults]


def test_what_is_judged_can_be_rebuilt_from_the_rest(export: bytes) -> None:
    """Tribunal, decision, gate verdict, level, tier, dimensions and counts deleted, computed again, equal."""
    _, files = unpack(export)
    record = record_of(files)
    stripped = {name: value for name, value in record.items() if name not in Judgement.model_fields}
    assert len(record) - len(stripped) == 7
    assert Evidence.model_validate(
        {name: value for name, value in stripped.items() if name in Evidence.model_fields}
    )
    assert judged_again(files, stripped) == record


def _others(value: object) -> list[object]:
    """Other values for a leaf: one of the same kind, and every other member of its enumeration."""
    members = [member.value for kind in _ENUMS if value in [m.value for m in kind] for member in kind]
    return [another(value), *(member for member in dict.fromkeys(members) if member != value)]
