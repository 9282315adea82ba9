"""Unpacking a container in memory, trusting nothing about it: no name, size, count or kind of entry."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
from collections.abc import Set

from sovereign.seal import SealError, pack_files

MAX_FILE = 64 * 2**20
MAX_TOTAL = 256 * 2**20
MAX_FILES = 20_000

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_LONGEST_NAME = 240
_END, _END_SIZE = b"PK\x05\x06", 22
_LOCATOR_64, _LOCATOR_64_SIZE = b"PK\x06\x07", 20
_DIRECTORY_ENTRY = 46 + _LONGEST_NAME


class Unsafe(Exception):
    """A container that is not unpacked: where, and why."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what = where, what


def unpack(data: bytes, loose: Set[str] = frozenset()) -> dict[str, bytes]:
    """The entries of a container (name -> content), after making it again from them: every byte must be the same.

    Args:
        loose: names that may lie outside a folder.

    Raises:
        Unsafe: a name given twice or leading elsewhere, a link, something compressed, encrypted or too large, too many
            entries, bytes before, between or behind the entries, or no container at all.
    """
    if len(data) > MAX_TOTAL:
        raise Unsafe("container", f"larger than {MAX_TOTAL} bytes")
    _check_end(data)
    entries: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            total = 0
            for info in infos:
                total += info.file_size
                fault = _entry_fault(info, total, entries, loose)
                if fault:
                    raise Unsafe(f"container: {_printable(info.filename)}", fault)
                entries[info.filename] = _content(archive, info)
    except Unsafe:
        raise
    except Exception as error:  # whatever a hostile archive makes the reader raise is a fault of the archive
        what = f"not a container that can be read: {type(error).__name__}: {error}"
        raise Unsafe("container", what) from error
    try:
        again = pack_files(entries)
    except SealError as error:
        raise Unsafe("container", error.message) from error
    if again != data:
        raise Unsafe("container", _difference(data, again, infos))
    return entries


def _check_end(data: bytes) -> None:
    """Look at the end of the directory before the reader does: it would make an object of each entry that it names."""
    end = data[-_END_SIZE:]
    if len(end) < _END_SIZE or not end.startswith(_END):
        raise Unsafe("container", "not a container: it must end with the end of a ZIP directory, and nothing behind it")
    if data[-_END_SIZE - _LOCATOR_64_SIZE :].startswith(_LOCATOR_64):
        raise Unsafe("container", "written in the 64-bit form of ZIP, which no export is")
    count, size = struct.unpack("<HL", end[10:16])
    if count > MAX_FILES or size > MAX_FILES * _DIRECTORY_ENTRY:
        raise Unsafe("container", f"more than {MAX_FILES} files")


def _entry_fault(info: zipfile.ZipInfo, total: int, seen: dict[str, bytes], loose: Set[str]) -> str | None:
    """Why an entry is not read, before any of it is."""
    parts = info.filename.split("/")
    if info.filename in seen:
        return "the name is there twice"
    named = len(info.filename) <= _LONGEST_NAME and all(_PART.fullmatch(part) for part in parts)
    if not named or (len(parts) < 2 and info.filename not in loose):
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


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            return file.read(MAX_FILE + 1)
    except zipfile.BadZipFile as error:
        raise Unsafe(f"container: {_printable(info.filename)}", f"damaged: {error}") from error


def _difference(data: bytes, again: bytes, infos: list[zipfile.ZipInfo]) -> str:
    at = next((i for i, (a, b) in enumerate(zip(data, again, strict=False)) if a != b), min(len(data), len(again)))
    inside = max((i for i in infos if i.header_offset <= at), key=lambda i: i.header_offset, default=None)
    near = f", at or after {_printable(inside.filename)}" if inside is not None else ""
    return f"not in the one form that its content gives: the first difference is at byte {at}{near}"


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name[:240])
