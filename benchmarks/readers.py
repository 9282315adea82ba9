"""How much of a paper the readers recover, beside other tools, and whether every quote from it is found again.

    python benchmarks/readers.py [--data ../shared/data] [--output benchmarks/results/readers.json]

DATA holds `fulltext-parse-samples`. Its PDFs come with TEI of GROBID for two of five; its JATS and HTML are their own
reference, read by the standard library alone; its TeX is compared with pandoc's reading, where pandoc is installed.

- `recall`: share of the reference's distinct word 5-grams that stand in the output; `precision`: share of the output's
  that stand in the reference. Words are letters and digits in lower case. What a reference leaves out (GROBID: tables,
  captions, references) weighs on precision, not on recall.
- `spans`: sentences, passages and table cells drawn from the stored text by the code that `ask` quotes with, and judged
  by the rule that `check` applies; each must be found again character for character.
- `cells`: non-empty cells of JATS and HTML tables (of TeX: numbers in tabulars) whose words stand in a line of a table.
- `seconds`: median and range over `--repeats` runs, the tools taking turns on each file.
"""

from __future__ import annotations

import argparse
import html.parser
import importlib.metadata
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sovereign.inquiry import extract, passages, sentences, tables
from sovereign.judge import quote_fault
from sovereign.library import Library
from sovereign.library.readers import Paper, Unreadable, read_bytes

GRAM = 5
_TEI = "{http://www.tei-c.org/ns/1.0}"
Tool = Callable[[Path], str]


def grams(text: str) -> set[tuple[str, ...]]:
    """The distinct word 5-grams of a text."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    return {tuple(words[n : n + GRAM]) for n in range(len(words) - GRAM + 1)}


# -- references


def tei(path: Path) -> str:
    """Abstract, headings and paragraphs of GROBID's TEI."""
    root = ElementTree.parse(path).getroot()
    parts = [*root.iter(f"{_TEI}abstract"), *root.iter(f"{_TEI}body")]
    wanted = (e for part in parts for e in part.iter() if e.tag in (f"{_TEI}p", f"{_TEI}head"))
    return "\n".join("".join(e.itertext()) for e in wanted)


def jats(path: Path) -> str:
    """Titles, paragraphs and cells of the abstract and the body."""
    root = ElementTree.fromstring(re.sub(rb"<!DOCTYPE[^>]*>", b"", path.read_bytes()))
    parts = [*root.iter("abstract"), *root.iter("body")]
    for part in parts:
        for tag in ("{http://www.w3.org/1998/Math/MathML}math", "tex-math", "graphic"):
            for parent in part.iter():
                for child in [c for c in parent if c.tag == tag]:
                    child.clear()
    return "\n".join(
        "".join(e.itertext()) for part in parts for e in part.iter() if e.tag in ("title", "p", "td", "th")
    )


class _Paragraphs(html.parser.HTMLParser):
    """The words of `p` elements, and of cells; those of boxes for moving about the site aside."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.cells: list[str] = []
        self._open: list[str] = []
        self._boxes: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._boxes.append(bool(re.search(r"nav|metadata|mbox|sidebar", dict(attrs).get("class") or "")))
        if tag in ("p", "td", "style", "script"):
            self._open.append(tag)
            (self.cells if tag == "td" else self.words).append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._boxes:
            self._boxes.pop()
        if tag in self._open:
            while self._open.pop() != tag:
                continue

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("p", "td") and not any(self._boxes):
            (self.cells if "td" in self._open else self.words).append(data)


def page(path: Path) -> str:
    """The paragraphs of a page outside tables."""
    parser = _Paragraphs()
    parser.feed(path.read_text(encoding="utf-8"))
    return "".join(parser.words)


def pandoc(path: Path) -> str:
    """pandoc's reading of the main file of a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
        for style in Path(folder).glob("*.sty"):  # with a conference's style beside the paper, it does not end
            style.unlink()
        mains = [p for p in Path(folder).glob("*.tex") if b"\\documentclass" in p.read_bytes()]
        main = next((p for p in mains if p.with_suffix(".bbl").exists()), mains[0])
        command = ["pandoc", "-f", "latex", "-t", "plain", "--wrap=none", main.name]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        if ended.returncode:
            raise RuntimeError(ended.stderr.strip()[:200])
        return ended.stdout


# -- tools


def ours(path: Path) -> str:
    return read_bytes(path.read_bytes(), path.name).text


def pdftotext(path: Path) -> str:
    return subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True, timeout=120, check=True).stdout


def pypdf_text(path: Path) -> str:
    import pypdf

    return "\n".join(page.extract_text() or "" for page in pypdf.PdfReader(path).pages)


def pandoc_jats(path: Path) -> str:
    command = ["pandoc", "-f", "jats", "-t", "plain", "--wrap=none", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def pandoc_html(path: Path) -> str:
    command = ["pandoc", "-f", "html", "-t", "plain", "--wrap=none", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


# -- measures


def spans(path: Path, paper: Paper) -> dict[str, int]:
    """How many sentences, passages and cells of the stored text there are, and how many are found again."""
    with tempfile.TemporaryDirectory() as folder, Library.open(folder, create=True) as library:
        library.add(path)
        (source_id,) = library.ids()
        stored = library.get(source_id)
    drawn = [(p.start, p.end) for p in sentences.sentences(stored.text, stored.body_start)]
    kept = passages.split(stored.text, stored.body_start)
    drawn += [(p.start, p.end) for p in kept]
    for block in kept:
        if block.kind is passages.Kind.TABLE:
            table = tables.parse(stored.text, block.start, block.end)
            drawn += [(entry.start, entry.end) for row in table.rows for entry in row.entries]
    own = [(cell.start, cell.end) for table in paper.tables for cell in table.cells]
    whole = stored.text == paper.text
    quotes = [extract.span_quote(source_id, stored.sha256, stored.text, low, high) for low, high in [*drawn, *own]]
    found = sum(quote_fault(quote, stored.text) is None and bool(quote.text.strip()) for quote in quotes)
    return {"drawn": len(quotes), "found": found if whole else 0}


def cells_of(path: Path, paper: Paper) -> dict[str, int] | None:
    """Cells of the file's tables, and those whose words stand in the tables' lines."""
    said = [" ".join(paper.text[t.start : t.end].split()) for t in paper.tables]
    if path.suffix == ".nxml":
        root = ElementTree.fromstring(re.sub(rb"<!DOCTYPE[^>]*>", b"", path.read_bytes()))
        cells = ["".join(e.itertext()) for e in root.iter("td")]
    elif path.suffix in (".html", ".txt"):
        parser = _Paragraphs()
        parser.feed(path.read_text(encoding="utf-8"))
        cells = "".join(parser.cells).split("\n") if paper.tables else []
    elif path.suffix == ".gz":
        cells = []
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isreg() and re.search(r"(?<!/)/?[^._/][^/]*\.tex$", member.name) and "old" not in member.name:
                    handle = archive.extractfile(member)
                    source = handle.read().decode("utf-8", "replace") if handle else ""
                    source = re.sub(r"(?<!\\)%.*", "", source)
                    for body in re.findall(r"\\begin\{tabular[x*]?\}(.*?)\\end\{tabular[x*]?\}", source, re.S):
                        cells += re.findall(r"(?<![\w.{-])\d+\.\d+(?![\w.])", body)
    else:
        return None
    bare = re.compile(r"[\W_]+")
    lines = bare.sub("", " ".join(said)).casefold()
    wanted = [one for cell in cells if (one := bare.sub("", cell).casefold())]
    return {"cells": len(wanted), "found": sum(one in lines for one in wanted)}


def measure(path: Path, tools: dict[str, Tool], reference: set[tuple[str, ...]] | None, repeats: int) -> dict[str, Any]:
    """Recall, precision and time of each tool on a file, the tools taking turns."""
    found: dict[str, Any] = {}
    times: dict[str, list[float]] = {name: [] for name in tools}
    texts: dict[str, str] = {}
    for _ in range(repeats):
        for name, tool in tools.items():
            started = time.perf_counter()
            try:
                texts[name] = tool(path)
            except (Unreadable, subprocess.SubprocessError, OSError, RuntimeError, ValueError) as error:
                found[name] = {"failed": str(error)[:200]}
            times[name].append(time.perf_counter() - started)
    for name, text in texts.items():
        took = times[name]
        row: dict[str, Any] = {
            "characters": len(text),
            "seconds": {"median": round(statistics.median(took), 3), "range": [round(f(took), 3) for f in (min, max)]},
        }
        if reference:
            own = grams(text)
            shared = len(own & reference)
            row |= {
                "recall": round(shared / len(reference), 4), "precision": round(shared / max(1, len(own)), 4),
                "shared": shared, "reference": len(reference), "output": len(own),
            }  # fmt: skip
        found[name] = row
    return found


def adding(data: Path, papers: int) -> dict[str, Any]:
    """Seconds of `Library.add` for a folder of papers: the samples under arXiv numbers of their own; and once more."""
    # Not the one with a stamp: it is what its stamp says, whatever its name.
    samples = [path for _, path, _, _, _ in corpus(data) if path.name != "paperqa_pasa.pdf"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in"
        source.mkdir()
        kinds: dict[str, int] = {}
        for n in range(papers):
            path = samples[n % len(samples)]
            shutil.copy(path, source / f"2401.{n:05d}{path.suffix}")
            kinds[path.suffix] = kinds.get(path.suffix, 0) + 1
        took = []
        with Library.open(Path(folder) / "library", create=True) as library:
            for _ in range(2):
                started = time.perf_counter()
                report = library.add(source)
                took.append(round(time.perf_counter() - started, 2))
                assert not report.failed, report.failed[:3]
            size = library.size
            characters = sum(len(library.get(one).text) for one in library.ids())
    return {
        "papers": papers, "by_suffix": kinds, "sources": size, "characters": characters, "seconds": took[0],
        "seconds_again": took[1], "papers_per_second": round(papers / took[0], 2),
    }  # fmt: skip


def corpus(data: Path) -> Iterable[tuple[str, Path, str, Callable[[], str] | None, dict[str, Tool]]]:
    """(format, file, what the reference is, the reference, tools) of every sample."""
    folder = data / "fulltext-parse-samples"
    poppler = {"pdftotext": pdftotext} if shutil.which("pdftotext") else {}
    has_pandoc = shutil.which("pandoc") is not None
    for path in sorted(folder.glob("pdf/*.pdf")):
        beside = path.with_name(path.stem + ".tei.xml")
        yield "pdf", path, "GROBID's TEI", lambda b=beside: tei(b), {"ours": ours, **poppler, "pypdf": pypdf_text}
    for path in sorted(folder.glob("*.pdf")):
        yield "pdf", path, "", None, {"ours": ours, **poppler, "pypdf": pypdf_text}
    for path in sorted(folder.glob("latex/*.gz")):
        yield "tex", path, "pandoc", (lambda p=path: pandoc(p)) if has_pandoc else None, {"ours": ours}
    for path in sorted(folder.glob("jats/*.nxml")):
        tools = {"ours": ours, **({"pandoc": pandoc_jats} if has_pandoc else {})}
        yield "jats", path, "its own title, p, td and th", lambda p=path: jats(p), tools
    for path in (folder / "paperqa_flag_day.html", folder / "paperqa_bates.txt"):
        tools = {"ours": ours, **({"pandoc": pandoc_html} if has_pandoc else {})}
        yield "html", path, "its own p", lambda p=path: page(p), tools


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Per format and tool: sums over its files."""
    table: dict[str, Any] = {}
    for kind in dict.fromkeys(row["format"] for row in rows):
        mine = [row for row in rows if row["format"] == kind]
        told: dict[str, Any] = {
            "files": len(mine),
            "failed": [row["file"] for row in mine if "failed" in row["tools"]["ours"]],
            "spans": {k: sum(row["spans"][k] for row in mine if row["spans"]) for k in ("drawn", "found")},
        }
        if counted := [row["cells"] for row in mine if row["cells"]]:
            told["cells"] = {k: sum(c[k] for c in counted) for k in ("cells", "found")}
        told["tools"] = {}
        for tool in dict.fromkeys(name for row in mine for name in row["tools"]):
            read = [row["tools"][tool] for row in mine if "failed" not in row["tools"].get(tool, {"failed": ""})]
            judged = [one for one in read if "recall" in one]
            told["tools"][tool] = {
                "files": len(read), "judged": len(judged),
                "seconds": round(sum(one["seconds"]["median"] for one in read), 3),
            }  # fmt: skip
            if judged:
                shared, wanted, out = (sum(one[k] for one in judged) for k in ("shared", "reference", "output"))
                told["tools"][tool] |= {
                    "recall": round(shared / wanted, 4), "precision": round(shared / out, 4),
                    "shared": shared, "reference": wanted, "output": out,
                }  # fmt: skip
        table[kind] = told
    return table


def markdown(table: dict[str, Any]) -> str:
    """The table of docs/reading.md."""
    lines = [
        "| format | tool | files | recall | precision | spans found again | cells found | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, told in table.items():
        for tool, one in told["tools"].items():
            own = tool == "ours"
            spans_told = f"{told['spans']['found']:,} of {told['spans']['drawn']:,}" if own else ""
            cells = f"{told['cells']['found']:,} of {told['cells']['cells']:,}" if own and "cells" in told else ""
            judged = f"{one['recall']:.3f} | {one['precision']:.3f}" if "recall" in one else " | "
            files = f"{one['files']} of {told['files']}"
            files += f" ({one['judged']} judged)" if one["judged"] < one["files"] else ""
            lines.append(f"| {kind} | {tool} | {files} | {judged} | {spans_told} | {cells} | {one['seconds']:.2f} |")
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _said(command: list[str]) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "not installed"
    return (ended.stdout + ended.stderr).splitlines()[0] if ended.stdout + ended.stderr else ""


def main() -> int:
    """Measure every sample; 0 if every span was found again and no file failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--papers", type=int, default=200, help="how many papers to add at once; 0 for none")
    options = parser.parse_args()
    if not (options.data / "fulltext-parse-samples").is_dir():
        print(f"skipped: {options.data} holds no fulltext-parse-samples")
        return 0
    rows = []
    for kind, path, what, reference, tools in corpus(options.data):
        row: dict[str, Any] = {"format": kind, "file": path.name, "reference": what, "spans": None, "cells": None}
        row["tools"] = measure(path, tools, grams(reference()) if reference else None, options.repeats)
        if "failed" not in row["tools"]["ours"]:
            paper = read_bytes(path.read_bytes(), path.name)
            row |= {
                "spans": spans(path, paper), "cells": cells_of(path, paper), "tables": len(paper.tables),
                "sections": len(paper.sections), "references": len(paper.references), "reader": paper.reader,
            }  # fmt: skip
        rows.append(row)
        print(f"{kind:5} {path.name:32}", {n: one.get("recall", one.get("failed")) for n, one in row["tools"].items()})
    table = summary(rows)
    cpuinfo = Path("/proc/cpuinfo")
    processor = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    report = {
        "what": "text recovered, spans found again and cells found by the readers of papers; see benchmarks/readers.py",
        "gram": GRAM, "repeats": options.repeats, "table": table, "files": rows,
        "adding": adding(options.data, options.papers) if options.papers else None,
        "machine": {
            "processor": processor[1] if processor else "", "cores": len(os.sched_getaffinity(0)),
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "packages": {p: _version(p) for p in ("pypdfium2", "pypdf", "lxml", "charset-normalizer")},
            "pdftotext": _said(["pdftotext", "-v"]), "pandoc": _said(["pandoc", "--version"]),
            "load_average_1m": round(os.getloadavg()[0], 2),
        },
    }  # fmt: skip
    print(markdown(table))
    print("adding:", report["adding"])
    if options.output:
        options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written: {options.output}")
    whole = all(told["spans"]["drawn"] == told["spans"]["found"] and not told["failed"] for told in table.values())
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
