"""E7: dense, soft-mixture and sparse classifier heads (arXiv 2601.15021), and when conditional compute pays."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from routelab._errors import BadData
from routelab.bench import LoadWatch, Plan, provenance
from routelab.experiments._code import digest_of
from routelab.experiments._criteria import criteria
from routelab.experiments._e7_judge import accuracies, judge
from routelab.experiments._e7_time import HeadShape, cells, skipped, time_cell
from routelab.experiments._e7_train import ARMS, CIFAR_VARIABLE, SCALES, Scale, pictures, train_unit
from routelab.experiments.result import Result, read_json, write_json

EXPERIMENT = "E7"
#: A unit may try this many times the wanted number of blocks; a later run tries again where too few were quiet.
TRIED = 1.2
#: Blocks that it tries where the machine is not quiet as it begins: enough to show, too few to decide.
LOUD = 4
#: So many arms, the first ones, stand in claims.
CLAIMED = 7


def scale_of(size: str) -> Scale:
    """Tier G where there is a GPU, else tier C."""
    if size != "full":
        return SCALES["smoke"]
    return SCALES["G" if torch.cuda.is_available() else "C"]


def units(size: str) -> list[str]:
    """Names of what is trained and timed, in order: arms that stand in claims seed by seed, the other arms, then the
    timed cells."""
    scale, arms = scale_of(size), list(ARMS)
    trained = [f"train:{arm}:{s}" for part in (arms[:CLAIMED], arms[CLAIMED:]) for s in scale.seeds for arm in part]
    return [*trained, *(f"time:{hidden}:{batch}" for hidden, batch in cells(smoke=size != "full"))]


def needed(size: str) -> list[str]:
    """The units that a criterion looks at; without the others a run is whole all the same, and says so."""
    spare = {f"train:{arm}:{seed}" for arm in list(ARMS)[CLAIMED:] for seed in scale_of(size).seeds}
    return [name for name in units(size) if name not in spare]


def run(
    size: str,
    out: Path,
    *,
    processes: int = 1,  # noqa: ARG001 all experiments are run alike; what is timed must not run beside itself
    progress: Callable[[str], None] = lambda _line: None,
    only: str = "",
) -> Result:
    """Do the units that are missing or were not quiet, one at a time, then judge. Ctrl-C loses at most an epoch.

    Args:
        only: `train` or `time` does only those units, and judges with what is there.

    Raises:
        BadData: the folder that `ROUTELAB_CIFAR10` names does not hold CIFAR-10's binary files.
    """
    wanted = units(size)
    data = pictures(scale_of(size), os.environ.get(CIFAR_VARIABLE))
    for number, name in enumerate(wanted, 1):
        path = unit_path(out, size, name)
        if not name.startswith(only) or (path.is_file() and _usable(read_json(path), data.sha256)):
            continue
        document = do_unit(size, name, out, progress)
        write_json(path, document)
        conditions = document.get("conditions", {"valid": True})
        said = "done" if conditions["valid"] else conditions["why_not"]
        if "accuracy" in document:
            said = f"accuracy {document['accuracy']:.2f} %"
        progress(f"{EXPERIMENT} {number}/{len(wanted)} {name}: {said}")
    there = [unit_path(out, size, name) for name in wanted if unit_path(out, size, name).is_file()]
    found = [unit for unit in map(read_json, there) if _same(unit, data.sha256)]
    return conclude(size, found)


def do_unit(size: str, name: str, out: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """One unit, as a JSON object."""
    kind, what, number = name.split(":")
    full, own = size == "full", {"unit": name, "code_sha256": code_digest(name.split(":")[0])}
    if kind == "train":
        folder = out / EXPERIMENT / size
        state, weights = folder / "state" / f"{what}-{number}.pt", folder / "weights" / f"{what}-{number}.pt"
        document = train_unit(what, int(number), scale_of(size), state, weights, progress)
        state.unlink(missing_ok=True)
        return {**own, "criteria_sha256": criteria(EXPERIMENT).sha256, **document}
    timing = criteria(EXPERIMENT).document["timing"]
    blocks = int(timing["quiet_blocks"]) if full else 4
    plan = Plan(blocks, warmup=1, most_blocks=round(TRIED * blocks), block_seconds=0.4 if full else 0.02)
    if not quiet_now(float(timing["others_cores"])):
        plan = Plan(blocks, warmup=1, most_blocks=LOUD, block_seconds=0.02)
    shape = HeadShape() if full else HeadShape(d=32)
    return {**own, **time_cell(int(what), int(number), plan, shape)}


def quiet_now(limit: float) -> bool:
    """Whether others take less than so many cores, over half a second."""
    watch = LoadWatch()
    time.sleep(0.5)
    return watch.share().quiet(limit) is not False


def conclude(size: str, measured: Sequence[Mapping[str, Any]]) -> Result:
    """The result that these units come to.

    Raises:
        BadData: there is no unit.
    """
    if not measured:
        raise BadData(f"{EXPERIMENT} {size} has no unit", f"routelab run {EXPERIMENT} --size {size}")
    frozen = criteria(EXPERIMENT)
    scale = scale_of(size)
    findings, ratios = judge(measured, frozen)
    where = provenance()
    timed = [unit for unit in measured if unit["kind"] == "time"]
    quiet = sum(bool(unit["conditions"]["valid"]) for unit in timed)
    wanted = units(size)
    notes = [] if quiet == len(timed) else [f"{len(timed) - quiet} of {len(timed)} timed units were not quiet"]
    if len(measured) < len(wanted):
        notes.append(f"{len(wanted) - len(measured)} of {len(wanted)} units are missing")
    if size != "full":
        notes.insert(0, "not a result")
    else:
        notes.append(f"not timed, as too large for a CPU: {', '.join(f'{h}x{b}' for h, b in skipped())}")
    first = measured[0]
    return Result(
        experiment=EXPERIMENT,
        size=size,
        tier=scale.tier,
        criteria_sha256=frozen.sha256,
        arms=tuple(ARMS),
        seeds=scale.seeds,
        values={
            "data": next((u["data"] for u in measured if u["kind"] == "train"), None),
            "chance": float(frozen.document["floor"]["chance"]),
            "heads": _table(measured),
            "times": {unit["unit"]: _summary(unit) for unit in timed},
        },
        findings=tuple(findings),
        ratios=tuple(ratios),
        versions=first["versions"],
        machine=first["machine"],
        load={"quiet_units": quiet, "timed_units": len(timed), "average_when_judged": where["load"]},
        whole=not set(needed(size)) - {unit["unit"] for unit in measured},
        notes=tuple(notes),
    )


def kept(out: Path) -> tuple[dict[str, dict[str, Any]], dict[Path, str]]:
    """What is published beside the result: every trained unit, and the checkpoint of each arm's first seed with its
    digest."""
    data, scale = pictures(scale_of("full"), os.environ.get(CIFAR_VARIABLE)), scale_of("full")
    trained, checkpoints = {}, {}
    for name in units("full"):
        kind, arm, seed = name.split(":")
        path = unit_path(out, "full", name)
        if kind != "train" or not path.is_file() or not _same(unit := read_json(path), data.sha256):
            continue
        trained[f"{arm}-{seed}"] = unit
        if int(seed) == scale.seeds[0]:
            checkpoints[out / EXPERIMENT / "full" / "weights" / f"{arm}-{seed}.pt"] = str(unit["weights_sha256"])
    return trained, checkpoints


def unit_path(out: Path, size: str, name: str) -> Path:
    return out / EXPERIMENT / size / "units" / (name.replace(":", "_") + ".json")


@functools.cache
def code_digest(kind: str) -> str:
    """Digest of what decides a unit's numbers."""
    both = ["model/heads.py", "routing/noisy_topk.py"]
    if kind == "time":
        return digest_of([*both, "experiments/_e7_time.py", "bench/timer.py"])
    more = ["model/trunk.py", "data/textures.py", "routing/soft.py", "dispatch/soft.py", "dispatch/experts.py"]
    return digest_of([*both, *more, "experiments/_e7_train.py"])


def _same(unit: Mapping[str, Any], data: str) -> bool:
    """Whether a unit is of this code and these pictures."""
    return unit.get("code_sha256") == code_digest(unit["kind"]) and unit.get("data_sha256", data) == data


def _usable(unit: Mapping[str, Any], data: str) -> bool:
    return _same(unit, data) and bool(unit.get("conditions", {"valid": True})["valid"])


def _table(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Accuracy per seed, its mean and deviation, parameters and load of the experts, by arm."""
    table = {}
    for arm, by_seed in accuracies(measured).items():
        seeds = sorted(by_seed)
        of = {u["seed"]: u for u in measured if u["kind"] == "train" and u["arm"] == arm}
        scores = np.array([by_seed[s] for s in seeds])
        shares = [np.array(of[s]["share"]) for s in seeds if of[s]["share"]]
        table[arm] = {
            "what": ARMS[arm],
            "seeds": seeds,
            "accuracy": scores.tolist(),
            "validation": [of[s]["validation"] for s in seeds],
            "mean": float(scores.mean()),
            "deviation": float(scores.std(ddof=1)) if len(seeds) > 1 else None,
            "parameters": of[seeds[0]]["parameters"],
            "load_variation": [float(s.std() / s.mean()) for s in shares],
        }
    return table


def _summary(unit: Mapping[str, Any]) -> dict[str, Any]:
    valid = bool(unit["conditions"]["valid"])
    arms = {}
    for arm in unit["seconds"]:
        times = unit["seconds"][arm] if valid else [*unit["seconds"][arm], *unit["seconds_beside_load"].get(arm, [])]
        if times:
            arms[arm] = {"median": float(np.median(times)), "least": min(times)}
            if valid:
                arms[arm]["p99"] = unit["p99"][arm]
    return {**{k: unit[k] for k in ("hidden", "batch", "flops", "distinct", "conditions")}, "arms": arms}
