"""Packs: reading one from its folder, and the packs that are installed."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Pack:
    """A pack as it was read: what it states, its files (name -> bytes), and the digest over both.

    What runs in the sandbox are these bytes, so a file changed after the reading changes nothing.
    """

    spec: PackSpec
    files: dict[str, bytes]
    digest: str


def load_pack(folder: str | Path) -> Pack:
    """Read a pack: `pack.toml` and the one script that it names, both regular files of the folder itself.

    Raises:
        NotFound: there is no such folder, or no `pack.toml` in it.
        BadInput: `pack.toml` is not TOML or breaks its schema; the script is a link, lies elsewhere, or is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotFound(f"there is no pack at {folder}", "name a folder that holds a pack.toml")
    stated = _read(folder, PACK_FILE)
    spec = _spec(folder, stated)
    if Path(spec.script).name != spec.script or spec.script in ("", ".", "..", PACK_FILE):
        raise BadInput(f"{folder}: the script {spec.script!r} is no plain file name", "put the script beside pack.toml")
    held = {PACK_FILE: stated, spec.script: _read(folder, spec.script)}
    for name, content in held.items():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{folder / name} is not UTF-8 text: {error}", "save it as UTF-8") from error
    return Pack(spec, held, pack_digest(held))


def available_packs() -> dict[str, Pack]:
    """The packs that come with the kernel and those of the entry point group `sovereign.packs`, by name.

    An entry point's name is the pack's, its value a package that holds the pack in a folder of that name.

    Raises:
        BadInput: an installed pack cannot be read, or two different packs have one name.
    """
    found: dict[str, Pack] = {}
    for label, place in _places():
        with as_file(place) as folder:
            pack = load_pack(folder)
        if pack.spec.name != label:
            raise BadInput(f"the installed pack {label} calls itself {pack.spec.name}", "give both the same name")
        if label in found and found[label].digest != pack.digest:
            raise BadInput(f"two installed packs are called {label}", "uninstall one of them")
        found[label] = pack
    return dict(sorted(found.items()))


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


def _read(folder: Path, name: str) -> bytes:
    """The bytes of a regular file of the folder; a link is refused, also where it leads back inside."""
    path = folder / name
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"{folder} has no {name}", f"a pack is a folder with {PACK_FILE} and a script") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", "a pack holds regular files, no links") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadInput(f"{path} is no regular file", "a pack holds regular files alone")
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise BadInput(f"{path} is larger than {_MOST_BYTES} bytes", "a pack is a small text; put data elsewhere")
    return content
