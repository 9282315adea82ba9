"""Any changed byte of an export, and any changed file of a folder, is a fault that names the place."""

from __future__ import annotations

import random
import re
from pathlib import Path

from tests.support.forge import unpack
from tests.support.records import write_small

from sovereign.check import check_path
from sovereign.seal import Key

_FILES = r"(v1|events|keys\.json|export\.json|ro-crate-metadata\.json)\b.*"
_PLACE = re.compile(rf"container(: .+)?$|(srch-0a1b2c3d/)?{_FILES}")


def test_flip_each_of_500_sampled_bytes_of_an_export(export: bytes, owner: Key, tmp_path: Path) -> None:
    draw = random.Random(500)
    path = tmp_path / "flipped.zip"
    path.write_bytes(export)
    assert check_path(path, trust=[owner.fingerprint]).exit_code == 0
    for position in draw.sample(range(len(export)), 500):
        flipped = bytearray(export)
        flipped[position] ^= draw.randrange(1, 256)
        path.write_bytes(flipped)
        report = check_path(path, trust=[owner.fingerprint])
        assert report.exit_code == 5, f"byte {position}"
        assert all(_PLACE.match(fault.where) for fault in report.faults), report.faults


def test_cut_and_lengthened_exports_are_faults(export: bytes, owner: Key, tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    for data in (b"", export[:1], export[: len(export) // 2], export[:-1], export + b"\0", b"\0" + export, export * 2):
        path.write_bytes(data)
        assert check_path(path, trust=[owner.fingerprint]).exit_code == 5


def test_flipped_bytes_inside_the_files_name_the_file(export: bytes, owner: Key, tmp_path: Path) -> None:
    """The files of a folder have no container around them: the fault names the very file."""
    draw = random.Random(3)
    name, files = unpack(export)
    del files["ro-crate-metadata.json"]  # lies beside the folder
    folder = tmp_path / name
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    assert check_path(folder, trust=[owner.fingerprint]).exit_code == 0
    for path, data in files.items():
        for position in draw.sample(range(len(data)), min(12, len(data))):
            flipped = bytearray(data)
            flipped[position] ^= draw.randrange(1, 256)
            (folder / path).write_bytes(flipped)
            report = check_path(folder, trust=[owner.fingerprint])
            assert report.exit_code == 5, f"{path} byte {position}"
            assert any(fault.where.startswith(path) for fault in report.faults), (path, position, report.faults)
        (folder / path).write_bytes(data)
    assert check_path(folder, trust=[owner.fingerprint]).exit_code == 0


def test_every_missing_file_and_every_added_file_is_named(owner: Key, tmp_path: Path) -> None:
    archive, version = write_small(tmp_path, owner)
    folder = version.parent
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        path.unlink()
        report = check_path(folder, trust=[owner.fingerprint])
        where = path.relative_to(folder).as_posix()
        assert report.exit_code == 5
        expected = "events" if where.startswith("events/") else where
        assert any(fault.where.startswith(expected) for fault in report.faults), (where, report.faults)
        path.write_bytes(data)
    for where in ("stray.txt", "v1/stray.txt", "v1/texts/" + "0" * 64 + ".txt", "events/stray", "v1/reproductions/x"):
        (folder / where).write_bytes(b"stray")
        report = check_path(folder, trust=[owner.fingerprint])
        assert report.exit_code == 5
        assert any(fault.where == where for fault in report.faults), (where, report.faults)
        (folder / where).unlink()
    assert check_path(folder, trust=[owner.fingerprint]).exit_code == 0
    assert archive.list()
