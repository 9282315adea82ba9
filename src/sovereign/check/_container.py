"""Reading the files of a record from a folder or an exported container, trusting nothing about either."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from pathlib import Path

from sovereign.records import NotFound
from sovereign.records.layout import EVENTS, KEYS_FILE, MANIFEST_FILE, RECORD_FILE, SEAL_FILE, version_of
from sovereign.seal import SealError, pack_files

from ._case import Case
from ._trust import Trust

MAX_FILE = 64 * 2**20
MAX_TOTAL = 256 * 2**20
MAX_FILES = 20_000

_FOLDER = re.compile(r"srch-[0-9a-f]{8}")
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


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
        if path.stat().st_size > MAX_TOTAL:
            case.fault("container", f"larger than {MAX_TOTAL} bytes")
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
        if keys.is_file() and keys.stat().st_size <= MAX_FILE:
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
            elif info.st_size > MAX_FILE:
                case.fault(where, f"larger than {MAX_FILE} bytes")
            elif total > MAX_TOTAL or len(case.files) >= MAX_FILES:
                case.fault(where, f"more than {MAX_TOTAL} bytes or {MAX_FILES} files in all; the rest is unread")
                return
            else:
                case.files[where] = path.read_bytes()


def _read_container(data: bytes, case: Case) -> None:
    """Unpack an export in memory, then make the container again from its content: every byte must be the same."""
    entries: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_FILES:
                case.fault("container", f"more than {MAX_FILES} files")
                return
            total = 0
            for info in infos:
                total += info.file_size
                fault = _entry_fault(info, total, entries)
                if fault:
                    case.fault(f"container: {_printable(info.filename)}", fault)
                    return
                entries[info.filename] = _content(archive, info, case)
    except Exception as error:  # whatever a hostile archive makes the reader raise is a fault of the archive
        case.fault("container", f"not a container that can be read: {type(error).__name__}: {error}")
        return
    if case.faults:
        return
    try:
        again = pack_files(entries)
    except SealError as error:
        case.fault("container", error.message)
        return
    if again != data:
        case.fault("container", _difference(data, again, infos))
        return
    folders = {name.split("/")[0] for name in entries}
    if len(folders) != 1 or not _FOLDER.fullmatch(min(folders, default="")):
        case.fault("container", "it must hold one folder named after its record (srch- and eight hexadecimal digits)")
        return
    case.name = folders.pop()
    case.files = {name.removeprefix(f"{case.name}/"): content for name, content in entries.items()}


def _entry_fault(info: zipfile.ZipInfo, total: int, seen: dict[str, bytes]) -> str | None:
    """Why an entry is not read, before any of it is."""
    parts = info.filename.split("/")
    if info.filename in seen:
        return "the name is there twice"
    if len(info.filename) > 240 or len(parts) < 2 or not all(_PART.fullmatch(part) for part in parts):
        return "not a name that an export has: parts of letters, digits, `.`, `_` and `-`, within one folder"
    if stat.S_IFMT(info.external_attr >> 16) != stat.S_IFREG:
        return "not a regular file (a link, a folder or a device)"
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        return "compressed; an export holds files as they are"
    if info.flag_bits:
        return "encrypted or written in another way than an export is"
    if info.file_size > MAX_FILE or total > MAX_TOTAL:
        return f"larger than {MAX_FILE} bytes, or {MAX_TOTAL} with the files before it"
    return None


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, case: Case) -> bytes:
    try:
        with archive.open(info) as file:
            return file.read(MAX_FILE + 1)
    except zipfile.BadZipFile as error:
        case.fault(f"container: {_printable(info.filename)}", f"damaged: {error}")
        return b""


def _difference(data: bytes, again: bytes, infos: list[zipfile.ZipInfo]) -> str:
    at = next((i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b), min(len(data), len(again)))
    inside = max((i for i in infos if i.header_offset <= at), key=lambda i: i.header_offset, default=None)
    near = f", at or after {_printable(inside.filename)}" if inside is not None else ""
    return f"not in the one form that its content gives: the first difference is at byte {at}{near}"


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:240])
