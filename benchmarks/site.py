"""A site of 1,000 records: how long it takes to build, to build again after changes, and how heavy its first page is.

    python benchmarks/site.py --data ../shared/data/arxiv-metadata --out benchmarks/results/site.json

The records are real: questions about systems that titles of the library name, varied over metrics, baselines and
benchmarks with a fixed seed, asked and approved through the kernel's own functions. That takes most of the time;
`--workspace DIR` keeps them for another run. Every build is the installed command in a fresh process, timed by the
wall and by the processor (both processes that write included). To change a record a correction is signed. Runs of
different sizes take turns; medians stand with the smallest and the largest. A straight line through all rebuilds gives
what a rebuild costs whatever changed, and what each changed record adds.

With SOVEREIGN_BROWSER naming a Chromium and chromedriver on PATH the first page is opened in it, and beside it the same
1,000 records on one page. Interactive is when the document is parsed, painted, and no task over 50 ms runs any more:
the pages hold no script.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sovereign.publish import _listing
from sovereign.publish._summary import SUMMARY, read_summary
from sovereign.records import EventType
from sovereign.workflow import ask, review
from sovereign.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
SEED = 20261123
BAR_SECONDS = 60
SIZES = (0, 1, 10, 100)
BASELINES = ("fixed routing", "top-k routing", "full fine-tuning", "the base model", "greedy decoding",
             "the previous state of the art")  # fmt: skip
METRICS = ("accuracy", "latency", "throughput", "speedup", "memory", "pass@1", "perplexity", "compute cost")
BENCHMARKS = ("MMLU", "GSM8K", "VQAv2", "ImageNet", "MMBench", "HumanEval", "LongBench", "COCO", "MATH-500")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of arXiv metadata, one JSON per line, gzipped")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/site.json")
    parser.add_argument("--workspace", type=Path, help="keep the records here; those that are there are taken over")
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--builds", type=int, default=3, help="builds of the whole site")
    parser.add_argument("--repeats", type=int, default=5, help="rebuilds of each size, and page loads")
    parser.add_argument("--note", default="", help="what else ran on the machine, kept with the figures")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"skipped: {given.data} is not here", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        workspace, filled = fill(given.workspace or Path(folder) / "workspace", given.data, given.records)
        out = Path(folder) / "site"
        figures: dict[str, Any] = {"records": filled}
        figures["build"] = build(workspace, out, given.builds)
        figures["rebuild"] = rebuild(workspace, out, given.repeats)
        figures["size"] = sizes(out)
        figures["first page"] = look(out, Path(folder), given.repeats)
    report = {
        "schema": "sovereign-benchmark-v1",
        "what": "site",
        "machine": machine(),
        "note": given.note,
        "versions": {name: metadata.version(name) for name in ("sovereign-kernel", "Jinja2", "pydantic")},
        "seed": SEED,
        "figures": figures,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        print(name, json.dumps(figure))
    return 0 if figures["build"]["wall_s"]["median"] <= BAR_SECONDS else 1


def fill(path: Path, data: Path, number: int) -> tuple[Workspace, dict[str, Any]]:
    """The workspace with so many approved records; what is there already is not asked again."""
    new = not path.exists()
    workspace = Workspace.create(path)
    with workspace.library() as library:
        if new:
            library.add(data)
        sources, wanted = library.size, questions(library, number)
    archive = workspace.archive()
    there = {archive.load(name).question.text: name for name in archive.list()}
    started = time.perf_counter()
    made = 0
    for question in wanted:
        if question not in there:
            record = ask(workspace, question)
            review(workspace, record.id, EventType.APPROVED, "read and approved")
            made += 1
            if made % 50 == 0:
                print(f"{made} records made", file=sys.stderr, flush=True)
    return workspace, {
        "approved": number, "made_in_this_run": made, "library_sources": sources,
        "seconds_to_make": round(time.perf_counter() - started, 1) if made else None,
    }  # fmt: skip


def questions(library: Any, number: int) -> list[str]:
    """So many questions, each on another system that a title of the library opens with."""
    names = set()
    for source in library.ids():
        match = re.match(r"([A-Z][A-Za-z0-9+-]{2,20}): ", library.get(source).title)
        if source.startswith("arxiv:") and match and sum(letter.isupper() for letter in match[1]) > 1:
            names.add(match[1])
    draw = random.Random(SEED)

    def one(name: str) -> str:
        first, second = draw.sample(METRICS, 2)
        return draw.choice([
            f"How does {name} compare to {draw.choice(BASELINES)} in terms of {first} and {second} on "
            f"{draw.choice(BENCHMARKS)}?",
            f"What is the effect of {name} on {first} and {second} compared with {draw.choice(BASELINES)}?",
            f"How does the {first} of {name} change with batch size on {draw.choice(BENCHMARKS)} and "
            f"{draw.choice(BENCHMARKS)}?",
        ])  # fmt: skip

    return [one(name) for name in draw.sample(sorted(names), number)]


def build(workspace: Workspace, out: Path, times: int) -> dict[str, Any]:
    """The whole site from nothing."""
    rows = []
    for _ in range(times):
        shutil.rmtree(out, ignore_errors=True)
        rows.append(publish(workspace, out))
        print(rows[-1], file=sys.stderr, flush=True)
    return {
        "written": rows[-1]["written"], "bar_s": BAR_SECONDS, "wall_s": spread([row["wall"] for row in rows]),
        "processor_s": spread([row["cpu"] for row in rows]), "load_before": [row["load"] for row in rows],
    }  # fmt: skip


def rebuild(workspace: Workspace, out: Path, times: int) -> dict[str, Any]:
    """After so many corrections; the sizes take turns."""
    draw, archive, key = random.Random(SEED), workspace.archive(), workspace.key()
    public = [name for name in archive.list() if archive.state(name).public]
    rows: dict[int, list[dict[str, Any]]] = {size: [] for size in SIZES}
    for turn in range(times):
        for size in (*SIZES[turn % len(SIZES) :], *SIZES[: turn % len(SIZES)]):
            for name in draw.sample(public, min(size, len(public))):
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                archive.append_event(
                    name, EventType.CORRECTED, key=key, now=now, note="changed by the benchmark",
                    details={"correction_type": "METADATA", "affected_fields": []},
                )  # fmt: skip
            row = publish(workspace, out)
            if row["written"] != min(size, len(public)):
                raise SystemExit(f"error: {size} records were changed and {row['written']} written")
            rows[size].append(row)
    found: dict[str, Any] = {
        f"{size} changed": {"wall_s": spread([row["wall"] for row in each]),
                            "processor_s": spread([row["cpu"] for row in each])}
        for size, each in rows.items()
    }  # fmt: skip
    for kind in ("wall", "cpu"):
        points = [(size, row[kind]) for size, each in rows.items() for row in each]
        slope, start = statistics.linear_regression(*zip(*points, strict=True))
        found[f"line through {len(points)} rebuilds, {kind}"] = {
            "seconds_whatever_changed": round(start, 3), "seconds_a_changed_record": round(slope, 4),
            "correlation": round(statistics.correlation(*zip(*points, strict=True)), 4),
        }  # fmt: skip
    return found


def publish(workspace: Workspace, out: Path) -> dict[str, Any]:
    """The installed verb in a fresh process: seconds by the wall, by the processor, and what it wrote."""
    command = [sys.executable, "-m", "sovereign", "publish", "--workspace", str(workspace.path), "--output", str(out)]
    command.append("--json")
    load, before, started = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": took, "cpu": cpu, "load": round(load, 2), "written": json.loads(done.stdout)["written"]}


def sizes(out: Path) -> dict[str, Any]:
    """What lies in the site."""
    files = [path for path in out.rglob("*") if path.is_file()]
    pages = [path.stat().st_size for path in out.glob("srch-*/index.html")]
    return {
        "files": len(files), "mb": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "record_page_kb": spread([size / 1000 for size in pages]),
        "list_pages": len(list(out.glob("index*.html"))),
    }  # fmt: skip


def look(out: Path, folder: Path, times: int) -> dict[str, Any]:
    """Weight of the first page and of one page with all records, and how soon each can be used."""
    rows = [row for path in sorted(out.glob(f"srch-*/{SUMMARY}")) if (row := read_summary(path))]
    rows.sort(key=lambda row: str(row["created_at"]), reverse=True)
    _listing.TOGETHER = len(rows)
    whole = out / "all-on-one.html"
    whole.write_text(_listing.list_pages(rows, "Sovereign")["index.html"], encoding="utf-8")
    pages = {"index.html": out / "index.html", "all on one page": whole}
    found: dict[str, Any] = {
        name: {"kb": round(path.stat().st_size / 1000, 1), "records": path.read_text().count("<li class=\"r-status")}
        for name, path in pages.items()
    }
    binary, driver = os.environ.get("SOVEREIGN_BROWSER"), shutil.which("chromedriver")
    if not binary or not driver:
        return {**found, "browser": "not looked: SOVEREIGN_BROWSER or chromedriver is not there"}
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                   "--window-size=1280,1000", f"--user-data-dir={folder / 'profile'}"):  # fmt: skip
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    try:
        for slower in (1, 4):
            browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": slower})
            times_of: dict[str, list[float]] = {name: [] for name in pages}
            for _ in range(times + 1):  # the first load of each warms the browser up and is left out
                for name, path in pages.items():
                    times_of[name].append(interactive(browser, path))
            for name, seconds in times_of.items():
                found[name][f"interactive_ms, processor slowed {slower}x"] = spread(seconds[1:])
        found["browser"] = browser.capabilities["browserVersion"]
    finally:
        browser.quit()
    return found


def interactive(browser: Any, path: Path) -> float:
    """Milliseconds from the start of the load until the page is parsed, painted and has no long task to finish."""
    browser.get(path.as_uri())
    return float(browser.execute_async_script("""
        const done = arguments[0], seen = [];
        new PerformanceObserver(list => seen.push(...list.getEntries())).observe({type: 'longtask', buffered: true});
        setTimeout(() => {
          const paint = performance.getEntriesByType('paint').map(entry => entry.startTime);
          const parsed = performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd;
          done(Math.max(parsed, ...paint, ...seen.map(entry => entry.startTime + entry.duration)));
        }, 300);"""))


def spread(values: list[float]) -> dict[str, float]:
    return {
        "runs": len(values),
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def machine() -> dict[str, Any]:
    model = ""
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        model = next((found[1] for found in re.finditer(r"model name\s*: (.+)", cpuinfo.read_text())), "")
    return {
        "processor": model, "cores": len(os.sched_getaffinity(0)), "system": platform.platform(),
        "python": platform.python_version(), "load_average": [round(load, 2) for load in os.getloadavg()],
        "priority": os.nice(0),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
