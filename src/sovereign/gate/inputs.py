"""What a pack reads: files and folders that its owner hands in by name, taken only if they are what the pack says.

A small input is read here, and the bytes whose digest was compared are the bytes that go into the sandbox. A folder too
large for that is shown there as it is, read-only, and its digest is taken again after the run.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sovereign.records import BadInput, NotFound, PackInput, PackSpec, StorageError

#: Under this size and number an input is handed in as bytes.
BYTES_HANDED_IN, FILES_HANDED_IN = 64 << 20, 64
_MOST_FILES = 100_000
_BLOCK = 1 << 20


@dataclass(frozen=True)
class GivenInput:
    """An input that is what the pack says: `files` (path in it -> bytes; "" for a single file), or a folder to show."""

    stated: PackInput
    files: Mapping[str, bytes] = field(default_factory=dict)
    folder: Path | None = None

    def unchanged(self) -> bool:
        """Whether a folder that was shown is still what it was; bytes always are."""
        return self.folder is None or listing_digest(self.folder, self.stated.members) == self.stated.sha256


def missing_inputs(spec: PackSpec, given: Mapping[str, str | Path]) -> tuple[PackInput, ...]:
    """The inputs that a pack needs from its owner and that were not named."""
    return tuple(one for one in spec.inputs if one.file is None and one.name not in given)


def take_inputs(spec: PackSpec, given: Mapping[str, str | Path]) -> tuple[GivenInput, ...]:
    """The inputs of a pack that its owner hands in, each compared with its digest.

    Raises:
        BadInput: one is missing, is not of the kind that the pack says, or has another digest.
        NotFound: a path does not exist.
        StorageError: it cannot be read.
    """
    absent = missing_inputs(spec, given)
    if absent:
        told = "; ".join(f"{one.name}{f' ({one.description})' if one.description else ''}" for one in absent)
        how = " ".join(f"--input {one.name}=PATH" for one in absent)
        fetch = "".join(f"; {one.fetch}" for one in absent if one.fetch)
        raise BadInput(f"the pack {spec.name} needs an input of yours: {told}", f"hand it in with {how}{fetch}")
    return tuple(_take(spec, one, Path(given[one.name])) for one in spec.inputs if one.file is None)


def listing_digest(folder: Path, members: tuple[str, ...] = ()) -> str:
    """SHA-256 of a folder's listing: `<sha256>  <path>` and a line feed per file, in the order of paths.

    Raises:
        NotFound: a member is missing.
        BadInput: it holds a link, a device, or more files than we look at.
    """
    listing = hashlib.sha256()
    for path in members_of(folder, members):
        listing.update(f"{_digest(folder / path)}  {path}\n".encode("utf-8", "surrogateescape"))
    return listing.hexdigest()


def members_of(folder: Path, members: tuple[str, ...] = ()) -> list[str]:
    """The paths of the files of a folder that count, sorted; see `listing_digest` for what it raises."""
    if members:
        for path in members:
            _regular(folder / path)
        return sorted(members)
    found: list[str] = []
    for path in _walk(folder):
        _regular(folder / path)
        found.append(path)
        if len(found) > _MOST_FILES:
            raise BadInput(f"{folder} holds more than {_MOST_FILES} files", "hand in a smaller folder")
    return sorted(found)


def _walk(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder, onerror=_raise):
        for name in folders:
            if (Path(root) / name).is_symlink():
                raise BadInput(f"{Path(root) / name} is a link", "put the folder itself there")
        for name in files:
            yield (Path(root) / name).relative_to(folder).as_posix()


def _raise(error: OSError) -> None:
    raise StorageError(f"{error.filename} cannot be read: {error.strerror}", "make it readable") from error


def _take(spec: PackSpec, stated: PackInput, path: Path) -> GivenInput:
    if not path.exists():
        raise NotFound(f"the input {stated.name} is not at {path}", stated.fetch or "name the file or folder")
    if path.is_dir() != stated.folder:
        due = "a folder" if stated.folder else "a file"
        raise BadInput(f"the input {stated.name} is to be {due}; {path} is not", stated.fetch or "name the other")
    if not stated.folder:
        content = _bytes(path)
        _compare(spec, stated, path, hashlib.sha256(content).hexdigest())
        return GivenInput(stated, {"": content})
    paths = members_of(path, stated.members)
    small = len(paths) <= FILES_HANDED_IN and sum((path / one).stat().st_size for one in paths) <= BYTES_HANDED_IN
    if not small:
        if stated.members:
            raise BadInput(
                f"the files of the input {stated.name} are too large to be handed in one by one",
                "state the whole folder as the input, which is then shown read-only",
            )
        _compare(spec, stated, path, listing_digest(path))
        return GivenInput(stated, folder=path.resolve())
    files = {one: _bytes(path / one) for one in paths}
    lines = "".join(f"{hashlib.sha256(content).hexdigest()}  {one}\n" for one, content in sorted(files.items()))
    _compare(spec, stated, path, hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest())
    return GivenInput(stated, files)


def _compare(spec: PackSpec, stated: PackInput, path: Path, found: str) -> None:
    if found != stated.sha256:
        raise BadInput(
            f"the input {stated.name} of {spec.name} at {path} has the digest {found}, the pack was made for "
            f"{stated.sha256}",
            stated.fetch or "hand in the data that the pack names; for other data make another pack",
        )


def _regular(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise NotFound(f"{path} is missing from the input", "hand in the whole of it") from error
    if not stat.S_ISREG(mode):
        raise BadInput(f"{path} is no regular file", "an input holds regular files, no links")


def _bytes(path: Path) -> bytes:
    _regular(path.resolve())
    try:
        if path.stat().st_size > BYTES_HANDED_IN:
            raise BadInput(f"{path} is larger than {BYTES_HANDED_IN} bytes", "put it in a folder and hand that in")
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", "make it readable") from error


def _digest(path: Path) -> str:
    told = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                told.update(block)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", "make it readable") from error
    return told.hexdigest()
