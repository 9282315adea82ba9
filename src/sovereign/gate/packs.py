"""Packs: reading one from its folder, and the packs that are installed or were added to a workspace."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from sovereign.judge.outcomes import pack_digest
from sovereign.records import BadInput, NotFound, PackSpec

PACK_FILE = "pack.toml"
ENTRY_POINTS = "sovereign.packs"
_MOST_BYTES = 1 << 20
_MOST_BYTES_TOGETHER = 4 << 20


@dataclass(frozen=True)
class Pack:
    """A pack as it was read: what it states, its files (path in the pack -> bytes), and the digest over both.

    What runs in the sandbox are these bytes, so a file changed after the reading changes nothing. `place` says where
    the pack is from: `installed`, `workspace`, or the folder that was named; it is no part of the digest.
    """

    spec: PackSpec
    files: dict[str, bytes]
    digest: str
    place: str = ""


def load_pack(folder: str | Path, place: str = "") -> Pack:
    """Read a pack: `pack.toml`, the script and the further files that it names, all regular files of the folder.

    Files that `pack.toml` does not name are no part of the pack and are not read.

    Raises:
        NotFound: there is no such folder, no `pack.toml` in it, or a file that it names is missing.
        BadInput: `pack.toml` is not TOML or breaks its schema; a file is a link, a device, no UTF-8 text or too large,
            or is not what `pack.toml` says of it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotFound(f"there is no pack at {folder}", "name a folder that holds a pack.toml")
    stated = _read(folder, PACK_FILE)
    spec = _spec(folder, stated)
    held = {PACK_FILE: stated, **{path: _read(folder, path) for path in spec.paths}}
    for name, content in held.items():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{folder / name} is not UTF-8 text: {error}", "save it as UTF-8") from error
    if sum(map(len, held.values())) > _MOST_BYTES_TOGETHER:
        raise BadInput(f"{folder} holds more than {_MOST_BYTES_TOGETHER} bytes", "hand data in as an input")
    pack = Pack(spec, held, pack_digest(held), place or str(folder))
    _check_own_inputs(folder, pack)
    return pack


def available_packs(added: str | Path | None = None) -> dict[str, Pack]:
    """The packs that come with the kernel, those of the entry point group `sovereign.packs`, and added ones, by name.

    An entry point's name is the pack's, its value a package that holds the pack in a folder of that name.

    Args:
        added: a folder of packs of one's own (a workspace's `packs/`); each lies in a folder of its name.

    Raises:
        BadInput: a pack cannot be read, or two different packs have one name.
    """
    found: dict[str, Pack] = {}
    for label, place in _places():
        with as_file(place) as folder:
            _take(found, label, load_pack(folder, "installed"))
    if added is not None and Path(added).is_dir():
        for folder in sorted(Path(added).iterdir()):
            if not folder.name.startswith("."):  # one that is being written
                _take(found, folder.name, load_pack(folder, "workspace"))
    return dict(sorted(found.items()))


def _take(found: dict[str, Pack], label: str, pack: Pack) -> None:
    if pack.spec.name != label:
        raise BadInput(f"the {pack.place} pack {label} calls itself {pack.spec.name}", "give both the same name")
    if label in found and found[label].digest != pack.digest:
        raise BadInput(f"two different packs are called {label}", "remove one, or give it another name")
    found.setdefault(label, pack)


def _places() -> Iterator[tuple[str, Traversable]]:
    own = files("sovereign.packs")
    for entry in own.iterdir():
        if entry.is_dir() and entry.joinpath(PACK_FILE).is_file():
            yield entry.name, entry
    for point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            place = files(point.module).joinpath(point.name)
        except ImportError as error:
            remedy = f"reinstall {point.dist.name if point.dist else point.value}"
            raise BadInput(f"the pack {point.name} of {point.value} cannot be found: {error}", remedy) from error
        yield point.name, place


def _spec(folder: Path, stated: bytes) -> PackSpec:
    where = folder / PACK_FILE
    try:
        return PackSpec.model_validate(tomllib.loads(stated.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{where} is not TOML: {error}", "correct the line that it names") from error
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = f"{'.'.join(map(str, problems[0]['loc'])) or 'the pack'}: {problems[0]['msg']}"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadInput(f"{where}: {first}{more}", "see an installed pack.toml for the fields") from error


def _check_own_inputs(folder: Path, pack: Pack) -> None:
    """An input that is a file of the pack is what its digest says."""
    for given in pack.spec.inputs:
        if given.file is not None and sha256(pack.files[given.file]).hexdigest() != given.sha256:
            raise BadInput(
                f"{folder}: the input {given.name} ({given.file}) is not the file whose SHA-256 is {given.sha256}",
                "put back the file that the pack was made with, or state the new digest: that is another pack",
            )


def _read(folder: Path, path: str) -> bytes:
    """The bytes of a regular file of the folder or below it; a link on the way is refused, wherever it leads."""
    where = folder / path
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    # The folder itself may be reached through a link; nothing below it may.
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *parents, name = path.split("/")
        for parent in parents:
            inner = os.open(parent, flags | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        descriptor = os.open(name, flags | os.O_NONBLOCK, dir_fd=at)
    except FileNotFoundError:
        raise NotFound(f"{folder} has no {path}", f"a pack is a folder with {PACK_FILE} and what it names") from None
    except OSError as error:
        raise BadInput(f"{where} cannot be read: {error.strerror}", "a pack holds regular files, no links") from error
    finally:
        os.close(at)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadInput(f"{where} is no regular file", "a pack holds regular files alone")
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise BadInput(f"{where} is larger than {_MOST_BYTES} bytes", "a pack is small; hand data in as an input")
    return content
