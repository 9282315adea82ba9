"""Exports: equal content gives equal bytes, nothing is overwritten by accident, and faults are not exported."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.forge import unpack
from tests.support.records import NOW, RECORD_ID, write_small

from sovereign.archive import Archive
from sovereign.check import check_path
from sovereign.records import BadInput, EventType, NotFound, StorageError
from sovereign.seal import Key


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


def test_an_export_holds_the_record_and_checks(tmp_path: Path, key: Key) -> None:
    archive, version = write_small(tmp_path / "records", key)
    write_small(tmp_path / "records", key, version=2, with_run=False)
    archive.append_event(RECORD_ID, EventType.APPROVED, key=key, now=NOW)
    path = archive.export(RECORD_ID, tmp_path / "out.zip", key=key)
    assert check_path(path, trust=[key.fingerprint]).exit_code == 0
    folder, files = unpack(path.read_bytes())
    assert folder == "srch-0a1b2c3d"
    on_disk = {p.relative_to(version.parent).as_posix() for p in version.parent.rglob("*") if p.is_file()}
    made = {"export.json", "ro-crate-metadata.json"}
    assert set(files) == on_disk | made
    assert all((version.parent / name).read_bytes() == data for name, data in files.items() if name not in made)


def test_an_export_unpacked_is_a_record_that_checks(tmp_path: Path, key: Key) -> None:
    import zipfile

    archive, _ = write_small(tmp_path / "records", key)
    path = archive.export(RECORD_ID, tmp_path / "out.zip", key=key)
    with zipfile.ZipFile(path) as container:
        container.extractall(tmp_path / "unpacked")
    assert check_path(tmp_path / "unpacked" / "srch-0a1b2c3d", trust=[key.fingerprint]).exit_code == 0


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path, key: Key) -> None:
    archive, _ = write_small(tmp_path / "records", key)
    one = archive.export(RECORD_ID, tmp_path / "one.zip", key=key)
    two = Archive(tmp_path / "records").export("0a1b2c3d", tmp_path / "two.zip", key=key)
    assert one.read_bytes() == two.read_bytes()


def test_an_export_by_another_key_brings_its_key_along(tmp_path: Path, key: Key) -> None:
    archive, _ = write_small(tmp_path / "records", key)
    other = Key.generate()
    path = archive.export(RECORD_ID, tmp_path / "out.zip", key=other)
    assert check_path(path, trust=[key.fingerprint]).exit_code == 4
    assert check_path(path, trust=[key.fingerprint, other.fingerprint]).exit_code == 0


def test_a_file_in_the_way_is_kept_unless_forced(tmp_path: Path, key: Key) -> None:
    archive, _ = write_small(tmp_path / "records", key)
    output = tmp_path / "out.zip"
    output.write_bytes(b"mine")
    with pytest.raises(BadInput) as caught:
        archive.export(RECORD_ID, output, key=key)
    assert "--force" in caught.value.remedy
    assert output.read_bytes() == b"mine"
    archive.export(RECORD_ID, output, key=key, force=True)
    assert check_path(output, trust=[key.fingerprint]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zip", "records"]


def test_a_record_with_a_fault_is_not_exported(tmp_path: Path, key: Key) -> None:
    archive, version = write_small(tmp_path / "records", key)
    (version / "audit.jsonl").write_bytes(b"")
    with pytest.raises(StorageError, match=r"audit\.jsonl"):
        archive.export(RECORD_ID, tmp_path / "out.zip", key=key)
    assert not (tmp_path / "out.zip").exists()


def test_nowhere_to_write_and_nothing_to_export(tmp_path: Path, key: Key) -> None:
    archive, _ = write_small(tmp_path / "records", key)
    with pytest.raises(StorageError):
        archive.export(RECORD_ID, tmp_path / "no" / "folder.zip", key=key)
    with pytest.raises(NotFound):
        archive.export("ffffffff", tmp_path / "out.zip", key=key)
