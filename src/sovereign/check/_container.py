"""Reading the files of a record from a folder or an exported container, trusting nothing about either."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from sovereign.records import NotFound
from sovereign.records.layout import CRATE_FILE, EVENTS, KEYS_FILE, MANIFEST_FILE, RECORD_FILE, SEAL_FILE, version_of

from . import _unpack
from ._case import Case
from ._trust import Trust

_FOLDER = re.compile(r"srch-[0-9a-f]{8}")


def read(path: Path, trust: Trust) -> Case:
    """The files at `path`: a record's folder, one version's folder, or an exported container.

    What is unsafe or malformed becomes a fault of the case; its files are then left unread.

    Raises:
        NotFound: nothing is there, it cannot be read, or it is a folder that holds no record.
    """
    remedy = "give a record's folder, a version's folder, or an exported file"
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _read_folder(path.resolve(), trust, remedy)
        if not stat.S_ISREG(mode):
            raise NotFound(f"{path} is neither a file nor a folder", remedy)
        case = Case("export", "", {}, trust, check="container")
        if path.stat().st_size > _unpack.MAX_TOTAL:
            case.fault("container", f"larger than {_unpack.MAX_TOTAL} bytes")
            return case
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is nothing at {path}", remedy) from error
    except (OSError, ValueError) as error:
        raise NotFound(f"{path} cannot be read: {error}", remedy) from error
    _read_container(data, case)
    return case


def _read_folder(path: Path, trust: Trust, remedy: str) -> Case:
    names = {entry.name for entry in path.iterdir()}
    if names & {RECORD_FILE, MANIFEST_FILE, SEAL_FILE}:
        case = Case("version", path.name, {}, trust, check="container")
        prefix = path.name if version_of(path.name) else "v1"
        if prefix != path.name:
            case.fault(path.name, "the folder of a version is called v1, v2, ...")
        _walk(path, f"{prefix}/", case)
        keys = path.parent / KEYS_FILE
        if keys.is_file() and keys.stat().st_size <= _unpack.MAX_FILE:
            case.files[KEYS_FILE] = keys.read_bytes()
        return case
    if not (names & {KEYS_FILE, EVENTS} or any(version_of(name) for name in names)):
        raise NotFound(f"{path} holds no record", remedy)
    case = Case("record", path.name, {}, trust, check="container")
    _walk(path, "", case)
    return case


def _walk(root: Path, prefix: str, case: Case) -> None:
    total = 0
    for folder, folders, files in os.walk(root, followlinks=False):
        folders.sort()
        here = Path(folder)
        for name in sorted([*files, *(entry for entry in folders if (here / entry).is_symlink())]):
            path = here / name
            where = prefix + path.relative_to(root).as_posix()
            info = path.lstat()
            total += info.st_size
            if not stat.S_ISREG(info.st_mode):
                case.fault(where, "not a regular file (a link or a device); links are not followed")
            elif info.st_size > _unpack.MAX_FILE:
                case.fault(where, f"larger than {_unpack.MAX_FILE} bytes")
            elif total > _unpack.MAX_TOTAL or len(case.files) >= _unpack.MAX_FILES:
                most = f"{_unpack.MAX_TOTAL} bytes or {_unpack.MAX_FILES} files"
                case.fault(where, f"more than {most} in all; the rest is unread")
                return
            else:
                case.files[where] = path.read_bytes()


def _read_container(data: bytes, case: Case) -> None:
    """The files of an export: one folder named after its record, and beside it what makes it an RO-Crate."""
    try:
        entries = _unpack.unpack(data, {CRATE_FILE})
    except _unpack.Unsafe as error:
        case.fault(error.where, error.what)
        return
    crate = entries.pop(CRATE_FILE, None)
    folders = {name.split("/")[0] for name in entries}
    if len(folders) != 1 or not _FOLDER.fullmatch(min(folders, default="")):
        case.fault("container", "it must hold one folder named after its record (srch- and eight hexadecimal digits)")
        return
    case.name = folders.pop()
    case.files = {name.removeprefix(f"{case.name}/"): content for name, content in entries.items()}
    if CRATE_FILE in case.files:
        case.fault(f"{case.name}/{CRATE_FILE}", "lies beside the record's folder, not in it")
    elif crate is not None:
        case.files[CRATE_FILE] = crate
