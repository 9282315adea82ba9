"""How fast and how large the kernel is, on the machine at hand: one command, one JSON file.

    python benchmarks/kernel.py --data ../shared/data/arxiv-metadata --out benchmarks/results/kernel.json

Every figure is of the installed command in a fresh process, except `search`, which is timed in one process over 300
distinct queries (titles drawn from the library with a fixed seed, after five to warm up). Times are medians with the
smallest and the largest; peak memory is the kernel's own count for the child process. The bars and aims stand beside
the figures; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUERIES = 300
SEED = 20261122


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of arXiv metadata, one JSON per line, gzipped")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/kernel.json")
    parser.add_argument("--repeats", type=int, default=5, help="fresh processes per question")
    parser.add_argument("--no-install", action="store_true", help="leave out the size of a fresh core install")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"skipped: {given.data} is not here", file=sys.stderr)
        return 0
    command = shutil.which("sovereign", path=str(Path(sys.executable).parent))
    if command is None:
        print("error: no sovereign command beside this Python\nremedy: pip install -e .", file=sys.stderr)
        return 2
    questions = [json.loads(line)["question"] for line in _demo_questions()]
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "workspace"
        figures = {"library add": _add(command, workspace, given.data)}
        figures["search"] = _search(workspace)
        figures["ask, fresh process to page"] = _ask(command, workspace, questions, given.repeats)
        figures["--help"] = _repeat([command, "--help"], 20, bar=None, aim=0.3)
        figures["check"] = _check(command, workspace, Path(folder))
    if not given.no_install:
        figures["core install"] = _install()
    report = {
        "schema": "sovereign-benchmark-v1",
        "what": "kernel",
        "machine": _machine(),
        "versions": {name: metadata.version(name) for name in ("sovereign-kernel", "tantivy", "pydantic", "click")},
        "seed": SEED,
        "figures": figures,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        print(name, json.dumps(figure))
    return 0


def _demo_questions() -> list[str]:
    import tomllib

    text = (ROOT / "src/sovereign/cli/demo_questions.toml").read_text(encoding="utf-8")
    return [json.dumps({"question": entry["text"]}) for entry in tomllib.loads(text)["question"]]


def _run(arguments: list[str], allowed: tuple[int, ...] = (0,)) -> tuple[float, float, str]:
    """Wall seconds, peak MB and output of a child that must end well."""
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate()
    took = time.perf_counter() - started
    if process.returncode not in allowed:
        raise SystemExit(f"error: {' '.join(arguments[:3])} ended with {process.returncode}: {err[-800:]}")
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, out


def _add(command: str, workspace: Path, data: Path) -> dict[str, object]:
    _run([command, "init", "--workspace", str(workspace)])
    took, peak, out = _run([command, "library", "add", str(data), "--workspace", str(workspace), "--json"])
    size = sum(path.stat().st_size for path in (workspace / "library").rglob("*") if path.is_file())
    return {
        "seconds": round(took, 2),
        "bar": 60,
        "aim": 22,
        "peak_mb": round(peak),
        "memory_bar_mb": 1000,
        "report": {k: v for k, v in json.loads(out).items() if isinstance(v, int)},
        "size_on_disk_mb": round(size / 1e6),
    }


def _search(workspace: Path) -> dict[str, object]:
    from sovereign import Library

    with Library.open(workspace / "library") as library:
        identifiers = random.Random(SEED).sample([i for i in library.ids() if i.startswith("arxiv:")], QUERIES + 5)
        titles = [library.get(identifier).title for identifier in identifiers]
        for title in titles[:5]:
            library.search(title)
        times = []
        for title in titles[5:]:
            started = time.perf_counter()
            library.search(title)
            times.append((time.perf_counter() - started) * 1000)
        size = library.size
    times.sort()
    return {
        "queries": len(times),
        "sources": size,
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(times[int(0.95 * len(times)) - 1], 2),
        "max_ms": round(times[-1], 2),
        "bar_p95_ms": 25,
        "aim_p95_ms": 15,
    }


def _ask(command: str, workspace: Path, questions: list[str], repeats: int) -> dict[str, object]:
    times, peak = [], 0.0
    for _ in range(repeats):
        for question in questions:
            took, peak, _out = _run([command, "ask", question, "--fresh", "--json", "--workspace", str(workspace)])
            times.append(took)
    return {**_spread(times), "bar": 10, "aim": 5, "peak_mb_of_any_child": round(peak), "questions": len(questions)}


def _check(command: str, workspace: Path, folder: Path) -> dict[str, object]:
    record = sorted(path.name for path in (workspace / "records").glob("srch-*"))[0]
    archive = folder / "record.zip"
    _run([command, "export", record, "--output", str(archive), "--workspace", str(workspace)])
    return {
        **_repeat([command, "check", str(archive)], 10, bar=None, aim=0.5, allowed=(4,)),
        "zip_kb": archive.stat().st_size // 1000,
    }


def _repeat(
    arguments: list[str], times: int, bar: float | None, aim: float, allowed: tuple[int, ...] = (0,)
) -> dict[str, object]:
    return {**_spread([_run(arguments, allowed)[0] for _ in range(times)]), "bar": bar, "aim": aim}


def _spread(times: list[float]) -> dict[str, object]:
    return {
        "runs": len(times),
        "median_s": round(statistics.median(times), 3),
        "min_s": round(min(times), 3),
        "max_s": round(max(times), 3),
    }


def _install() -> dict[str, object]:
    """The core in a fresh virtual environment: size of site-packages without pip and setuptools, and packages."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin/python"
        pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", str(ROOT)], check=True)
        listed = json.loads(subprocess.run([*pip, "list", "--format=json"], check=True, capture_output=True).stdout)
        site = next((Path(folder) / "lib").glob("python*/site-packages"))
        own = [
            path
            for path in site.iterdir()
            if not path.name.startswith(("pip", "setuptools", "pkg_resources", "_distutils"))
        ]
        size = sum(
            int(subprocess.run(["du", "-sk", path], check=True, capture_output=True).stdout.split()[0]) for path in own
        )
    packages = sorted(entry["name"] for entry in listed if entry["name"] not in ("pip", "setuptools"))
    return {
        "mb": round(size / 1024, 1),
        "bar_mb": 200,
        "packages": len(packages),
        "bar_packages": 36,
        "names": packages,
    }


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
