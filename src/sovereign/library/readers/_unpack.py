"""Archives, unpacked in memory under caps. Nothing is written, no link is followed, no member leaves the archive."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO

from ._paper import Unreadable

_MAX_UNPACKED, _MAX_KEPT, _MAX_MEMBERS = 1_000_000_000, 160_000_000, 10_000
_MAX_MEMBER = 40_000_000
_RATIO, _RATIO_FROM = 200, 20_000_000
_WANTED = frozenset(
    ".tex .ltx .latex .bbl .sty .cls .def .xml .nxml .html .htm .xhtml .txt .text .pdf".split()
)  # figures and fonts stay packed
_NESTED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


class Unpacked:
    """Members that may hold text, by their path in the archive, and what was left out with the reason."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.left_out: list[str] = []
        self._kept = 0

    def wants(self, name: str, size: int) -> str | None:
        """The clean path of a member that we read, or None; notes what is refused."""
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
            self.refuse(f"the member {name[:80]!r} leads out of the archive")
            return None
        if not path.parts or any(part.startswith(("._", "__MACOSX")) for part in path.parts):
            return None
        suffix = path.suffix.lower()
        if suffix in _NESTED:
            self.refuse(f"the archive {name[:80]!r} inside it was not opened: unpack it and add it by itself")
            return None
        if suffix not in _WANTED and not (suffix == "" and size < 5_000_000):
            return None
        if size > _MAX_MEMBER:
            self.refuse(f"the member {name[:80]!r} is over {_MAX_MEMBER // 1_000_000} MB")
            return None
        return str(path)

    def refuse(self, reason: str) -> None:
        """Note something that was left out; beyond twenty, only that there is more."""
        if len(self.left_out) < 20:
            self.left_out.append(reason)
        elif len(self.left_out) == 20:
            self.left_out.append("and more members like these")

    def keep(self, name: str, data: bytes) -> None:
        """Keep a member."""
        self._kept += len(data)
        if self._kept > _MAX_KEPT:
            raise Unreadable(
                f"holds over {_MAX_KEPT // 1_000_000} MB of text and PDF", "unpack it and add the paper by itself"
            )
        self.files[name] = data


def unpack(data: bytes, name: str) -> Unpacked:
    """The members of a tar, a gzipped tar, a zip, or the one file of a plain gzip.

    Raises:
        Unreadable: it is damaged, encrypted, or unpacks to more than the caps allow (a bomb).
    """
    try:
        if data.startswith(b"PK"):
            return _zip(data)
        if data.startswith(b"\x1f\x8b"):
            return _gzip(data, name)
        return _tar(io.BytesIO(data))
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise Unreadable(f"is a damaged or truncated archive ({error})", "fetch it again") from error
    except (NotImplementedError, ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"is an archive that we cannot unpack ({error})", "unpack it and add what is in it") from error


def _zip(data: bytes) -> Unpacked:
    found = Unpacked()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > _MAX_MEMBERS:
            raise _bomb(f"has {len(members):,} members")
        total = 0
        for info in members:
            if info.is_dir():
                continue
            if (info.external_attr >> 16) & 0o170000 == 0o120000:
                found.refuse(f"the link {info.filename[:80]!r} was not followed")
                continue
            path = found.wants(info.filename, info.file_size)
            if path is None:
                continue
            if info.flag_bits & 1:
                raise Unreadable("is an encrypted archive", "unpack it with its password and add what is in it")
            with archive.open(info) as member:
                content = member.read(_MAX_MEMBER + 1)
            total += len(content)
            # The size that the member claims need not be true: what came out counts.
            if len(content) > _MAX_MEMBER or total > _MAX_KEPT or _swells(total, len(data)):
                raise _bomb(f"unpacks to over {total / 1e6:,.0f} MB")
            found.keep(path, content)
    return found


class _Bounded(io.RawIOBase):
    """A gzip stream that stops at the caps."""

    def __init__(self, data: bytes) -> None:
        self._size = len(data)
        self._stream = gzip.GzipFile(fileobj=io.BytesIO(data))
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._stream.read(len(buffer))
        self._out += len(chunk)
        if self._out > _MAX_UNPACKED or _swells(self._out, self._size):
            raise _bomb(f"unpacks to over {self._out / 1e6:,.0f} MB from {self._size / 1e6:,.2f}")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _gzip(data: bytes, name: str) -> Unpacked:
    stream = io.BufferedReader(_Bounded(data), 1 << 16)
    head = stream.peek(1 << 15)[: 1 << 15]
    if _is_tar(head):
        return _tar(stream)
    content = stream.read(_MAX_KEPT + 1)
    if len(content) > _MAX_KEPT:
        raise _bomb(f"unpacks to over {_MAX_KEPT // 1_000_000} MB")
    found = Unpacked()
    if content.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise Unreadable("is an archive in an archive", "unpack it and add what is in it")
    found.keep(name.removesuffix(".gz").removesuffix(".GZ") or "main", content)
    return found


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return True
    try:  # the tars of the first years have no magic, but a checksum
        return len(head) >= 512 and bool(tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape").name)
    except tarfile.HeaderError:
        return False


def _tar(stream: IO[bytes]) -> Unpacked:
    found = Unpacked()
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as archive:
        for number, member in enumerate(archive, 1):
            if number > _MAX_MEMBERS:
                raise _bomb(f"has over {_MAX_MEMBERS:,} members")
            if member.isdir():
                continue
            if not member.isreg():
                what = "link" if member.issym() or member.islnk() else "device"
                found.refuse(f"the {what} {member.name[:80]!r} was not followed")
                continue
            if (path := found.wants(member.name, member.size)) is not None:
                content = archive.extractfile(member)
                if content is not None:
                    found.keep(path, content.read(_MAX_MEMBER))
    return found


def _swells(out: int, packed: int) -> bool:
    return out > _RATIO_FROM and out > _RATIO * max(packed, 1)


def _bomb(what: str) -> Unreadable:
    return Unreadable(f"{what} (an archive bomb?): reading stopped", "unpack it yourself if you trust it")
