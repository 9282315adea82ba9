"""Exports that are unsafe to unpack, or that hide something, are refused with a fault and unpacked nowhere."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.forge import repack, resign, unpack
from tests.support.records import RECORD_ID, write_small

from sovereign.check import Report, _unpack, check_path
from sovereign.records import NotFound
from sovereign.seal import Key, pack_files


def _checked(data: bytes, path: Path, owner: Key) -> Report:
    path.write_bytes(data)
    report = check_path(path, trust=[owner.fingerprint])
    assert report.exit_code == 5
    return report


def _zip(entries: list[tuple[zipfile.ZipInfo | str, bytes]], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def _entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../outside",
        "srch-0a1b2c3d/../../outside",
        "srch-0a1b2c3d//x",
        "srch-0a1b2c3d/./x",
        "srch-0a1b2c3d\\x",
        "C:/x/y",
        "loose",
        "srch-0a1b2c3d/.hidden",
        "srch-0a1b2c3d/" + "x" * 300,
        "srch-0a1b2c3d/\u202ecod.exe",
        "srch-0a1b2c3d/a b",
    ],
)
def test_names_that_no_export_has(name: str, tmp_path: Path, owner: Key) -> None:
    report = _checked(_zip([(_entry(name), b"x")]), tmp_path / "x.zip", owner)
    assert report.faults[0].where.startswith("container: ")
    assert "not a name" in report.faults[0].what
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_given_twice(tmp_path: Path, owner: Key) -> None:
    entries: list[tuple[zipfile.ZipInfo | str, bytes]] = [(_entry("srch-0a1b2c3d/a"), b"1")] * 2
    assert "twice" in _checked(_zip(entries), tmp_path / "x.zip", owner).faults[0].what


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o010644, 0o020644])
def test_links_folders_and_devices(mode: int, tmp_path: Path, owner: Key) -> None:
    report = _checked(_zip([(_entry("srch-0a1b2c3d/link", mode), b"/etc/passwd")]), tmp_path / "x.zip", owner)
    assert "not a regular file" in report.faults[0].what


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path, owner: Key) -> None:
    bomb = _entry("srch-0a1b2c3d/bomb")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    report = _checked(_zip([(bomb, bytes(20_000_000))]), tmp_path / "x.zip", owner)
    assert "compressed" in report.faults[0].what


def test_a_size_that_lies_is_refused(export: bytes, tmp_path: Path, owner: Key) -> None:
    """The central directory says four gigabytes; nothing of that size is read."""
    at = export.index(b"PK\x01\x02")
    data = bytearray(export)
    data[at + 20 : at + 28] = struct.pack("<2L", 2**32 - 2, 2**32 - 2)
    assert "larger than" in _checked(bytes(data), tmp_path / "x.zip", owner).faults[0].what


@pytest.mark.parametrize(("name", "limit"), [("MAX_FILE", 100), ("MAX_TOTAL", 1000), ("MAX_FILES", 3)])
def test_caps(
    name: str, limit: int, export: bytes, tmp_path: Path, owner: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_unpack, name, limit)
    faults = _checked(export, tmp_path / "x.zip", owner).faults
    assert "larger than" in faults[0].what or "more than" in faults[0].what
    folder, files = unpack(export)
    for path, data in files.items():
        (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / path).write_bytes(data)
    assert check_path(tmp_path / folder, trust=[owner.fingerprint]).exit_code == 5


def _comment(data: bytes) -> bytes:
    return data[:-2] + b"\x05\x00hello"


def _between(data: bytes) -> bytes:
    """Bytes hidden between the last file and the directory, with the offsets put right."""
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    tail = bytearray(data[end:])
    tail[16:20] = struct.pack("<L", struct.unpack("<L", tail[16:20])[0] + 6)
    return data[:at] + b"hidden" + data[at:end] + bytes(tail)


def _rezipped(data: bytes) -> bytes:
    folder, files = unpack(data)
    return _zip([(f"{folder}/{name}", content) for name, content in files.items()])


@pytest.mark.parametrize(
    "hide", [_comment, _between, _rezipped, lambda d: d + b"x", lambda d: b"#!/bin/sh\n" + d, lambda d: d[:-30]]
)
def test_nothing_hides_around_the_files(
    hide: Callable[[bytes], bytes], export: bytes, tmp_path: Path, owner: Key
) -> None:
    assert _checked(hide(export), tmp_path / "x.zip", owner).faults[0].where.startswith("container")


def test_other_files_are_no_exports(tmp_path: Path, owner: Key) -> None:
    for data in (b"", b"hello", b"PK\x03\x04", b"\x89PNG\r\n", _zip([]), pack_files({}), pack_files({"a/b": b""})):
        _checked(data, tmp_path / "x.zip", owner)


def test_two_records_in_one_export(export: bytes, tmp_path: Path, owner: Key) -> None:
    folder, files = unpack(export)
    both = {f"{name}/{path}": data for path, data in files.items() for name in (folder, "srch-ffffffff")}
    assert "one folder" in _checked(pack_files(both), tmp_path / "x.zip", owner).faults[0].what


def test_a_record_under_another_name(export: bytes, tmp_path: Path, owner: Key) -> None:
    _, files = unpack(export)
    path = repack("srch-ffffffff", resign(files, owner), tmp_path / "x.zip")
    report = check_path(path, trust=[owner.fingerprint])
    assert report.exit_code == 5
    assert any(fault.where == "v1/record.json: id" for fault in report.faults)


def test_links_in_a_folder_are_not_followed(tmp_path: Path, owner: Key) -> None:
    _, version = write_small(tmp_path / "records", owner)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "secrets").mkdir()
    for where, target in ((version / "link", "secret"), (version / "texts" / "link", "secrets")):
        where.symlink_to(tmp_path / target)
        report = check_path(version.parent, trust=[owner.fingerprint])
        assert report.exit_code == 5
        assert "not a regular file" in report.faults[0].what
        where.unlink()
    record = version / "record.json"
    moved = record.rename(tmp_path / "record.json")
    record.symlink_to(moved)
    assert check_path(version.parent, trust=[owner.fingerprint]).exit_code == 5


def test_nothing_there_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme.txt").write_text("hello")
    for path in ("none", "empty", "other", "none/deeper", "x\0y"):
        with pytest.raises(NotFound) as caught:
            check_path(tmp_path / path)
        assert caught.value.exit_code == 3
        assert caught.value.remedy
    with pytest.raises(NotFound):
        check_path("/dev/null")


def test_a_version_alone_is_checked_with_the_keys_beside_it_or_given(tmp_path: Path, owner: Key) -> None:
    _, version = write_small(tmp_path / "records", owner)
    beside = check_path(version, trust=[owner.fingerprint])
    assert (beside.exit_code, beside.kind, beside.record_id) == (0, "version", RECORD_ID)
    keys = (version.parent / "keys.json").rename(tmp_path / "keys.json")
    alone = check_path(version, trust=[owner.fingerprint])
    assert alone.exit_code == 5
    assert "no public key" in alone.faults[0].what
    assert check_path(version, trust=[keys]).exit_code == 0
    renamed = version.rename(version.with_name("copy"))
    assert check_path(renamed, trust=[keys]).exit_code == 5
