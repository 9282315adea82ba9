"""Another party's answer enters a record: as independent only if all of it is true, else as a repeat or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.calls import Call
from tests.support.party import OTHER_MACHINE, answer_bytes, review_bytes, write_executed
from tests.support.records import MACHINE, RECORD_ID, RESULTS

from sovereign import attesting
from sovereign.check import Report, check_path
from sovereign.judge.attested import current_level
from sovereign.publish import publish_record
from sovereign.records import BadInput, EventType, KeyRole, NotFound, TrustedKey
from sovereign.seal import Key, canonical, key_entry
from sovereign.workspace import Workspace

REFUTING = {**RESULTS, "values": {"touched": {"formula": 7.12, "simulated": 5.0, "standard_error": 0.004}}}


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace = Workspace.create(tmp_path / "w", starter=False)
    write_executed(workspace.records_path, workspace.key())
    return workspace


@pytest.fixture
def lab() -> Key:
    return Key.generate()


def declare(space: Workspace, key: Key, role: KeyRole = KeyRole.SECOND_PARTY, **more: Any) -> None:
    entry = key_entry(key.public_bytes)
    fields = {"id": "lab-b", "fingerprint": entry.fingerprint, "public_key": entry.public_key, "party": "Lab B"}
    space.keystore().declare([TrustedKey.model_validate({**fields, "role": role, **more})])


def bring(space: Workspace, data: bytes, record: str | None = None) -> attesting.Brought:
    path = space.path / "answer.zip"
    path.write_bytes(data)
    (one,) = attesting.bring(space, path, record, space.key())
    return one


def checked(space: Workspace, *, everybody: bool = False) -> Report:
    trust = space.path / "trust.json"
    trust.write_bytes(canonical(space.keystore().trust_file(everybody=everybody)))
    return check_path(space.archive().path(RECORD_ID), trust=[trust])


def level(space: Workspace) -> int:
    archive = space.archive()
    record = archive.load(RECORD_ID)
    return current_level(record.evidence(), record.version, archive.events(RECORD_ID))[0]


def test_a_declared_party_on_other_hardware_brings_the_record_to_level_6(space: Workspace, lab: Key) -> None:
    before = space.archive().load(RECORD_ID)
    assert (before.verification_level, level(space), checked(space).level) == (5, 5, 5)
    declare(space, lab)
    one = bring(space, answer_bytes(lab))
    assert (one.counts, one.reason) == (True, "Lab B ran it on other hardware")
    assert level(space) == 6
    report = checked(space)
    assert (report.exit_code, report.faults, report.level) == (0, [], 6)
    assert "Lab B" in report.level_basis
    page = publish_record(space.archive(), RECORD_ID, space.site_path).read_text(encoding="utf-8")
    assert "With what others have attested since: level 6" in page and "Lab B" in page
    assert any("Lab B is another party" in line for line in report.cannot_know)
    assert space.archive().load(RECORD_ID) == before


def test_the_export_carries_it_and_checks_with_the_owners_keys_alone(
    space: Workspace, lab: Key, tmp_path: Path
) -> None:
    declare(space, lab)
    bring(space, answer_bytes(lab))
    path = space.archive().export(RECORD_ID, tmp_path / "x.zip", key=space.key())
    report = check_path(path, trust=[space.key().fingerprint])
    assert (report.exit_code, report.level) == (0, 6)
    assert any("Lab B, as the owner says" in note for note in report.notes)
    assert check_path(path, trust=[lab.fingerprint]).exit_code == 4


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (MACHINE, "the same hardware"),
        ({**MACHINE, "kernel": "6.0", "python": "3.99"}, "the same hardware"),
        ({"architecture": "x86_64"}, "does not state"),
        ({**OTHER_MACHINE, "processor": "unknown"}, "does not state"),
        ({}, "does not state"),
    ],
)
def test_equal_or_unstated_hardware_is_a_repeat(
    space: Workspace, lab: Key, machine: dict[str, str], says: str
) -> None:
    declare(space, lab)
    one = bring(space, answer_bytes(lab, machine=machine))
    assert not one.counts and says in one.reason
    assert level(space) == 5
    assert (checked(space).exit_code, checked(space).faults) == (0, [])


def test_a_second_key_of_ones_own_is_a_repeat(space: Workspace) -> None:
    space.keystore().new("lab-2", KeyRole.REPRODUCER)
    one = bring(space, answer_bytes(space.keystore().private("lab-2", "2026-03-01T12:00:00Z")))
    assert not one.counts and "a key of your own" in one.reason
    assert (level(space), checked(space).exit_code) == (5, 0)


def test_a_key_that_nobody_declared_is_a_repeat_and_stays_unknown(space: Workspace, lab: Key) -> None:
    one = bring(space, answer_bytes(lab))
    assert not one.counts and "not declared" in one.reason
    report = checked(space)
    assert (report.exit_code, report.faults, report.level) == (4, [], 5)


@pytest.mark.parametrize("role", [KeyRole.REPRODUCER, KeyRole.REVIEWER, KeyRole.OWNER])
def test_a_key_declared_for_something_else_is_a_repeat(space: Workspace, lab: Key, role: KeyRole) -> None:
    declare(space, lab, role)
    one = bring(space, answer_bytes(lab))
    assert not one.counts and f"declared as {role.value}" in one.reason
    assert level(space) == 5


def test_another_partys_refutation_is_kept_and_lifts_nothing(space: Workspace, lab: Key) -> None:
    declare(space, lab)
    one = bring(space, answer_bytes(lab, results=REFUTING))
    assert one.event.details["outcomes"][0]["outcome"] == "refuted"
    report = checked(space)
    assert (report.exit_code, report.level) == (0, 5)
    assert "refutes" in report.level_basis


def test_what_is_not_true_is_not_brought(space: Workspace, lab: Key, tmp_path: Path) -> None:
    declare(space, lab)
    folder = space.archive().path(RECORD_ID)
    before = sorted(path for path in folder.rglob("*"))
    good = answer_bytes(lab)
    bad: dict[str, tuple[bytes, type[Exception]]] = {
        "made for SRCH:FFFFFFFF": (answer_bytes(lab, record="SRCH:FFFFFFFF"), NotFound),
        "not those that were signed": (answer_bytes(lab, signed_results=REFUTING), BadInput),
        "attaches no run of this pack": (answer_bytes(lab, pack="0" * 64), NotFound),
        "their results cannot be used": (answer_bytes(lab, results={**RESULTS, "seed": 8}), BadInput),
        "does not hold": (good.replace(lab.fingerprint.encode(), Key.generate().fingerprint.encode()), BadInput),
        "no answer": (good[:-1], BadInput),
    }
    for says, (data, kind) in bad.items():
        with pytest.raises(kind) as caught:
            bring(space, data)
        assert says in str(caught.value) or kind is NotFound or says == "does not hold", caught.value
    assert sorted(path for path in folder.rglob("*")) == before
    with pytest.raises(BadInput, match="made for"):
        bring(space, answer_bytes(lab, record="SRCH:FFFFFFFF"), RECORD_ID)


def test_an_answer_that_names_no_record_needs_one_named(space: Workspace, lab: Key) -> None:
    declare(space, lab)
    with pytest.raises(BadInput, match="--record"):
        bring(space, answer_bytes(lab, record=None))
    assert bring(space, answer_bytes(lab, record=None), RECORD_ID).counts
    assert checked(space).exit_code == 0


def test_the_same_answer_is_brought_once(space: Workspace, lab: Key) -> None:
    declare(space, lab)
    bring(space, answer_bytes(lab))
    with pytest.raises(BadInput, match="already"):
        bring(space, answer_bytes(lab))
    assert len(space.archive().events(RECORD_ID)) == 2


def test_a_revoked_key_and_a_key_out_of_its_time_bring_nothing(space: Workspace, lab: Key) -> None:
    declare(space, lab, valid_until="2026-01-01T00:00:00Z")
    with pytest.raises(BadInput, match="does not hold"):
        bring(space, answer_bytes(lab))
    space.keystore().revoke("lab-b", "their server was broken into", "2026-03-02T00:00:00Z")
    with pytest.raises(BadInput, match="broken into"):
        bring(space, answer_bytes(lab))


def test_who_later_revokes_the_party_is_told(space: Workspace, lab: Key) -> None:
    declare(space, lab)
    bring(space, answer_bytes(lab))
    space.keystore().revoke("lab-b", "their server was broken into", "2026-03-02T00:00:00Z")
    report = checked(space, everybody=True)
    assert report.exit_code == 5
    assert any(f.check == "signers" and "broken into" in f.what for f in report.faults)


def test_a_review_by_another_party_brings_level_7_and_an_objection_does_not(space: Workspace, lab: Key) -> None:
    manifest = (space.archive().path(RECORD_ID, 1) / "manifest.json").read_bytes()
    declare(space, lab, KeyRole.REVIEWER)
    assert bring(space, review_bytes(lab, manifest)).counts
    assert (level(space), checked(space).exit_code) == (7, 0)
    bring(space, review_bytes(lab, manifest, verdict="objected"))
    assert (level(space), checked(space).exit_code) == (5, 0)
    kinds = [event.type for event in space.archive().events(RECORD_ID)]
    assert kinds == [EventType.DRAFTED, EventType.REVIEWED, EventType.REVIEWED]
    assert space.archive().state(RECORD_ID).standing == "draft"


def test_reviews_of_something_else_are_refused(space: Workspace, lab: Key) -> None:
    manifest = (space.archive().path(RECORD_ID, 1) / "manifest.json").read_bytes()
    declare(space, lab, KeyRole.REVIEWER)
    of_others = [review_bytes(lab, b"{}"), review_bytes(lab, manifest, version=2)]
    for data in (*of_others, review_bytes(lab, manifest, verdict="so")):
        with pytest.raises(BadInput):
            bring(space, data)
    own = bring(space, review_bytes(space.key(), manifest))
    assert not own.counts
    assert level(space) == 5


def test_a_kill_between_files_and_event_leaves_nothing_that_counts(
    space: Workspace, lab: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(space, lab)
    put = type(space.archive())._put_event

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(space.archive()), "_put_event", killed)
    with pytest.raises(KeyboardInterrupt):
        bring(space, answer_bytes(lab))
    monkeypatch.setattr(type(space.archive()), "_put_event", put)
    assert level(space) == 5
    assert space.archive().export(RECORD_ID, space.path / "x.zip", key=space.key()).is_file()
    assert not list((space.archive().path(RECORD_ID) / "attestations").iterdir())
    bring(space, answer_bytes(lab))
    assert (level(space), checked(space).exit_code) == (6, 0)
    assert json.loads(json.dumps(checked(space).to_json()))["verification_level"] == 6


def test_the_owner_sees_level_and_reasons(space: Workspace, lab: Key, capsys: pytest.CaptureFixture[str]) -> None:
    declare(space, lab)
    bring(space, answer_bytes(lab))
    shown = Call(space.path, capsys)("review", "show", RECORD_ID)
    assert "level      6 of 7, independently reproduced (by Lab B; the record itself says 5)" in shown.out
    assert "independent: Lab B ran it on other hardware" in shown.out
