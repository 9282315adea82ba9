"""Making a pack: a template that runs as it is, and taking a finished one into a workspace."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from sovereign.records import BadInput, StorageError

from .packs import PACK_FILE, Pack, available_packs, load_pack

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")

_PACK_TOML = '''\
# What is measured, how it is compared, and within which tolerance: fixed before the run, part of the pack's digest.
name = "{name}"
title = "How often two dice show the same (a template)"
version = 1
description = "Simulated, standard library only. Replace it by what you want to measure."
source = "measurement:{name}"
seed = 1
expected_seconds = 1
# What the measurement is about. It fills a cell of a record, and gives a verdict there, only if these are the cell's.
[facets]
subject = "two fair dice"
metric = "share of doubles"
condition = ["100,000 throws"]

[limits]
seconds = 30
memory_mb = 128
output_mb = 1
processes = 2

[[claims]]
id = "doubles"
statement = "Two fair dice show the same in one throw of six"
result_field = "/values/doubles/share"
uncertainty_field = "/values/doubles/standard_error"
comparison = "within_absolute"
expected = 0.16666666666666666
tolerance = 0.005
'''

_RUN_PY = '''\
"""How often two dice show the same. Values go into results.json in the folder that the script starts in."""

import json
import math
import os
import random

THROWS = 100_000

seed = int(os.environ["SOVEREIGN_SEED"])
rng = random.Random(seed)
share = sum(rng.randrange(6) == rng.randrange(6) for _ in range(THROWS)) / THROWS
print(f"{THROWS} throws done")
values = {
    "doubles": {
        "share": share,
        "standard_error": math.sqrt(share * (1 - share) / THROWS),
        "throws": THROWS,
        "unit": "1",
    }
}
results = {"schema": "sovereign-results-v1", "pack": "%s", "seed": seed, "values": values}
with open("results.json", "w", encoding="utf-8") as file:
    json.dump(results, file)
'''


def new_pack(name: str, folder: str | Path) -> Pack:
    """Write a template into a new folder: a pack that runs as it is.

    Raises:
        BadInput: the name cannot be a pack's, or the folder exists and is not empty.
        StorageError: the disk does not take it.
    """
    folder = Path(folder)
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be a pack's name", "use lower-case letters, digits and -")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(f"{folder} exists", "name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PACK_FILE).write_text(_PACK_TOML.replace("{name}", name), encoding="utf-8")
        (folder / "run.py").write_text(_RUN_PY % name, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}", "choose another folder") from error
    return load_pack(folder)


def add_pack(folder: str | Path, added: str | Path, *, replace: bool = False) -> tuple[Pack, tuple[str, ...]]:
    """Take a pack into a workspace's folder of packs, and name the files of its folder that are no part of it.

    What is written are the bytes that were read and looked at, and nothing else of the folder.

    Args:
        added: the workspace's folder of packs; made when there is none.
        replace: take it in place of another pack of that name that was added before.

    Raises:
        NotFound, BadInput: it is no pack that can be read, or another pack has its name.
        StorageError: the disk does not take it.
    """
    pack = load_pack(folder, "workspace")
    name, target = pack.spec.name, Path(added) / pack.spec.name
    known = available_packs(added).get(name)
    if known is not None and known.digest != pack.digest:
        if known.place == "installed":
            raise BadInput(f"a pack {name} is installed, and it is another one", "give yours another name")
        if not replace:
            raise BadInput(
                f"another pack {name} was added before (digest {known.digest[:12]})",
                "add it with --replace: what was run under that name stays in your records as an earlier run",
            )
    left_out = _left_out(Path(folder), pack)
    if known is not None and known.digest == pack.digest:
        return pack, left_out
    try:
        Path(added).mkdir(parents=True, exist_ok=True)
        built = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=added))
        try:
            for path, content in pack.files.items():
                (built / path).parent.mkdir(parents=True, exist_ok=True)
                (built / path).write_bytes(content)
            if target.exists():
                target.rename(built / ".before")
            built.rename(target)
            shutil.rmtree(target / ".before", ignore_errors=True)
        finally:
            if built.exists():
                shutil.rmtree(built, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror}", "free some disk space") from error
    return pack, left_out


def _left_out(folder: Path, pack: Pack) -> tuple[str, ...]:
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in pack.files:
            found.append(name)
        if len(found) > 20:
            break
    return tuple(found)
