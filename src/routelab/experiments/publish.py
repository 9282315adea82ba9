"""Publishing: the result of a whole full run, the outcomes behind it, and one checkpoint per arm, for packs to read."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from routelab._errors import BadData, NotAResult
from routelab.experiments._gather import gather
from routelab.experiments._registry import entry, plan_of
from routelab.experiments.result import read_json, read_result, require_result, write_json
from routelab.experiments.unit import read_unit, unit_file, weights_file

PUBLISHED = Path(__file__).parents[1] / "published"
#: Bytes of all checkpoints together.
MOST = 40_000_000


def publish(experiment: str, out: Path, to: Path | None = None) -> list[Path]:
    """Judge a full run anew from its units and copy it to `<to>/<experiment>/`.

    `result.json`; `units/<arm>-<seed>.json`, each with its outcomes question by question; `weights/<arm>-<seed>.pt` of
    the first seed of the arms that are published. Experiments without a plan have `result.json` and what their module's
    `kept(out)` gives: units by name, and checkpoints with their digests.

    Raises:
        NotAResult: units that a criterion needs are missing, or the run was a smoke run.
        BadData: a checkpoint is not the one that was evaluated, or all checkpoints together are too large.
    """
    target = (to or PUBLISHED) / experiment
    if not entry(experiment).trains:
        result = require_result(read_result(out / experiment / "full" / "result.json"))
        result.write(target / "result.json")
        return [target / "result.json", *_kept(import_module(entry(experiment).module), out, target)]
    plan = plan_of(experiment, "full")
    units = gather(plan, out)
    if not units.whole:
        raise NotAResult(f"{len(units.lacking)} units of {experiment} are missing", f"train {units.lacking[0]} first")
    module: Any = import_module(entry(experiment).module)
    result = require_result(module.conclude("full", out))
    result.write(out / experiment / "full" / "result.json")
    result.write(target / "result.json")
    return [target / "result.json", *publish_units(experiment, out, to)]


def publish_units(experiment: str, out: Path, to: Path | None = None) -> list[Path]:
    """Copy the finished units of a full run that need not be whole, with the checkpoints that are published, but no
    result: what was trained is kept, and `take_units` goes on from it elsewhere.

    Raises:
        BadData: it trains nothing, a checkpoint is not the one that was evaluated, or all together are too large.
    """
    target = (to or PUBLISHED) / experiment
    plan = plan_of(experiment, "full")
    written = []
    for unit in plan.units():
        document = read_unit(out, unit)
        if document is None:
            continue
        written.append(target / "units" / f"{unit.name}.json")
        _write_compact(written[-1], document)
        if not unit.arm.publish or unit.seed != plan.seeds[0]:
            continue
        weights = weights_file(out, unit)
        if hashlib.sha256(weights.read_bytes()).hexdigest() != document["weights_sha256"]:
            raise BadData(f"{weights.name} is not what was evaluated: its digest differs", "train the unit again")
        written.append(target / "weights" / weights.name)
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(weights, written[-1])
    size = sum(path.stat().st_size for path in (to or PUBLISHED).rglob("*.pt"))
    if size > MOST:
        raise BadData(f"checkpoints of {size} bytes, more than {MOST}", "publish fewer arms")
    return written


def take_units(experiment: str, out: Path, of: Path | None = None) -> list[Path]:
    """Put the published units of an experiment, and their checkpoints, where a full run looks for finished ones. A unit
    that is there already, or was made by another plan, is left alone.

    Raises:
        BadData: it trains nothing, or a published file is cut off or not of its digest.
    """
    source = (of or PUBLISHED) / experiment
    taken = []
    for unit in plan_of(experiment, "full").units():
        published = source / "units" / f"{unit.name}.json"
        if not published.exists() or read_unit(out, unit) is not None:
            continue
        document = read_json(published)
        if document.get("unit_sha256") != unit.digest():
            continue
        weights = source / "weights" / f"{unit.name}.pt"
        if weights.exists():
            if hashlib.sha256(weights.read_bytes()).hexdigest() != document.get("weights_sha256"):
                raise BadData(f"the published {weights.name} is not what was evaluated", "put the published file back")
            taken.append(weights_file(out, unit))
            taken[-1].parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(weights, taken[-1])
        taken.append(unit_file(out, unit))
        write_json(taken[-1], document)
    return taken


def _kept(module: Any, out: Path, target: Path) -> list[Path]:
    """Write what an experiment without a plan keeps beside its result."""
    if not hasattr(module, "kept"):
        return []
    units, checkpoints = module.kept(out)
    written = []
    for name, document in units.items():
        written.append(target / "units" / f"{name}.json")
        _write_compact(written[-1], document)
    for weights, sha256 in checkpoints.items():
        if hashlib.sha256(weights.read_bytes()).hexdigest() != sha256:
            raise BadData(f"{weights.name} is not what was evaluated: its digest differs", "train the unit again")
        written.append(target / "weights" / weights.name)
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(weights, written[-1])
    return written


def _write_compact(path: Path, document: dict[str, Any]) -> None:
    """A unit's file on one line: forty of them are committed."""
    write_json(path, document)
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
