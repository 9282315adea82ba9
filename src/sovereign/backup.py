"""A workspace in one file, and back. It may be in use meanwhile: each part is taken whole, as of one moment.

What can be made again is left out: the search index, pages, kept answers of services. Private keys are left out unless
they are asked for; whoever has them can sign in the owner's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from sovereign.records import BadInput, Document, NotFound, StorageError
from sovereign.workspace import Workspace

MANIFEST = "backup.json"
SCHEMA = "sovereign-backup-v1"
_DATABASES = ("library/library.sqlite", "journal.sqlite", "agenda.sqlite")
_SETTINGS = ("policy.toml", "services.toml", "language.toml")
_DATE = (1980, 1, 1, 0, 0, 0)
#: A restored file is at most this often larger than it is in the zip, and all of them together this large.
_MOST_RATIO, _MOST_BYTES = 1000, 1 << 40
_CHUNK = 1 << 20


class Backup(Document):
    """What a backup holds."""

    file: str
    files: int
    bytes: int
    records: int
    with_keys: bool


def back_up(
    workspace: Workspace,
    output: Path,
    *,
    with_keys: bool = False,
    force: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Backup:
    """Write a workspace into a zip: library, journal, agenda, records, settings, packs, public keys.

    Raises:
        BadInput: the file is there already, or would lie inside what is backed up.
        StorageError: the disk is full; no half of a file is left.
    """
    root = workspace.path
    if output.exists() and not force:
        raise BadInput(f"{output} exists", "choose another name, or add --force")
    if output.absolute().is_relative_to(root):
        raise BadInput(f"{output} lies inside the workspace", "choose a place outside of it")
    held: dict[str, str] = {}
    with _storing(output), tempfile.TemporaryDirectory(prefix=".sovereign-backup-", dir=output.parent) as scratch:
        draft = Path(scratch) / "backup.zip"
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for name in _DATABASES:
                if (root / name).is_file():
                    progress(f"copying {name}")
                    copy = Path(scratch) / "copy.sqlite"
                    _copy_database(root / name, copy)
                    _add(archive, name, copy, held)
                    copy.unlink()
            progress("copying records")
            for path in [*_record_files(workspace), *_plain_files(root, with_keys)]:
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile: it was not there
                    _add(archive, path.relative_to(root).as_posix(), path, held)
            manifest = {"schema": SCHEMA, "with_keys": with_keys, "files": held}
            entry = zipfile.ZipInfo(MANIFEST, _DATE)
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, json.dumps(manifest, indent=1, sort_keys=True))
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.chmod(0o600)
        draft.replace(output)
    records = len({PurePosixPath(name).parts[1] for name in held if name.startswith("records/")})
    return Backup(
        file=str(output), files=len(held), bytes=output.stat().st_size, records=records, with_keys=with_keys
    )


def restore(source: Path, target: Path, *, progress: Callable[[str], None] = lambda _: None) -> Backup:
    """Make a workspace from a backup, in a new or empty folder, after every digest in it was found to hold.

    A backup without keys gives a workspace without the owner's: put the old one back, or let `sovereign init` make one.

    Raises:
        NotFound: there is no such file.
        BadInput: it is no backup, is damaged or unsafe to unpack, or the folder is not empty. Nothing was written then.
        StorageError: the disk does not take it; nothing is left of it.
    """
    if not source.is_file():
        raise NotFound(f"there is no backup at {source}", "name a file that `sovereign backup` wrote")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{target} is not empty", "choose a new folder")
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    with _storing(target), tempfile.TemporaryDirectory(prefix=".restoring-", dir=target.absolute().parent) as scratch:
        draft = Path(scratch) / "workspace"
        draft.mkdir(mode=0o755)
        held, with_keys = _unpack(source, draft, progress)
        for folder in ("library", "records", "site"):
            (draft / folder).mkdir(exist_ok=True)
        (draft / "keys").mkdir(mode=0o700, exist_ok=True)
        (draft / "keys").chmod(0o700)
        if target.exists():
            target.rmdir()
        shutil.move(draft, target)
    records = len({PurePosixPath(name).parts[1] for name in held if name.startswith("records/")})
    return Backup(
        file=str(source), files=len(held), bytes=source.stat().st_size, records=records, with_keys=with_keys
    )


def _copy_database(source: Path, copy: Path) -> None:
    """A database as of one moment, whoever writes to it meanwhile."""
    try:
        with contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as read:
            with contextlib.closing(sqlite3.connect(copy)) as write:
                read.backup(write)
                write.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StorageError(f"{source} cannot be copied: {error}", "see `sovereign doctor`") from error


def _record_files(workspace: Workspace) -> Iterator[Path]:
    """The files of all records, events first: a version is there once its event is, so none is taken without."""
    for folder in sorted(workspace.records_path.glob("srch-*")):
        events = sorted((folder / "events").glob("*.json"))
        yield from events
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent != folder / "events")


def _plain_files(root: Path, with_keys: bool) -> Iterator[Path]:
    yield from (root / name for name in _SETTINGS if (root / name).is_file())
    for name in ("packs", "keys", "hand"):
        for path in sorted((root / name).rglob("*")):
            if name == "hand" and any(part.startswith(".") for part in path.relative_to(root).parts):
                continue  # a lock, or what a writer has not finished
            if path.is_file() and not path.is_symlink() and (name != "keys" or with_keys or not _is_private(path)):
                yield path


def _is_private(path: Path) -> bool:
    with path.open("rb") as file:
        return b"PRIVATE KEY" in file.read(4096)


def _add(archive: zipfile.ZipFile, name: str, path: Path, held: dict[str, str]) -> None:
    told = hashlib.sha256()
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (path.stat().st_mode & 0o777) << 16
    with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as out:
        while chunk := file.read(_CHUNK):
            told.update(chunk)
            out.write(chunk)
    held[name] = told.hexdigest()


def _unpack(source: Path, draft: Path, progress: Callable[[str], None]) -> tuple[dict[str, str], bool]:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if len(entries) != len(archive.infolist()):
                raise BadInput(f"{source} holds two files of one name", _UNSAFE)
            manifest = json.loads(archive.read(MANIFEST)) if MANIFEST in entries else None
            if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
                raise BadInput(f"{source} is no backup of a workspace", "name a file that `sovereign backup` wrote")
            held = {str(name): str(digest) for name, digest in dict(manifest.get("files", {})).items()}
            if set(entries) != {*held, MANIFEST}:
                raise BadInput(f"{source} does not hold just what it says", _UNSAFE)
            progress(f"unpacking {len(held)} files")
            for name, digest in held.items():
                _unpack_one(archive, entries[name], draft, digest, source)
            return held, bool(manifest.get("with_keys"))
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError) as error:
        raise BadInput(f"{source} is no whole backup: {error}", "use another copy of it") from error


_UNSAFE = "use a file that `sovereign backup` wrote and nobody changed"


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, draft: Path, digest: str, source: Path) -> None:
    name = PurePosixPath(entry.filename)
    mode = entry.external_attr >> 16
    plain = not name.is_absolute() and ".." not in name.parts and not {"\\", "\0"} & set(entry.filename)
    if not plain or entry.is_dir() or stat.S_ISLNK(mode) or name.parts[0] not in _TOP:
        raise BadInput(f"{source} holds {entry.filename[:100]!r}, which no backup has", _UNSAFE)
    large = entry.file_size > _MOST_BYTES or entry.file_size > _MOST_RATIO * max(entry.compress_size, 1) + _CHUNK
    if large:
        raise BadInput(f"{source}: {entry.filename[:100]!r} is too large to be what it says", _UNSAFE)
    path = draft / name
    path.parent.mkdir(parents=True, exist_ok=True)
    told, written = hashlib.sha256(), 0
    with archive.open(entry) as file, path.open("xb") as out:
        while chunk := file.read(_CHUNK):
            written += len(chunk)
            if written > entry.file_size:
                raise BadInput(f"{source}: {entry.filename[:100]!r} is larger than it says", _UNSAFE)
            told.update(chunk)
            out.write(chunk)
    if told.hexdigest() != digest:
        raise BadInput(f"{source}: {entry.filename[:100]!r} is damaged: its digest differs", "use another copy of it")
    path.chmod(0o600 if name.parts[0] == "keys" else 0o644)


_TOP = {"library", "records", "packs", "keys", "hand", *(name for name in (*_DATABASES, *_SETTINGS) if "/" not in name)}


@contextlib.contextmanager
def _storing(what: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{what} cannot be written: {error.strerror or error}", "free some space, or choose another place"
        ) from error
