"""The container of an exported record: a ZIP archive that has exactly one form for one content.

Entries are stored, not compressed, in the order of their names, with one fixed date and mode and no extra fields. A
reader makes the container again from what it read and compares the bytes; nothing can hide between entries. We write
the structures ourselves (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12, 4.3.16): what a library writes may change.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from .errors import SealError

_VERSION = 20
_DATE = 0 << 9 | 1 << 5 | 1  # 1 January 1980, the earliest that the format can say
_UNIX = 3
_REGULAR_0644 = 0o100644 << 16
_LIMIT = 2**32 - 1
_MOST_ENTRIES = 2**16 - 2


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """The container of `files` (path -> content); paths are ASCII with `/` between folders.

    Raises:
        SealError: a path that is not ASCII, too many files, or more than 4 GiB.
    """
    if len(files) > _MOST_ENTRIES or sum(map(len, files.values())) > _LIMIT - len(files) * 1000:
        raise SealError("the record is too large for one container", "export fewer versions")
    body: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for path in sorted(files):
        try:
            name = path.encode("ascii")
        except UnicodeEncodeError as error:
            raise SealError(f"the path {path!r} is not ASCII") from error
        data = files[path]
        fields = _fields(name, data)
        local = struct.pack("<4s5H3L2H", b"PK\x03\x04", _VERSION, *fields)
        made_by, tail = _UNIX << 8 | _VERSION, (0, 0, 0, _REGULAR_0644, offset)
        directory.append(struct.pack("<4s6H3L5H2L", b"PK\x01\x02", made_by, _VERSION, *fields, *tail) + name)
        body += [local, name, data]
        offset += len(local) + len(name) + len(data)
    central = b"".join(directory)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(files), len(files), len(central), offset, 0)
    return b"".join([*body, central, end])


def _fields(name: bytes, data: bytes) -> tuple[int, ...]:
    """What both headers of an entry say: flags, method, time, date, CRC-32, two sizes, length of name and extra."""
    return 0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(name), 0
