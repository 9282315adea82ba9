"""Asks the thirteen questions through the installed command line, in processes of their own, and grades the records.

    python benchmarks/questions/run.py --data ../shared/data/arxiv-metadata --out benchmarks/results/questions.json

A fresh workspace gets the starter notes (by `init`) and the listings (`library add`). With `--outside DATA` the ten
questions outside machine learning are asked too, each over its own collection, and graded by the rules alone.
Exit 0 when the thirteen pass, 1 when not, 2 when the run itself could not be made.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.questions._record import Graded, Json, obj
from benchmarks.questions.grader import HERE, Labels, grade, summary


class RunFailed(Exception):
    """A command that the whole run rests on ended in an error."""


class Kernel:
    """The installed command line over one workspace."""

    def __init__(self, command: str, workspace: Path, timeout: float) -> None:
        self.command, self.workspace, self.timeout = shlex.split(command), workspace, timeout

    def call(self, *words: str) -> tuple[int, str, str, float]:
        """Exit status, standard output, last lines of standard error, wall seconds. A time-out is status 124."""
        started = time.monotonic()
        try:
            done = subprocess.run(
                [*self.command, *words], capture_output=True, text=True, timeout=self.timeout, check=False
            )
            status, out, err = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired:
            status, out, err = 124, "", f"no end after {self.timeout} s"
        except OSError as error:
            raise RunFailed(
                f"cannot start {self.command[0]}: {error}; install the package or give --sovereign"
            ) from error
        return status, out, "\n".join(err.strip().splitlines()[-3:]), round(time.monotonic() - started, 3)

    def must(self, *words: str) -> float:
        """Run a command that has to succeed; its wall seconds.

        Raises:
            RunFailed: it did not end 0.
        """
        status, _, err, seconds = self.call(*words, "--workspace", str(self.workspace))
        if status:
            raise RunFailed(f"`{words[0]} {words[1] if len(words) > 1 else ''}` ended {status}: {err}")
        return seconds

    def json(self, *words: str) -> Json:
        """The object that a reading verb prints with --json, or an empty one."""
        status, out, _, _ = self.call(*words, "--json")
        try:
            return obj(json.loads(out)) if status == 0 else {}
        except ValueError:
            return {}

    def ask(self, question: str, *options: str) -> tuple[Graded | None, Json]:
        """The record that `ask --json` prints, with the folder of its texts, and how the asking went."""
        words = ("ask", question, *options, "--workspace", str(self.workspace), "--json")
        status, out, err, seconds = self.call(*words)
        went: Json = {"exit": status, "seconds": seconds}
        try:
            record = obj(json.loads(out))
        except ValueError:
            record = {}
        if not record:
            return None, {**went, "error": _without_paths(err) or "printed no record"}
        name = str(record.get("id", "")).lower().replace(":", "-")
        folder = self.workspace / "records" / name / f"v{record.get('version')}"
        stored = folder / "record.json"
        went["same_as_stored"] = stored.is_file() and json.loads(stored.read_text(encoding="utf-8")) == record
        return Graded(name, record, [folder / "texts"]), went


def _without_paths(text: str) -> str:
    return text.replace(str(Path.cwd()), ".").replace(tempfile.gettempdir(), "$TMP")


def machine() -> Json:
    """What the figures were made on."""
    memory = Path("/proc/meminfo")
    total = memory.read_text().split()[1] if memory.exists() else None
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(total) / 2**20, 1) if total else None,
        "python": platform.python_version(),
        "load_average": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def ask_all(kernel: Kernel, rows: list[Json]) -> tuple[list[Graded], Json]:
    """Every question of the rows, one after the other; a question without a record is in the second value only."""
    records, asked = [], {}
    for row in rows:
        record, asked[row["id"]] = kernel.ask(row["question"])
        if record is not None:
            records.append(record)
        print(f"{row['id']}: exit {asked[row['id']]['exit']}, {asked[row['id']]['seconds']} s", file=sys.stderr)
    return records, asked


def _digests(records: list[Graded]) -> list[str]:
    return sorted({str(record.data.get("library_digest")) for record in records})


def thirteen(kernel: Kernel, data: Path) -> Json:
    """The labelled questions over the starter notes and the listings."""
    seconds = {"init": kernel.must("init"), "library_add": kernel.must("library", "add", str(data))}
    labels = Labels.read(HERE)
    records, asked = ask_all(kernel, labels.questions)
    status = kernel.json("library", "status", "--workspace", str(kernel.workspace))
    return {
        "library": {"data": data.name, "digests": _digests(records), "status": _plain(status)},
        "seconds": seconds,
        "asked": asked,
        "grades": grade(records, labels),
    }


def _plain(status: Json) -> Json:
    """The numbers and digests of a status; paths stay on their machine."""
    return {
        key: value
        for key, value in status.items()
        if isinstance(value, int | float) or (isinstance(value, str) and "/" not in value)
    }


def documents(collection: str, path: Path) -> Iterator[tuple[str, str, str]]:
    """Id, title and text of every document of a collection of `outside.jsonl`."""
    if collection == "scifact":
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield f"scifact:{row['doc_id']}", row["title"], " ".join(part.strip() for part in row["abstract"])
    elif collection == "pubmedqa":
        for key, row in json.loads(path.read_text(encoding="utf-8")).items():
            yield f"pubmedqa:{key}", row["QUESTION"], " ".join([*row["CONTEXTS"], row["LONG_ANSWER"]])
    elif collection == "cacm":
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            yield f"cacm:{row['_id']}", row["title"], row["text"]
    else:
        raise ValueError(f"unknown collection {collection!r}")


def write_markdown(collection: str, path: Path, folder: Path) -> int:
    """Each document as a Markdown file with front matter (`kind: work`), which any library can add; their number."""
    folder.mkdir(parents=True)
    count = 0
    for source, title, text in documents(collection, path):
        head = f"---\nid: {json.dumps(source)}\nkind: work\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n"
        (folder / f"{source.replace(':', '-')}.md").write_text(f"{head}# {title}\n\n{text}\n", encoding="utf-8")
        count += 1
    return count


def outside(command: str, data: Path, scratch: Path, timeout: float) -> Json:
    """The ten questions outside machine learning; their relevant sources are looked for, no figure is asked."""
    rows = [json.loads(line) for line in (HERE / "outside.jsonl").read_text(encoding="utf-8").splitlines()]
    found: Json = {}
    for collection in dict.fromkeys(row["collection"] for row in rows):
        mine = [row for row in rows if row["collection"] == collection]
        folder = scratch / collection
        count = write_markdown(collection, data / mine[0]["library"], folder / "documents")
        kernel = Kernel(command, folder / "workspace", timeout)
        seconds = {"init": kernel.must("init"), "library_add": kernel.must("library", "add", str(folder / "documents"))}
        records, asked = ask_all(kernel, mine)
        labels = [
            {
                "id": row["id"],
                "question": row["question"],
                "named_systems": [],
                "must_show": [],
                "must_find": [{"any_of": [source], "why": "relevant"} for source in row["relevant"]],
            }
            for row in mine
        ]
        grades = grade(records, Labels(labels, []))
        found[collection] = {
            "documents": count,
            "digests": _digests(records),
            "seconds": seconds,
            "asked": asked,
            "grades": grades,
        }
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Ask the thirteen questions through the command line and grade them.")
    parser.add_argument("--data", type=Path, required=True, help="what `library add` gets: a folder of arXiv listings")
    parser.add_argument("--out", type=Path, required=True, help="JSON with machine, library and grades")
    parser.add_argument("--sovereign", default="sovereign", help="the command line, `sovereign` as installed")
    parser.add_argument("--workspace", type=Path, help="a new folder to keep; a temporary one without it")
    parser.add_argument("--outside", type=Path, help="folder of the collections in outside.jsonl: ask those ten too")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one command")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="questions-") as scratch:
        try:
            if not options.data.exists():
                raise RunFailed(f"no data at {options.data}")
            if options.workspace and options.workspace.exists():
                raise RunFailed(f"{options.workspace} exists; give a new folder, so that nothing older is graded")
            kernel = Kernel(options.sovereign, options.workspace or Path(scratch) / "workspace", options.timeout)
            result: Json = {
                "schema": "sovereign-question-run-v1",
                "machine": machine(),
                "version": _plain(kernel.json("version")),
                **thirteen(kernel, options.data),
            }
            if options.outside:
                result["outside"] = outside(options.sovereign, options.outside, Path(scratch), options.timeout)
        except (RunFailed, ValueError, OSError) as error:
            print(f"the run could not be made: {error}", file=sys.stderr)
            return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(summary(result["grades"]))
    for collection, part in result.get("outside", {}).items():
        print(f"\noutside, {collection}:\n{summary(part['grades'])}")
    return 0 if result["grades"]["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
