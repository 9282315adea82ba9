"""Three kernels that must fail: they make records of valid shape over a library, and no rule of shape stops them.

    python -m benchmarks.questions.decoys --data DIR --out DIR

- `keeps_nothing` reports every system as missing and every cell as not measured, for any library.
- `top_ten` keeps the ten best lexical hits of the whole question, claims every sentence of them with true offsets,
  and fills the question's cells with them under facets that it makes up.
- `lead_abstract` keeps the best hit and gives its abstract as the answer, as the earlier system did.

They are as honest as they can be in everything else, so that only the substance of a rule can catch them.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ._record import Json
from .grader import HERE, Labels


@dataclass(frozen=True)
class Paper:
    """A text of the decoys' library."""

    id: str
    title: str
    text: str
    kind: str = "work"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def source(self) -> Json:
        level = "abstract" if self.kind == "work" else None
        return {"id": self.id, "title": self.title, "kind": self.kind, "text_level": level, "sha256": self.sha256}


class Library:
    """Papers ranked by BM25 over title and text (SQLite FTS5, Porter stems), ties by id."""

    def __init__(self, papers: Iterable[Paper]) -> None:
        self._papers: dict[str, Paper] = {}
        self._db = sqlite3.connect(":memory:")
        self._db.execute("create virtual table papers using fts5(id unindexed, title, body, tokenize='porter')")
        for paper in papers:
            self._papers[paper.id] = paper
            self._db.execute("insert into papers values (?, ?, ?)", (paper.id, paper.title, paper.text))

    def top(self, question: str, count: int) -> list[Paper]:
        """The best hits of all words of a question, joined by OR."""
        words = dict.fromkeys(re.findall(r"[a-z0-9]{2,}", question.lower()))
        query = " OR ".join(f'"{word}"' for word in words)
        rows = self._db.execute(
            "select id from papers where papers match ? order by rank, id limit ?", (query, count)
        ).fetchall()
        return [self._papers[row[0]] for row in rows]


def arxiv_papers(folder: Path) -> Iterator[Paper]:
    """Every row of the `*.jsonl.gz` listings of a folder, title and abstract as its text."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                title = " ".join(row["title"].split())
                yield Paper(f"arxiv:{row['id']}", title, f"{title}\n\n{row['summary'].strip()}\n")


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a text: cut after a full stop and white space, or at an empty line."""
    spans, start = [], 0
    for match in re.finditer(r"(?<=[.!?])\s+|\n\s*\n", text + "\n\n"):
        if text[start : match.start()].strip():
            spans.append((start, match.start()))
        start = match.end()
    return spans


def _claim(paper: Paper, start: int, end: int, facets: Json) -> Json:
    said = paper.text[start:end]
    quote = {"source": paper.id, "start": start, "end": end, "text": said, "sha256": paper.sha256}
    key = hashlib.sha256(f"{paper.id} {start}".encode()).hexdigest()[:10]
    grounding = {"work": "quoted", "note": "reported"}[paper.kind]
    return {"id": f"c-{key}", "text": said, "grounding": grounding, "agreement": "not_assessed",
            "reproduction": "none", "facets": facets, "quotes": [quote]}  # fmt: skip


def _cells(label: Json) -> list[Json]:
    """The question's cells: system by metric by benchmark, each left out where the label has none."""
    systems = [system["name"] for system in label["named_systems"]] or [None]
    metrics, benchmarks = label.get("metrics") or [None], label.get("benchmarks") or [None]
    facets = [{"system": s, "metric": m, "benchmark": b} for s in systems for m in metrics for b in benchmarks]
    return [{"id": f"cell-{n}", "facets": f, "claims": [], "gap": True, "nearest": []} for n, f in enumerate(facets, 1)]


def _record(name: str, label: Json, papers: list[Paper], claims: list[Json], cells: list[Json], answer: Json) -> Json:
    """A record with every top-level field of the contract; what rules decide is left at its lowest."""
    identity = hashlib.sha256(f"{name} {label['id']}".encode()).hexdigest()
    missing = [] if name == "top_ten" else [{"name": s["name"], "reason": "no source"} for s in label["named_systems"]]
    return {
        "id": f"SRCH:{identity[:8].upper()}",
        "version": 1,
        "body_digest": identity,
        "library_digest": hashlib.sha256(b"decoy").hexdigest(),
        "question": {"text": label["question"], "facets": {}},
        "answer": answer,
        "claims": claims,
        "sources": [paper.source() for paper in papers],
        "cells": cells,
        "missing_systems": missing,
        "searches": [],
        "dropped": [],
        "tribunal": {"score": 0, "verdict": "DECLINE", "revision_round": 0, "reviews": []},
        "decision": {"policy": "QUARANTINE", "reasons": ["a decoy"]},
        "gate_verdict": {"status": "UNVERIFIED", "reason": "nothing was run", "cells": []},
        "verification_level": 1 if papers else 0,
        "quality_tier": "QUARANTINE_CANDIDATE",
        "quality_dimensions": {},
        "limitations": [],
    }


def _not_measured(cell: Json) -> Json:
    named = [value for value in cell["facets"].values() if value]
    return {"text": f"{', '.join(named)}: not measured.", "claims": [], "cells": [cell["id"]]}


def keeps_nothing(label: Json, _: Library) -> tuple[Json, list[Paper]]:
    """No source, every gap stated, every system reported missing."""
    cells = _cells(label)
    answer = {"status": "no_evidence", "sentences": [_not_measured(cell) for cell in cells]}
    return _record("keeps_nothing", label, [], [], cells, answer), []


def top_ten(label: Json, library: Library) -> tuple[Json, list[Paper]]:
    """Ten hits of the whole question; all their sentences fill all cells, by facets that are made up."""
    papers, cells = library.top(label["question"], 10), _cells(label)
    facets = {key: cells[0]["facets"][key] for key in ("system", "metric", "benchmark")}
    claims = [_claim(paper, start, end, facets) for paper in papers for start, end in sentences(paper.text)]
    for cell in cells:
        cell["claims"], cell["gap"] = [claim["id"] for claim in claims], not claims
    answer = {
        "status": "answered",
        "sentences": [{"text": c["text"], "claims": [c["id"]], "cells": []} for c in claims],
    }
    return _record("top_ten", label, papers, claims, cells, answer), papers


def lead_abstract(label: Json, library: Library) -> tuple[Json, list[Paper]]:
    """The best hit's abstract under the question; the cells stay gaps of which the answer says nothing."""
    papers, cells = library.top(label["question"], 1), _cells(label)
    claims = [_claim(paper, start, end, {}) for paper in papers for start, end in sentences(paper.text)]
    answer = {
        "status": "not_measured",
        "sentences": [{"text": c["text"], "claims": [c["id"]], "cells": []} for c in claims],
    }
    return _record("lead_abstract", label, papers, claims, cells, answer), papers


DECOYS: dict[str, Callable[[Json, Library], tuple[Json, list[Paper]]]] = {
    decoy.__name__: decoy for decoy in (keeps_nothing, top_ten, lead_abstract)
}


def write(out: Path, labels: Labels, library: Library) -> dict[str, Path]:
    """Every decoy's record of every question, with its texts, under `out/<decoy>/<question>/`."""
    folders = {}
    for name, make in DECOYS.items():
        folders[name] = out / name
        for label in labels.questions:
            record, papers = make(label, library)
            texts = out / name / label["id"] / "texts"
            texts.mkdir(parents=True, exist_ok=True)
            for paper in papers:
                (texts / f"{paper.sha256}.txt").write_bytes(paper.text.encode())
            (texts.parent / "record.json").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    return folders


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.questions.decoys", description="Write the three decoys' records.")
    parser.add_argument("--data", type=Path, required=True, help="folder of arXiv listings, *.jsonl.gz")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not any(options.data.glob("*.jsonl.gz")):
        print(f"no *.jsonl.gz in {options.data}", file=sys.stderr)
        return 2
    for name, folder in write(options.out, Labels.read(HERE), Library(arxiv_papers(options.data))).items():
        print(f"{name}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
