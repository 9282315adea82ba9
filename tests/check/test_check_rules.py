"""A record that other rules judged is neither a fault nor a pass, and naming other rules is no way around the check."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.forge import record_of, repack, resign, unpack, with_record

from sovereign.check import check_path
from sovereign.judge import RULES
from sovereign.seal import Key


@pytest.mark.parametrize("rules", [0, RULES + 1, 99])
def test_other_rules_are_named_and_are_no_clean_pass(export: bytes, owner: Key, tmp_path: Path, rules: int) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    record["provenance"]["rules"] = rules
    path = repack(folder, resign(with_record(files, record), owner), tmp_path / "x.zip")
    report = check_path(path, trust=[owner.fingerprint])
    assert (report.exit_code, report.faults) == (9, [])
    by = f"rules {rules}" if rules else "rules that had no number yet"
    assert report.not_recomputed == [f"v1: judged by {by}, this version carries {RULES}"]


def test_a_forged_verdict_under_other_rules_does_not_pass(export: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    record["provenance"]["rules"] = 99
    record["gate_verdict"]["status"] = "VERIFIED"
    record["verification_level"] = 7
    path = repack(folder, resign(with_record(files, record), owner), tmp_path / "x.zip")
    assert check_path(path, trust=[owner.fingerprint]).exit_code == 9


def test_a_record_made_before_rules_had_a_number_is_read(export: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    del record["provenance"]["rules"]
    path = repack(folder, resign(with_record(files, record), owner), tmp_path / "x.zip")
    report = check_path(path, trust=[owner.fingerprint])
    assert (report.exit_code, report.faults) == (9, [])


def test_what_is_no_judgement_is_still_checked(export: bytes, owner: Key, tmp_path: Path) -> None:
    folder, files = unpack(export)
    record = record_of(files)
    record["provenance"]["rules"] = 99
    quote = record["claims"][0]["quotes"][0]
    quote["start"], quote["end"] = quote["start"] + 1, quote["end"] + 1
    path = repack(folder, resign(with_record(files, record), owner), tmp_path / "x.zip")
    report = check_path(path, trust=[owner.fingerprint])
    assert report.exit_code == 5
    assert {fault.check for fault in report.faults} == {"quotes"}
