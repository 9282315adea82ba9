"""The Python that runs a script, and what of the host it needs to start: shown read-only, and nothing beside it."""

from __future__ import annotations

import json
import os
import site
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

#: The system's own programs and libraries, which every sandbox shows.
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
_STORES = ("/nix/store", "/gnu/store")
#: Where the folders of editable installs lie inside; their own places say whose machine this is.
EDITED = "/edited"


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs a script, and the paths outside the system's folders that it needs, and no more."""

    executable: str
    binds: tuple[str, ...]


def interpreter() -> Interpreter:
    """This process's base interpreter, also when it lies in a private home or behind a virtual environment."""
    executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    wanted = [executable]
    for prefix in dict.fromkeys(os.path.realpath(p) for p in (sys.base_prefix, sys.base_exec_prefix)):
        wanted += _libraries(Path(prefix))
    wanted += [store for store in _STORES if executable.startswith(store + "/")]
    outside = [path for path in dict.fromkeys(wanted) if not within(path, SYSTEM) and os.path.lexists(path)]
    return Interpreter(executable, tuple(path for path in outside if not within(path, set(outside) - {path})))


def packages() -> tuple[str, ...]:
    """The folders of installed packages that this process imports from: the environment's, and the base's where it
    uses them. What a package's `.pth` file would add (elsewhere on the disk) is not shown; see `edited`."""
    known = {os.path.realpath(path) for path in sys.path}
    found = (os.path.realpath(path) for path in site.getsitepackages())
    return tuple(dict.fromkeys(path for path in found if path in known and Path(path).is_dir()))


def edited(requirements: Iterable[str]) -> dict[str, str]:
    """Folder inside -> folder of the host, for those distributions that are installed to be edited: their code lies
    outside of every folder of installed packages (`pip install --editable`). One that is not installed has none."""
    found: dict[str, str] = {}
    for name in requirements:
        try:
            distribution = metadata.distribution(name)
            stated = json.loads(distribution.read_text("direct_url.json") or "{}")
        except (metadata.PackageNotFoundError, ValueError):
            continue
        if not (isinstance(stated, dict) and stated.get("dir_info", {}).get("editable") is True):
            continue
        for file in distribution.files or ():
            if file.suffix == ".pth" and len(file.parts) == 1:
                lines = Path(str(distribution.locate_file(file))).read_text(encoding="utf-8").splitlines()
                for line in map(str.strip, lines):
                    if os.path.isabs(line) and os.path.isdir(line) and line not in found.values():  # noqa: PTH117, PTH112
                        found[f"{EDITED}/{len(found)}"] = os.path.realpath(line)
    return found


def within(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of the folders or lies in one."""
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _libraries(prefix: Path) -> list[str]:
    home = Path.home().resolve()
    if prefix == home / ".local" or prefix == home or home.is_relative_to(prefix):
        # The prefix holds a person's own files as well: bind the standard library alone.
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return [str(prefix / "lib" / version), *map(str, sorted((prefix / "lib").glob("libpython*.so*")))]
    return [str(path) for path in (prefix / "lib", prefix / "lib64") if path.is_dir()]
