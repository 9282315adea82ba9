"""Forgeries, each named by `check`: by another key, the right key, a revoked one; of history, parties, containers."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.forge import (
    Files,
    leaves,
    record_of,
    relist,
    repack,
    replaced,
    resign,
    unpack,
    with_event,
    with_record,
    written,
)
from tests.support.party import OTHER_MACHINE, answer_bytes, executed_record, review_bytes, write_executed
from tests.support.records import MACHINE, RECORD_ID, RESULTS

from sovereign import attesting
from sovereign.check import Report, check_path
from sovereign.check import unpack as entries_of
from sovereign.records import EventType, KeyRole, TrustedKey, TrustFile
from sovereign.seal import (
    PREDICATE_RETRACTION,
    Key,
    canonical,
    digest,
    key_entry,
    key_ring,
    open_envelope,
    pack_files,
    sign,
    statement,
)
from sovereign.workspace import Workspace

OTHER_ID, OTHER_NAME = "SRCH:FFFF0001", "srch-ffff0001"
ATTESTED = "events/0003-attested.json"


def listed(key: Key, name: str, role: KeyRole = KeyRole.OWNER, party: str = "", **more: Any) -> TrustedKey:
    entry = key_entry(key.public_bytes)
    fields = {"id": name, "fingerprint": key.fingerprint, "public_key": entry.public_key, "party": party, "role": role}
    return TrustedKey.model_validate({**fields, **more})


def revoked(key: Key, name: str, reason: str = "stolen") -> TrustedKey:
    return listed(key, name, revoked={"at": "2026-05-01T00:00:00Z", "reason": reason})


class Case:
    """A published record with another party's run and a review, its keys, and a way to check what is made of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.space = Workspace.create(folder / "w", starter=False)
        self.owner, self.lab, self.reviewer = self.space.key(), Key.generate(), Key.generate()
        archive = write_executed(self.space.records_path, self.owner)
        write_executed(self.space.records_path, self.owner, OTHER_ID)
        self.space.keystore().declare([listed(self.lab, "lab-b", KeyRole.SECOND_PARTY, "Lab B")])
        self.space.keystore().declare([listed(self.reviewer, "rev", KeyRole.REVIEWER, "Dr R")])
        for name in (RECORD_ID, OTHER_ID):
            archive.append_event(name, EventType.APPROVED, key=self.owner, now="2026-03-02T00:00:00Z")
            self._bring(answer_bytes(self.lab, record=name))
        manifest = (archive.path(RECORD_ID, 1) / "manifest.json").read_bytes()
        self._bring(review_bytes(self.reviewer, manifest))
        self.archive = archive
        self.name, self.files = unpack(self.export(RECORD_ID, self.owner))
        self.other = unpack(self.export(OTHER_ID, self.owner))[1]

    def _bring(self, data: bytes) -> None:
        path = self.folder / "answer.zip"
        path.write_bytes(data)
        attesting.bring(self.space, path, None, self.owner)

    def export(self, name: str, key: Key) -> bytes:
        return self.archive.export(name, self.folder / "x.zip", key=key, force=True).read_bytes()

    def check(self, files: Files, *trust: TrustedKey, name: str = "") -> Report:
        """Check files as an export, by a trust file of these keys; by the owner's alone where none is given."""
        path = self.folder / "trust.json"
        entries = trust or (listed(self.owner, "owner", party="us"),)
        path.write_bytes(canonical(TrustFile(keys=tuple(sorted(entries, key=lambda entry: entry.id)))))
        return check_path(repack(name or self.name, files, self.folder / "forged.zip"), trust=[path])

    def signed_list(self, files: Files) -> Files:
        """The export's own list made to fit, so that only what lies below it can tell."""
        return relist(files, self.owner)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("forgeries"))


def wheres(report: Report) -> list[str]:
    assert report.exit_code == 5, report
    return [fault.where for fault in report.faults]


def test_the_record_is_sound_and_the_forgers_tools_change_nothing(case: Case) -> None:
    """The positive control."""
    report = case.check(case.files)
    assert (report.exit_code, report.faults, report.level) == (0, [], 7)
    assert case.check(resign(case.files, case.owner)).exit_code == 0
    assert case.check(case.signed_list(case.files)).exit_code == 0


# --- keys ---


def test_everything_computed_again_and_signed_by_another_key(case: Case) -> None:
    thief = Key.generate()
    report = case.check(resign(case.other, thief), name=OTHER_NAME)
    assert (report.exit_code, report.trusted) == (4, False)
    assert any("signer unknown" in note and thief.fingerprint in note for note in report.notes)
    # what somebody else signed over it, the thief cannot carry along
    assert any(where.endswith("attestation.json: subject.v1/manifest.json") for where in wheres(
        case.check(resign(case.files, thief))))  # fmt: skip


@pytest.mark.parametrize("backdated", [False, True])
def test_signatures_of_a_revoked_key_are_refused_whatever_their_date(case: Case, backdated: bool) -> None:
    files = case.files
    if backdated:
        record = record_of(files)
        record["times"]["created_at"] = "2001-01-01T00:00:00Z"
        files = with_record(files, record)
        for name in [name for name in files if name.startswith("events/")]:
            files = with_event(files, name, {"at": "2001-01-01T00:00:00Z"})
        files = resign(files, case.owner)
    report = case.check(files, revoked(case.owner, "owner"))
    refused = [fault for fault in report.faults if fault.check == "signers"]
    assert report.exit_code == 5
    assert {"v1/seal.json", "events/0001-drafted.json", "export.json"} <= {fault.where for fault in refused}
    assert all("stolen" in fault.what and "whatever its date" in fault.what for fault in refused)


def _countersigned(case: Case, folder: Path, by: Key) -> Files:
    """The record with a countersignature of `by`, exported by `by`."""
    space = Workspace.create(folder / "w", starter=False)
    archive = write_executed(space.records_path, case.owner)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=case.owner, now="2026-03-02T00:00:00Z")
    attesting.countersign(space, RECORD_ID, by, "the old key is lost")
    return unpack(archive.export(RECORD_ID, folder / "c.zip", key=by).read_bytes())[1]


def test_a_countersignature_by_another_trusted_key_lets_them_stand(case: Case, tmp_path: Path) -> None:
    second = Key.generate()
    files = _countersigned(case, tmp_path, second)
    old, new = revoked(case.owner, "owner"), listed(second, "owner-2")
    assert (case.check(files, old, new).exit_code, case.check(files, old, new).faults) == (0, [])
    untrusted = case.check(files, old)
    assert untrusted.exit_code == 5
    both = case.check(files, old, revoked(second, "owner-2"))
    assert "export.json" in wheres(both)


def test_a_countersignature_holds_for_what_was_there_and_for_nothing_else(case: Case, tmp_path: Path) -> None:
    second = Key.generate()
    files = _countersigned(case, tmp_path, second)
    trust = (revoked(case.owner, "owner"), listed(second, "owner-2"))
    later = "events/0004-retracted.json"
    last = open_envelope(files["events/0003-countersigned.json"]).statement
    predicate = {**open_envelope(files["events/0002-approved.json"]).statement["predicate"]}
    predicate |= {"number": 4, "type": "retracted", "previous": digest(files["events/0003-countersigned.json"])}
    manifest = {"v1/manifest.json": last["predicate"]["manifest"]}
    forged = {**files, later: sign(statement(PREDICATE_RETRACTION, manifest, predicate), case.owner)}
    assert later in wheres(case.check(forged, *trust))
    record = record_of(files)
    record["answer"]["sentences"][1]["text"] = "GhostRouter is named in the question and was found."
    swapped = resign(with_record(files, record), case.owner)
    assert "v1/seal.json" in wheres(case.check(swapped, *trust))


def test_a_key_cannot_countersign_itself_or_be_countersigned_by_a_stranger(case: Case, tmp_path: Path) -> None:
    stranger = Key.generate()
    files = _countersigned(case, tmp_path, stranger)
    assert "v1/seal.json" in wheres(case.check(files, revoked(case.owner, "owner")))
    own = resign(files, case.owner)
    assert "v1/seal.json" in wheres(case.check(own, revoked(case.owner, "owner")))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"valid_until": "2026-02-28T00:00:00Z"}, "hold"),
        ({"valid_from": "2026-03-05T00:00:00Z"}, "hold"),
        ({"role": KeyRole.REPRODUCER}, "role is reproducer"),
        ({"role": KeyRole.SECOND_PARTY}, "role is second-party"),
    ],
)
def test_a_key_out_of_its_time_or_role_is_refused(case: Case, more: dict[str, Any], says: str) -> None:
    entry = listed(case.owner, "owner").model_copy(update=more)
    report = case.check(case.files, entry)
    assert "v1/seal.json" in wheres(report)
    assert any(fault.check == "signers" and says in fault.what for fault in report.faults)


# --- the right key, and what does not follow ---


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("gate_verdict", "status"), "VERIFIED"),
        (("verification_level",), 7),
        (("quality_tier",), "FLAGSHIP_CANDIDATE"),
        (("decision", "policy"), "PUBLISH"),
        (("tribunal", "score"), 10),
        (("counts", "cells_reproduced"), 2),
    ],
)
def test_a_verdict_that_its_results_do_not_support(case: Case, path: tuple[str, ...], value: Any) -> None:
    record = record_of(case.files)
    forged = resign(with_record(case.files, replaced(record, path, value)), case.owner)
    assert f"v1/record.json: {written(path)}" in wheres(case.check(forged))


@pytest.mark.parametrize("rules", [0, 99])
def test_rules_of_another_number_are_no_way_around(case: Case, rules: int) -> None:
    record = record_of(case.other)
    record["provenance"]["rules"] = rules
    record["gate_verdict"]["status"] = "VERIFIED"
    report = case.check(resign(with_record(case.other, record), case.owner), name=OTHER_NAME)
    assert (report.exit_code, report.level) == (9, None)
    assert report.not_recomputed[0].startswith("v1: judged by rules")


def test_another_profile_than_the_record_was_made_with(case: Case) -> None:
    record = record_of(case.files)
    if "profile" not in record["provenance"]:
        pytest.skip("records state no profile")
    for other in ("reference", "imported"):
        changed = {**record, "provenance": {**record["provenance"], "profile": other}}
        report = case.check(resign(with_record(case.files, changed), case.owner))
        assert report.exit_code == 5, other


# --- history ---


def _events(files: Files) -> list[str]:
    return sorted(name for name in files if name.startswith("events/"))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_event_that_was_dropped(case: Case, index: int) -> None:
    names = _events(case.files)
    files = {name: data for name, data in case.files.items() if name != names[index]}
    found = wheres(case.check(case.signed_list(files)))
    assert any(where.startswith((names[min(index + 1, 3)], "events")) for where in found)


def test_the_newest_event_cut_off(case: Case, tmp_path: Path) -> None:
    """An export shows it; a live folder cannot, and `check` says so."""
    newest = _events(case.files)[-1]
    place = f"{open_envelope(case.files[newest]).statement['predicate']['details']['attestation']}"
    cut = {name: data for name, data in case.files.items() if name != newest and place not in name}
    found = wheres(case.check(cut))
    assert newest in found and "export.json: predicate.events" in found
    folder = tmp_path / case.name
    for name, data in cut.items():
        if name not in ("export.json", "ro-crate-metadata.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    report = check_path(folder, trust=[case.owner.fingerprint])
    assert report.exit_code == 0
    assert any("newest events of this folder were cut off" in line for line in report.cannot_know)
    assert any("event 3, " in line for line in report.cannot_know)
    kept = repack(case.name, case.files, tmp_path / "kept.zip")
    assert newest in wheres(check_path(folder, trust=[case.owner.fingerprint], earlier=kept))
    assert check_path(kept, trust=[case.owner.fingerprint], earlier=folder).exit_code == 0
    of_another = repack(OTHER_NAME, case.other, tmp_path / "other.zip")
    assert wheres(check_path(folder, trust=[case.owner.fingerprint], earlier=of_another)) == ["earlier copy"]


def test_events_reordered(case: Case) -> None:
    one, other = _events(case.files)[1:3]
    swapped = {**case.files, one: case.files[other], other: case.files[one]}
    found = wheres(case.check(case.signed_list(swapped)))
    assert any(where.startswith(one) for where in found) and any(where.startswith(other) for where in found)


def test_an_event_duplicated(case: Case) -> None:
    names = _events(case.files)
    again = f"events/{len(names) + 1:04d}-reviewed.json"
    found = wheres(case.check(case.signed_list({**case.files, again: case.files[names[-1]]})))
    assert any(where.startswith(again) for where in found)


def test_an_event_moved_from_another_record(case: Case) -> None:
    for name in (ATTESTED, "events/0002-approved.json"):
        moved = case.signed_list({**case.files, name: case.other[name]})
        assert any(where.startswith(name) for where in wheres(case.check(moved))), name


def test_a_version_moved_from_another_record(case: Case) -> None:
    moved = {**case.files, **{name: data for name, data in case.other.items() if name.startswith("v1/")}}
    found = wheres(case.check(case.signed_list(moved)))
    assert "v1/record.json: id" in found


def test_a_gate_verdict_event_that_says_more_than_its_record(case: Case, tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "w", starter=False)
    write_executed(space.records_path, case.owner)
    small, archive = executed_record(case.owner), space.archive()
    archive.write_version(
        RECORD_ID, 2, small.evidence, small.judgement, texts=small.texts, audit_lines=small.audit_lines,
        artifacts=small.artifacts, key=case.owner, now="2026-03-03T00:00:00Z", event=EventType.REPRODUCED,
    )  # fmt: skip
    files = unpack(archive.export(RECORD_ID, tmp_path / "x.zip", key=case.owner).read_bytes())[1]
    assert case.check(files).exit_code == 0
    forged = with_event(files, "events/0002-reproduced.json", {"details": {"gate_verdict": "VERIFIED"}})
    found = wheres(case.check(resign(forged, case.owner)))
    assert found == ["events/0002-reproduced.json: details.gate_verdict"]


# --- other parties ---


def test_no_field_of_what_an_event_makes_of_an_attestation_can_be_forged(case: Case) -> None:
    """With the owner's key. Free text alone, the reason and the name that the owner gives, is the owner's to write."""
    details = open_envelope(case.files[ATTESTED]).statement["predicate"]["details"]
    free = {("reason",), ("party", "name")}
    seen = 0
    for path, value in leaves(details):
        if path in free:
            continue
        other = not value if isinstance(value, bool) else _other(value)
        if path == ("independent",):
            continue  # less than is due is the owner's to say
        forged = resign(with_event(case.files, ATTESTED, {"details": replaced(details, path, other)}), case.owner)
        assert wheres(case.check(forged)), written(path)
        seen += 1
    assert seen > 15


def _other(value: Any) -> Any:
    if value is None:
        return "x"
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return ["c-00000000ff"]
    return value[:-1] + ("0" if value[-1] != "0" else "1") if value else "x"


def _brought(case: Case, data: bytes, details: dict[str, Any], *, key: Key | None = None) -> Files:
    """The record with another answer in place of the lab's, and an event of the owner's key that says `details`."""
    old = open_envelope(case.files[ATTESTED]).statement["predicate"]["details"]
    answer = {name.split("/")[-1]: content for name, content in _entries(data).items()}
    place = f"attestations/{digest(answer['attestation.json'])}"
    files = {name: content for name, content in case.files.items() if old["attestation"] not in name}
    files |= {f"{place}/{name}": answer[name] for name in ("attestation.json", "results.json")}
    signer = open_envelope(answer["attestation.json"]).signatures[0][0]
    new = {**old, "attestation": digest(answer["attestation.json"]), "results_sha256": digest(answer["results.json"])}
    new["party"] = {**old["party"], "fingerprint": signer}
    event = open_envelope(files[ATTESTED]).statement
    event["predicate"]["details"] = {**new, **details}
    manifest = [item for item in event["subject"] if item["name"].endswith("/manifest.json")]
    added = [
        {"name": name, "digest": {"sha256": digest(files[name])}} for name in sorted(files) if name.startswith(place)
    ]
    event["subject"] = sorted([*manifest, *added], key=lambda item: str(item["name"]))
    files[ATTESTED] = sign(event, case.owner)
    ring = [case.owner.public_bytes, case.lab.public_bytes, case.reviewer.public_bytes]
    files["keys.json"] = canonical(key_ring([*ring, *([key.public_bytes] if key else [])]))
    return resign(files, case.owner)


def _entries(data: bytes) -> Files:
    return dict(entries_of(data, {"keys.json"}))


def test_the_tool_that_brings_another_answer_brings_a_true_one(case: Case) -> None:
    assert case.check(_brought(case, answer_bytes(case.lab), {})).exit_code == 0


def test_an_attestation_moved_to_another_record_or_pack(case: Case) -> None:
    moved = case.check(_brought(case, answer_bytes(case.lab, record=OTHER_ID), {}))
    assert any(where.endswith("attestation.json: predicate.record") for where in wheres(moved))
    other_pack = case.check(_brought(case, answer_bytes(case.lab, pack="0" * 64), {}))
    assert any("attestation.json: subject" in where for where in wheres(other_pack))
    named = case.check(_brought(case, answer_bytes(case.lab, pack="0" * 64), {"pack_digest": "0" * 64}))
    assert f"{ATTESTED}: details.pack_digest" in wheres(named)


def test_a_second_partys_attestation_by_the_owners_second_key(case: Case) -> None:
    second = Key.generate()
    forged = _brought(case, answer_bytes(second), {"party": _party(second)}, key=second)
    ours = (listed(case.owner, "owner", party="us"), listed(second, "lab-2", KeyRole.REPRODUCER, "us"))
    report = case.check(forged, *ours)
    assert f"{ATTESTED}: details.independent" in wheres(report)
    assert any("repeat" in fault.what for fault in report.faults)
    dressed = (ours[0], listed(second, "lab-2", KeyRole.SECOND_PARTY, "us"))
    assert any("own party" in fault.what for fault in case.check(forged, *dressed).faults)
    unnamed = case.check(forged, ours[0])
    assert any("is another party than the owner" in line for line in unnamed.cannot_know)


def test_the_owners_own_key_dressed_as_a_second_party(case: Case) -> None:
    forged = _brought(case, answer_bytes(case.owner), {"party": _party(case.owner)})
    report = case.check(forged)
    assert f"{ATTESTED}: details.independent" in wheres(report)
    assert any("also signs as the owner" in fault.what for fault in report.faults)


def test_an_undeclared_key_or_the_same_machine_called_independent(case: Case) -> None:
    party = _party(case.lab)
    undeclared = case.check(_brought(case, answer_bytes(case.lab), {"party": {**party, "role": None}}))
    assert f"{ATTESTED}: details.independent" in wheres(undeclared)
    same = case.check(_brought(case, answer_bytes(case.lab, machine=MACHINE), {}))
    assert any("same hardware" in fault.what for fault in same.faults) and same.exit_code == 5
    silent = case.check(_brought(case, answer_bytes(case.lab, machine={}), {}))
    assert any("does not state" in fault.what for fault in silent.faults) and silent.exit_code == 5


def test_results_that_refute_called_supporting(case: Case) -> None:
    refuting = {**RESULTS, "values": {"touched": {"formula": 7.12, "simulated": 5.0, "standard_error": 0.004}}}
    report = case.check(_brought(case, answer_bytes(case.lab, results=refuting), {}))
    assert any(where.startswith(f"{ATTESTED}: details.outcomes") for where in wheres(report))
    swapped = case.check(_brought(case, answer_bytes(case.lab, results=refuting, signed_results=RESULTS), {}))
    assert any("attestation.json: subject" in where for where in wheres(swapped))


def test_an_attestation_added_by_hand_or_left_without_its_event(case: Case) -> None:
    answer = _entries(answer_bytes(case.lab, machine={**OTHER_MACHINE, "processors": "2"}))
    place = f"attestations/{digest(answer['1/attestation.json'])}/attestation.json"
    report = case.check(case.signed_list({**case.files, place: answer["1/attestation.json"]}))
    assert wheres(report) == [place]


def _party(key: Key) -> dict[str, str]:
    return {"fingerprint": key.fingerprint, "name": "Lab C", "role": "second-party"}


# --- the container ---


def _twice(data: bytes) -> bytes:
    """A well-formed zip whose directory and body name one file twice, the second with other content."""
    end = data.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack("<HLL", data[end + 10 : end + 20])
    name, content = b"srch-0a1b2c3d/v1/record.json", b"{}"
    crc = zlib.crc32(content)
    fields = (0, 0, 0, 0 << 9 | 1 << 5 | 1, crc, len(content), len(content), len(name), 0)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, *fields) + name + content
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 3 << 8 | 20, 20, *fields, 0, 0, 0, 0o100644 << 16, start) + name
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count + 1, count + 1, size + len(entry), start + len(local), 0)
    return data[:start] + local + data[start : start + size] + entry + tail


def _counting(data: bytes) -> bytes:
    """An end of directory that claims 65,535 entries."""
    return data[:-14] + struct.pack("<2H", 65535, 65535) + data[-10:]


def _zip64(data: bytes) -> bytes:
    end = data.rindex(b"PK\x05\x06")
    return data[:end] + struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1) + data[end:]


@pytest.mark.parametrize(
    ("make", "says"), [(_twice, "twice"), (_counting, "more than"), (_zip64, "64-bit"), (lambda d: d + b"x", "behind")]
)
def test_a_zip_that_hides_something(case: Case, make: Callable[[bytes], bytes], says: str) -> None:
    path = repack(case.name, case.files, case.folder / "zip.zip")
    path.write_bytes(make(path.read_bytes()))
    report = check_path(path, trust=[case.owner.fingerprint])
    assert report.exit_code == 5
    assert any(says in fault.what for fault in report.faults), report.faults


def test_a_crate_or_a_file_smuggled_into_the_folder(case: Case, tmp_path: Path) -> None:
    inside = {f"{case.name}/{name}": data for name, data in case.files.items()}
    (tmp_path / "x.zip").write_bytes(pack_files(inside))
    report = check_path(tmp_path / "x.zip", trust=[case.owner.fingerprint])
    assert f"{case.name}/ro-crate-metadata.json" in wheres(report)
    assert json.dumps(report.to_json())
