"""What the sandbox costs, on the machine at hand: one command, one JSON file.

    python benchmarks/gate.py --out benchmarks/results/gate.json

A trivial pack (it writes one number) is run 30 times by each way in turn, in an order drawn anew each round, so that a
slow minute of the machine falls on all of them:

    bwrap alone          bwrap with namespaces and the whole host read-only, nothing else, the same script under the
                         same interpreter, its result read from a folder: the floor
    sandbox              start to collected result in ours: all layers, all limits, control group, system-call filter
    sandbox, no group    the same without a control group (where the mode has one)
    podman               the other provider, where it passes its test

Then, of a demonstration record in this process: check, export, signing and verifying a run's attestation; and the
probe. Times are medians with 95 % bootstrap intervals (2,000 resamples, fixed seed), ratios with both operands, the
interval of a ratio resampled over rounds. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from sovereign.check import check_path
from sovereign.gate import Bubblewrap, Job, Podman
from sovereign.gate._interpreter import interpreter
from sovereign.seal import PREDICATE_REPRODUCTION, Key, sign, statement, verify
from sovereign.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
SEED, RESAMPLES = 20261123, 2000
SCRIPT = b'import json\nwith open("results.json", "w") as file:\n    json.dump({"values": {"x": 4}}, file)\n'
RESULT = b'{"values": {"x": 4}}'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/gate.json")
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    sandbox, podman = Bubblewrap(), Podman()
    report = sandbox.probe()
    if not report.ok:
        print(f"skipped: no sandbox on this host: {report.reason}", file=sys.stderr)
        return 0
    other = podman.probe()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ways = _ways(sandbox, podman if other.ok else None, place)
        times = _interleaved(ways, given.rounds)
        figures: dict[str, object] = {name: _spread(taken) for name, taken in times.items()}
        for name in list(times)[1:]:
            figures[f"{name} / bwrap alone"] = _ratio(times[name], times["bwrap alone"])
        figures["probe"] = _spread([_timed(lambda: Bubblewrap().probe()) for _ in range(5)])
        figures |= _record(place)
    written = {
        "schema": "sovereign-benchmark-v1",
        "what": "gate",
        "machine": _machine(),
        "versions": {name: metadata.version(name) for name in ("sovereign-kernel", "cryptography", "pydantic")}
        | {"bubblewrap": report.facts["version"], "podman": other.facts.get("version", "not here")},
        "seed": SEED,
        "grade": report.grade,
        "mode": report.facts["mode"],
        "podman": other.grade if other.ok else f"skipped: {other.reason}",
        "figures": figures,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        print(name, json.dumps(figure))
    return 0


def _ways(sandbox: Bubblewrap, podman: Podman | None, place: Path) -> dict[str, Callable[[], bytes]]:
    job = Job({"x.py": SCRIPT}, "x.py")

    def ours(provider: Bubblewrap | Podman) -> bytes:
        return provider.collect(provider.run(job))["results.json"]

    def without_group() -> bytes:
        assert sandbox._mode is not None
        return sandbox.collect(sandbox.run_in(job, replace(sandbox._mode, way=None)))["results.json"]

    ways: dict[str, Callable[[], bytes]] = {"bwrap alone": lambda: _alone(place), "sandbox": lambda: ours(sandbox)}
    if sandbox._mode is not None and sandbox._mode.way is not None:
        ways["sandbox, no group"] = without_group
    if podman is not None:
        ways["podman"] = lambda: ours(podman)
    return ways


def _alone(place: Path) -> bytes:
    work = place / "work"
    work.mkdir()
    try:
        (work / "x.py").write_bytes(SCRIPT)
        command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--ro-bind", "/", "/", "--bind", str(work)]
        command += [str(work), "--chdir", str(work), "--", interpreter().executable, "-s", "-S", "-B", "x.py"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return (work / "results.json").read_bytes()
    finally:
        shutil.rmtree(work)


def _interleaved(ways: dict[str, Callable[[], bytes]], rounds: int) -> dict[str, list[float]]:
    drawn = random.Random(SEED)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for name in ways:  # once each, not counted: files into memory
        assert ways[name]() == RESULT, name
    for _ in range(rounds):
        order = list(ways)
        drawn.shuffle(order)
        for name in order:
            started = time.perf_counter()
            result = ways[name]()
            times[name].append(time.perf_counter() - started)
            assert result == RESULT, name
    return times


def _record(place: Path) -> dict[str, object]:
    """Times of what follows a run, over the demonstration's records."""
    path = place / "workspace"
    command = shutil.which("sovereign", path=str(Path(sys.executable).parent))
    assert command is not None, "no sovereign command beside this Python; remedy: pip install -e ."
    shown = subprocess.run([command, "demo", "--workspace", str(path)], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    workspace = Workspace(path)
    archive, key = workspace.archive(), Key.generate()
    names = archive.list()
    carries = [name for name in names if archive.load(name).reproductions]
    name = (carries or names)[0]
    predicate = {"pack": "trivial", "sandbox": Bubblewrap().probe().to_json()}
    payload = statement(PREDICATE_REPRODUCTION, {"results.json": "0" * 64, "pack": "1" * 64}, predicate)
    envelope = sign(payload, key)
    keys = {key.fingerprint: key.public_bytes}
    output = place / "record.zip"
    owner = workspace.key()

    def export() -> None:
        archive.export(name, output, key=owner, force=True)

    return {
        "check of a record's folder": _spread([_timed(lambda: check_path(archive.path(name))) for _ in range(30)]),
        "export of a record": _spread([_timed(export) for _ in range(10)]),
        "check of an export": _spread([_timed(lambda: check_path(output)) for _ in range(30)]),
        "sign an attestation": _spread([_timed(lambda: sign(payload, key)) for _ in range(30)]),
        "verify an attestation": _spread([_timed(lambda: verify(envelope, keys)) for _ in range(30)]),
        "record": {"carries a reproduction": bool(carries), "export_kb": output.stat().st_size // 1000},
    }


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _spread(times: list[float]) -> dict[str, object]:
    drawn = random.Random(SEED)
    medians = sorted(statistics.median(drawn.choices(times, k=len(times))) for _ in range(RESAMPLES))
    return {
        "runs": len(times),
        "median_ms": _ms(statistics.median(times)),
        "interval_ms": [_ms(medians[RESAMPLES // 40]), _ms(medians[-RESAMPLES // 40])],
        "min_ms": _ms(min(times)),
        "max_ms": _ms(max(times)),
    }


def _ratio(over: list[float], under: list[float]) -> dict[str, object]:
    drawn = random.Random(SEED)
    rounds, found = list(zip(over, under, strict=True)), []
    for _ in range(RESAMPLES):
        picked = drawn.choices(rounds, k=len(rounds))
        found.append(statistics.median(a for a, _ in picked) / statistics.median(b for _, b in picked))
    found.sort()
    return {
        "ratio": round(statistics.median(over) / statistics.median(under), 2),
        "interval": [round(found[RESAMPLES // 40], 2), round(found[-RESAMPLES // 40], 2)],
        "operands_ms": [_ms(statistics.median(over)), _ms(statistics.median(under))],
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _machine() -> dict[str, object]:
    return {
        "cpu_count": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    sys.exit(main())
