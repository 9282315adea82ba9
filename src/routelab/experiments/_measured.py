"""Runs units that are measured in this process, one at a time; what is done and was quiet is not measured again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from routelab.bench import LoadWatch
from routelab.experiments.result import read_json, write_json

#: Blocks that are timed on a machine that is loud from the start: enough to show what was there, and no more.
FEW = 8


def unit_path(out: Path, experiment: str, size: str, name: str) -> Path:
    return out / experiment / size / "units" / (name.replace(":", "_").replace("/", "-") + ".json")


def run_units(
    experiment: str,
    size: str,
    names: Sequence[str],
    out: Path,
    measure: Callable[[str], dict[str, Any]],
    code: Callable[[str], str],
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """All units, in order: those on file if they are of this code and valid, else measured now. Ctrl-C loses the unit
    in hand only.

    Args:
        measure: from a unit's name to its document; one that is timed has `conditions`. code: from a unit's name to the
            digest of what decides its numbers, which is kept in it.
    """
    documents = []
    for number, name in enumerate(names, 1):
        path = unit_path(out, experiment, size, name)
        kept = read_json(path) if path.is_file() else None
        if kept is None or not _usable(kept, code(name)):
            kept = {"unit": name, "code_sha256": code(name), **measure(name)}
            write_json(path, kept)
            conditions = kept.get("conditions", {"valid": True})
            state = "done" if conditions["valid"] else conditions["why_not"]
            progress(f"{experiment} {number}/{len(names)} {name}: {state}")
        documents.append(kept)
    return documents


def tried(blocks: int, seconds: float = 1.0) -> int:
    """Most blocks to try for `blocks` quiet ones: a fifth more, or a few where others take over a tenth of a core now,
    as such a machine seldom falls quiet within a unit."""
    watch = LoadWatch()
    time.sleep(seconds)
    return FEW if watch.share().quiet(0.10) is False else blocks + blocks // 5


def kept_units(experiment: str, names: Sequence[str], out: Path) -> dict[str, dict[str, Any]]:
    """The units of a full run by name, for publishing."""
    return {(path := unit_path(out, experiment, "full", name)).stem: read_json(path) for name in names}


def _usable(unit: Mapping[str, Any], code: str) -> bool:
    return bool(unit.get("conditions", {"valid": True})["valid"]) and unit.get("code_sha256") == code
