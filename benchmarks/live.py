"""Four published questions asked live of a local arXiv that fails one time in ten, and offline on the same sources.

    python -m benchmarks.live                    # some ten minutes: arXiv's real interval of three seconds holds

Each question starts from a workspace with the starter library. It is asked with `sovereign ask --live --service arxiv`
of a server that speaks arXiv's wire format over 60,419 real records (benchmarks/arxiv/server.py) and answers a tenth of
the requests with 429, 503, half an answer, garbage or late. Then it is asked offline twice: in a workspace with a copy
of the grown library, and in one whose library was made from the starter notes and the same records read from the
listings' files. Answer, claims and cells must be equal byte for byte. All workspaces share one folder of limits, and
the server's own log tells whether they were kept; at the end two processes ask at once.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.arxiv.catalogue import listings
from benchmarks.arxiv.server import DATA, INDEX, LocalArxiv, local_arxiv

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = ("S0", "S2", "S3", "S4")
SEED = 20261123


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of .jsonl.gz listings")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/live.json")
    parser.add_argument("--interval", type=float, default=3.0, help="seconds between two requests")
    parser.add_argument("--faults", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"skipped: {given.data} is not here", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory(prefix="sovereign-live-") as folder:
        with local_arxiv(INDEX, given.data, faults=given.faults, seed=given.seed) as server:
            report = _measure(Path(folder), server, given)
    given.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({"all": report["all"], "two processes": report["two_processes"]["limits"]}, indent=1))
    sound = all(one["equal"] for one in report["questions"]) and all(
        limits["kept"] for limits in (report["limits"], report["two_processes"]["limits"])
    )
    return 0 if sound else 1


def _measure(folder: Path, server: LocalArxiv, given: argparse.Namespace) -> dict[str, Any]:
    settings = f'limits_folder = "{folder / "limits"}"\n[arxiv]\ninterval_s = {given.interval:.3f}\n'
    questions = {name: text for name, text in _questions().items() if name in QUESTIONS}
    base = folder / "starter"
    _sovereign(server, "init", "--workspace", str(base))
    (base / "services.toml").write_text(settings)
    asked = [_ask(folder, base, server, name, text, given.data) for name, text in questions.items()]
    before = len(server.requests)
    limits = _limits(server.requests, given.interval)
    two = _two_at_once(folder, base, server, questions)
    faults = Counter(request["fault"] for request in server.requests if request["fault"])
    return {
        "schema": "sovereign-benchmark-v1",
        "what": "live search against a local arXiv, and offline on the same sources",
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: metadata.version(name) for name in ("sovereign-kernel", "httpx", "tantivy", "pydantic")},
        "seed": given.seed,
        "interval_s": given.interval,
        "records_served": server.size,
        "share_of_faults_set": given.faults,
        "all": {
            "questions": len(asked),
            "equal": sum(one["equal"] for one in asked),
            "requests": len(server.requests),
            "faults": sum(faults.values()),
            "faults_by_kind": dict(sorted(faults.items())),
            "least_interval_s": limits["least_interval_s"],
            "most_connections": limits["most_connections"],
        },
        "questions": asked,
        "limits": limits,
        "two_processes": {**two, "limits": _limits(server.requests[before:], given.interval)},
        "log": [
            {"number": one["number"], "came": round(one["came"] - server.requests[0]["came"], 3), "open": one["open"],
             "status": one["status"], "fault": one["fault"]}
            for one in server.requests
        ],
    }


def _ask(folder: Path, base: Path, server: LocalArxiv, name: str, question: str, data: Path) -> dict[str, Any]:
    """One question live, then offline on a copy of the library and on one made from files."""
    workspace = Path(shutil.copytree(base, folder / name))
    before, started = len(server.requests), time.monotonic()
    live = _record(server, workspace, question, "--live", "--service", "arxiv")
    seconds = time.monotonic() - started
    plain = _record(server, Path(shutil.copytree(base, folder / f"{name}-starter")), question)
    copied = Path(shutil.copytree(base, folder / f"{name}-copy"))
    shutil.rmtree(copied / "library")
    shutil.copytree(workspace / "library", copied / "library")
    offline = _record(server, copied, question, "--offline")
    found = _found(workspace)
    rows = folder / f"{name}.jsonl.gz"
    with gzip.open(rows, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in listings(data) if f"arxiv:{row['id']}" in found)
    filed = Path(shutil.copytree(base, folder / f"{name}-files"))
    _sovereign(server, "library", "add", rows, "--workspace", filed)
    from_files = _record(server, filed, question, "--offline")
    requests = server.requests[before:]
    digests = {part: _sha256(live[part]) for part in ("answer", "claims", "cells")}
    equal = {
        what: {part: _sha256(other[part]) == digests[part] for part in digests}
        for what, other in (("copy of the library", offline), ("library made from files", from_files))
    }
    checked = _sovereign(server, "check", workspace / "records" / live["id"].lower().replace(":", "-"), allowed=(0, 4))
    return {
        "id": name,
        "question": question,
        "equal": all(all(parts.values()) for parts in equal.values()),
        "equal_to": equal,
        "sha256": digests,
        "live_queries": sum(search["connector"] == "arxiv" for search in live["searches"]),
        "requests": len(requests),
        "faults": dict(Counter(request["fault"] for request in requests if request["fault"])),
        "works_found": len(found),
        "seconds": round(seconds, 1),
        "check": checked.strip().splitlines()[0] if checked.strip() else "",
        "starter_alone": _summary(plain),
        "with_live_search": _summary(live),
        "limitations": [said for said in live["limitations"] if "arxiv" in said or "live" in said.casefold()],
    }


def _two_at_once(folder: Path, base: Path, server: LocalArxiv, questions: dict[str, str]) -> dict[str, Any]:
    """Two questions live in one workspace by two processes at the same time."""
    workspace = Path(shutil.copytree(base, folder / "two"))
    texts = [questions[name] for name in QUESTIONS[:2]]
    started = [
        subprocess.Popen(
            [*_command(), "ask", text, "--live", "--service", "arxiv", "--json", "--workspace", str(workspace)],
            env=_environment(server), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        for text in texts
    ]  # fmt: skip
    records = [json.loads(process.communicate()[0]) for process in started]
    return {
        "questions": list(QUESTIONS[:2]),
        "exit_codes": [process.returncode for process in started],
        "records": [_summary(record) for record in records],
    }


def _limits(requests: list[dict[str, Any]], interval: float) -> dict[str, Any]:
    """From the server's log: the least time between two arrivals, and the most connections that were open at one."""
    came = sorted(request["came"] for request in requests)
    least = min((later - earlier for earlier, later in pairwise(came)), default=None)
    most = max(request["open"] for request in requests)
    return {
        "requests": len(requests),
        "least_interval_s": round(least, 4) if least is not None else None,
        "most_connections": most,
        "kept": bool(least is not None and least >= interval and most == 1),
    }


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    kinds = Counter(source["kind"] for source in record["sources"])
    return {
        "status": record["answer"]["status"],
        "sources": dict(sorted(kinds.items())),
        "claims": len(record["claims"]),
        "quoted": sum(claim["grounding"] == "quoted" for claim in record["claims"]),
        "cells": len(record["cells"]),
        "cells_filled": sum(not cell["gap"] for cell in record["cells"]),
        "missing_systems": [system["name"] for system in record["missing_systems"]],
        "score": record["tribunal"]["score"],
    }


def _found(workspace: Path) -> set[str]:
    from sovereign.workspace import Workspace

    with Workspace.open(workspace).library() as library:
        return {one for one in library.ids("work") if one.startswith("arxiv:")}


def _questions() -> dict[str, str]:
    lines = (ROOT / "benchmarks/questions/labels.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["question"] for row in map(json.loads, lines)}


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _record(server: LocalArxiv, workspace: Path, question: str, *options: str) -> dict[str, Any]:
    printed = _sovereign(server, "ask", question, *options, "--json", "--workspace", workspace)
    record: dict[str, Any] = json.loads(printed)
    return record


def _command() -> list[str]:
    return [sys.executable, "-m", "sovereign"]


def _environment(server: LocalArxiv) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SOVEREIGN_ARXIV_URL": server.address}


def _sovereign(server: LocalArxiv, *arguments: str | Path, allowed: tuple[int, ...] = (0,)) -> str:
    ended = subprocess.run(
        [*_command(), *map(str, arguments)], env=_environment(server), capture_output=True, text=True, timeout=1200
    )
    if ended.returncode not in allowed:
        raise SystemExit(f"sovereign {arguments[0]} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return ended.stdout


if __name__ == "__main__":
    sys.exit(main())
