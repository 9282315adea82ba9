"""The archive: versions written once, events in order, clear errors for what was edited by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.records import (
    NOTE_TEXT,
    NOW,
    RECORD_ID,
    SmallRecord,
    small_record,
    write_small,
)

from sovereign.archive import Archive
from sovereign.check import check_path
from sovereign.records import BadInput, EventType, NotFound, StorageError
from sovereign.seal import Key, body_digest, canonical, digest


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


def _write(archive: Archive, small: SmallRecord, key: Key, version: int = 1, now: str = NOW, **given: object) -> Path:
    parts: dict[str, object] = {
        "texts": small.texts,
        "audit_lines": small.audit_lines,
        "artifacts": small.artifacts,
        **given,
    }
    return archive.write_version(
        RECORD_ID, version, small.evidence, small.judgement, key=key, now=now, **parts  # type: ignore[arg-type]
    )


def test_what_is_written_is_read_back(tmp_path: Path, key: Key) -> None:
    small = small_record(key)
    archive = Archive(tmp_path / "deep" / "records")
    assert archive.list() == ()
    path = _write(archive, small, key)
    assert path == tmp_path / "deep" / "records" / "srch-0a1b2c3d" / "v1"
    for spelling in (RECORD_ID, "srch-0a1b2c3d", "0a1b2c3d", "SRCH-0A1B2C3D"):
        assert archive.load(spelling).evidence() == small.evidence
    record = archive.load(RECORD_ID, 1)
    assert (record.id, record.version, record.times.created_at) == (RECORD_ID, 1, NOW)
    assert archive.list() == (RECORD_ID,)
    assert archive.versions(RECORD_ID) == (1,)
    assert archive.texts(RECORD_ID)(digest(NOTE_TEXT)) == NOTE_TEXT
    assert archive.texts(RECORD_ID)("0" * 64) is None
    state = archive.state(RECORD_ID)
    assert (state.version, state.standing, state.public, state.events) == (1, "draft", False, 1)
    assert [p.name for p in archive.folder.iterdir() if p.name != ".lock"] == ["srch-0a1b2c3d"]


def test_record_json_is_the_canonical_document(tmp_path: Path, key: Key) -> None:
    archive, path = write_small(tmp_path, key)
    data = (path / "record.json").read_bytes()
    assert data == canonical(archive.load(RECORD_ID)) == canonical(json.loads(data))
    assert json.loads(data)["schema"] == "sovereign-record-v1"


def test_equal_records_have_equal_bodies_whatever_their_name_and_time(tmp_path: Path, key: Key) -> None:
    one = Archive(tmp_path / "one")
    _write(one, small_record(key), key)
    two, _ = write_small(tmp_path / "two", Key.generate(), record_id="SRCH:FFFFFFFF")
    assert one.load(RECORD_ID).body_digest == two.load("SRCH:FFFFFFFF").body_digest


def test_a_version_is_never_rewritten(tmp_path: Path, key: Key) -> None:
    archive, path = write_small(tmp_path, key)
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    assert _write(archive, small_record(key), key, now="2030-01-01T00:00:00Z") == path  # an equal body: nothing to do
    with pytest.raises(BadInput, match="never rewritten"):
        _write(archive, small_record(key, with_run=False), key)
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before


def test_versions_follow_one_another(tmp_path: Path, key: Key) -> None:
    archive = Archive(tmp_path)
    small = small_record(key, with_run=False)
    with pytest.raises(BadInput):
        _write(archive, small, key, version=2)
    assert archive.list() == ()
    _write(archive, small, key)
    with pytest.raises(BadInput):
        _write(archive, small, key, version=3)
    _write(archive, small_record(key), key, version=2, event=EventType.REPRODUCED, note="a run")
    assert archive.versions(RECORD_ID) == (1, 2)
    assert [event.type.value for event in archive.events(RECORD_ID)] == ["drafted", "reproduced"]
    assert archive.load(RECORD_ID).version == 2
    assert archive.load(RECORD_ID, 1).reproductions == ()
    with pytest.raises(NotFound):
        archive.load(RECORD_ID, 3)


def test_parts_that_do_not_fit_are_refused_and_nothing_is_written(tmp_path: Path, key: Key) -> None:
    archive, small = Archive(tmp_path), small_record(key)
    for given in (
        {"texts": lambda sha256: None},
        {"texts": lambda sha256: "another text"},
        {"audit_lines": ()},
        {"audit_lines": small.audit_lines[:-1]},
        {"artifacts": {}},
        {"artifacts": {**small.artifacts, "0" * 64: {}}},
        {"artifacts": small_record(Key.generate()).artifacts},
    ):
        with pytest.raises(BadInput) as caught:
            _write(archive, small, key, **given)
        assert caught.value.remedy
    with pytest.raises(BadInput):
        archive.write_version(
            "SRCH:nothex!!",
            1,
            small.evidence,
            small.judgement,
            texts=small.texts,
            audit_lines=small.audit_lines,
            artifacts=small.artifacts,
            key=key,
            now=NOW,
        )
    assert archive.list() == ()


def test_ids_are_drawn_again_on_a_collision(tmp_path: Path, key: Key) -> None:
    write_small(tmp_path, key)
    draws = iter(["0a1b2c3d", "0a1b2c3d", "12345678"])
    assert Archive(tmp_path, draw=lambda: next(draws)).new_id() == "SRCH:12345678"
    with pytest.raises(StorageError):
        Archive(tmp_path, draw=lambda: "0a1b2c3d").new_id()
    new = Archive(tmp_path).new_id()
    assert new.startswith("SRCH:") and len(new) == 13 and new == new.upper()


def test_events_chain_and_fold(tmp_path: Path, key: Key) -> None:
    archive, path = write_small(tmp_path, key)
    event = archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW, note="read", version=1)
    first = path.parent / "events" / "0001-drafted.json"
    assert event.previous == digest(first.read_bytes())
    assert event.manifest == digest((path / "manifest.json").read_bytes())
    assert archive.state(RECORD_ID).public
    with pytest.raises(BadInput, match="is published"):
        archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    with pytest.raises(BadInput):
        archive.append_event(RECORD_ID, EventType.REPRODUCED, key=key, now=NOW)
    write_small(tmp_path, key, version=2, with_run=False)
    with pytest.raises(BadInput, match="has come since"):
        archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW, version=1)
    assert archive.state(RECORD_ID).events == 3


def test_another_signers_key_joins_the_ring(tmp_path: Path, key: Key) -> None:
    archive, path = write_small(tmp_path, key)
    other = Key.generate()
    archive.append_event(RECORD_ID, EventType.APPROVED, key=other, now=NOW)
    assert check_path(path.parent, trust=[key.fingerprint, other.fingerprint]).exit_code == 0


@pytest.mark.parametrize("name", ["../x", "", "SRCH:", "SRCH:0A1B2C3D/..", "srch-0a1b2c3dd", "ffffffff"])
def test_no_such_record(tmp_path: Path, key: Key, name: str) -> None:
    archive, _ = write_small(tmp_path / "records", key)
    for read in (archive.load, archive.state, archive.events, archive.versions, archive.texts):
        with pytest.raises(NotFound):
            read(name)


@pytest.mark.parametrize(
    ("where", "old", "new"),
    [
        ("v1/record.json", b'"version":1', b'"version":2'),
        ("v1/record.json", b"TinyRouter", b"TinyLooter"),
        ("v1/record.json", b'"limitations":', b'"limitation":'),
        ("v1/record.json", b"{", b" {"),
        ("events/0001-drafted.json", b'"payload":"', b'"payload":"A'),
        ("keys.json", b'"owner"', b'"guest"'),
        ("keys.json", b"SHA256:", b"SHA256:0"),
    ],
)
def test_a_folder_edited_by_hand_is_named(tmp_path: Path, key: Key, where: str, old: bytes, new: bytes) -> None:
    archive, path = write_small(tmp_path, key)
    file = path.parent / where
    assert old in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(old, new, 1))
    with pytest.raises(StorageError) as caught:
        archive.load(RECORD_ID)
        archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    assert str(file) in caught.value.message
    assert "sovereign check" in caught.value.remedy


def test_a_changed_text_and_missing_or_renamed_events_are_named(tmp_path: Path, key: Key) -> None:
    archive, path = write_small(tmp_path, key)
    text = path / "texts" / f"{digest(NOTE_TEXT)}.txt"
    text.write_text("another")
    with pytest.raises(StorageError, match="not the text"):
        archive.texts(RECORD_ID)(digest(NOTE_TEXT))
    with pytest.raises(StorageError, match="not the file that the manifest names"):
        archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    text.write_text(NOTE_TEXT, encoding="utf-8")
    archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    events = path.parent / "events"
    (events / "0001-drafted.json").rename(events / "0003-drafted.json")
    with pytest.raises(StorageError, match="does not follow"):
        archive.state(RECORD_ID)
    (events / "0003-drafted.json").unlink()
    (events / "0002-approved.json").unlink()
    with pytest.raises(StorageError):
        archive.load(RECORD_ID)
    events.rmdir()
    with pytest.raises(StorageError, match="cannot be read"):
        archive.load(RECORD_ID)


def test_a_record_from_before_a_field_came_is_still_read(tmp_path: Path, key: Key) -> None:
    """Its body digest was taken without the field, so it must be looked at as it is stored."""
    archive, folder = write_small(tmp_path, key)
    path = folder / "record.json"
    document = json.loads(path.read_bytes())
    del document["provenance"]["stance_model"]
    document["body_digest"] = body_digest(document)
    path.write_bytes(canonical(document))
    read = archive.load(RECORD_ID)
    assert read.provenance.stance_model is None and read.body_digest == document["body_digest"]
    document["limitations"] = ["something else"]
    path.write_bytes(canonical(document))
    with pytest.raises(StorageError):
        archive.load(RECORD_ID)
