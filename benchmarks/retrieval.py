"""Retrieval quality through `Library.search`, the call that `ask` makes, beside three other engines.

    python benchmarks/retrieval.py --data DIR [--output benchmarks/results/retrieval.json]

DIR holds `scifact/corpus.jsonl.gz`, `beir-scifact/queries.jsonl`, `beir-scifact/qrels/{train,test}.tsv` and
`cacm/{corpus.jsonl,queries.jsonl,qrels/test.tsv}`. BEIR SciFact test is 300 claims over 5,183 abstracts; CACM 52 judged
topics over 3,204 abstracts. Each engine sees title and abstract as one text, and the claim or topic as it stands.

Reported per engine: nDCG@10 (binary gain), recall@10 and @100, build time, time per query, and how many queries raised;
and, paired by query, ours minus theirs in nDCG@10 with a 95% bootstrap interval. The seed rule is the cosine of
(1,2)-gram TF-IDF vectors, as the earlier system used it. The other engines need the extra `bench`; one that is not
installed is reported as that.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib.metadata
import json
import math
import os
import platform
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovereign.library import Library

DEPTH, SEED = 100, 20_260
Search = Callable[[str], list[str]]


@dataclass(frozen=True)
class Collection:
    """A test collection: documents (id -> text), queries, and the ids relevant to each query."""

    name: str
    file: Path
    documents: Mapping[str, str]
    queries: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]


def load(name: str, corpus: Path, queries: Path, qrels: Path) -> Collection:
    """Read a collection in the layout of BEIR; only judged queries are kept."""
    documents = {}
    raw = corpus.read_bytes()
    for line in (gzip.decompress(raw) if corpus.suffix == ".gz" else raw).splitlines():
        row = json.loads(line)
        body = row.get("abstract") or row.get("text") or ""
        body = " ".join(body) if isinstance(body, list) else body
        documents[str(row.get("_id", row.get("doc_id")))] = f"{row['title']} {body}"
    relevant: dict[str, set[str]] = {}
    with qrels.open(encoding="utf-8") as lines:
        for query, document, score in list(csv.reader(lines, delimiter="\t"))[1:]:
            if int(score) > 0:
                relevant.setdefault(query, set()).add(document)
    texts = {}
    for line in queries.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["_id"] in relevant:
            texts[row["_id"]] = row["text"]
    return Collection(name, corpus, documents, texts, {q: frozenset(d) for q, d in relevant.items() if q in texts})


def ours(collection: Collection, folder: Path) -> Search:
    """The library, filled by its own reader and asked as `ask` asks it."""
    library = Library.open(folder / "library", create=True)
    library.add(collection.file)
    local = {source: source.split(":", 1)[1] for source in library.ids()}
    if set(local.values()) != set(collection.documents):
        raise RuntimeError("the library does not hold the collection's documents")
    return lambda query: [local[hit.source] for hit in library.search(query, k=DEPTH)]


def seed_rule(collection: Collection, _folder: Path) -> Search:
    """Cosine of TF-IDF vectors of words and word pairs."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    ids = list(collection.documents)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    matrix = vectorizer.fit_transform(collection.documents.values())

    def search(query: str) -> list[str]:
        scores = (matrix @ vectorizer.transform([query]).T).toarray().ravel()
        return [ids[n] for n in (-scores).argsort(kind="stable")[:DEPTH] if scores[n] > 0]

    return search


def bm25s(collection: Collection, _folder: Path) -> Search:
    """bm25s, Lucene's formula, k1 1.5, b .75, English stop words and stemmer."""
    import bm25s as engine
    import Stemmer

    ids, stemmer = list(collection.documents), Stemmer.Stemmer("english")

    def tokens(texts: Sequence[str]) -> Any:
        return engine.tokenize(list(texts), stopwords="en", stemmer=stemmer, show_progress=False)

    index = engine.BM25(method="lucene", k1=1.5, b=0.75)
    index.index(tokens(list(collection.documents.values())), show_progress=False)

    def search(query: str) -> list[str]:
        found, scores = index.retrieve(tokens([query]), k=min(DEPTH, len(ids)), show_progress=False)
        return [ids[n] for n, score in zip(found[0], scores[0], strict=True) if score > 0]

    return search


def fts5(collection: Collection, folder: Path) -> Search:
    """SQLite FTS5, Porter stemmer, words quoted and joined by OR."""
    database = sqlite3.connect(folder / "fts5.sqlite")
    database.execute("CREATE VIRTUAL TABLE documents USING fts5(id UNINDEXED, body, tokenize='porter unicode61')")
    database.executemany("INSERT INTO documents VALUES (?, ?)", collection.documents.items())
    database.commit()

    def search(query: str) -> list[str]:
        words = dict.fromkeys(re.findall(r"\w+", query.lower()))
        expression = " OR ".join(f'"{word}"' for word in words)
        rows = database.execute(
            "SELECT id FROM documents WHERE documents MATCH ? ORDER BY bm25(documents), rowid LIMIT ?",
            (expression, DEPTH),
        )
        return [row[0] for row in rows]

    return search


ENGINES: Mapping[str, tuple[Callable[[Collection, Path], Search], tuple[str, ...]]] = {
    "sovereign": (ours, ("tantivy",)),
    "seed rule": (seed_rule, ("scikit-learn", "numpy")),
    "bm25s": (bm25s, ("bm25s", "PyStemmer", "numpy")),
    "SQLite FTS5": (fts5, ()),
}


def ndcg(ranked: Sequence[str], relevant: frozenset[str], cut: int = 10) -> float:
    """Normalised discounted cumulative gain with binary gains."""
    gain = sum(1 / math.log2(rank + 1) for rank, document in enumerate(ranked[:cut], 1) if document in relevant)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(cut, len(relevant)) + 1))


def interval(values: Sequence[float], draws: int) -> list[float]:
    """95% bootstrap interval of a mean over queries; the same seed for every pair."""
    draw = random.Random(SEED)
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(draws))
    return [round(means[int(draws * share)], 4) for share in (0.025, 0.975)]


def measure(collection: Collection, name: str, draws: int) -> tuple[dict[str, Any], list[float]]:
    """Build one engine on a collection and put every query to it. Returns its row and nDCG@10 by query."""
    build, packages = ENGINES[name]
    missing = [p for p in packages if not _version(p)]
    if missing:
        return {"absent": f"not installed: {', '.join(missing)}; install the extra `bench`"}, []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        search = build(collection, Path(folder))
        built = time.perf_counter() - start
        for text in list(collection.queries.values())[:5]:
            search(text)
        crashes, times = [], []
        gains, recalls10, recalls100 = [], [], []
        for query, text in collection.queries.items():
            relevant = collection.relevant[query]
            start = time.perf_counter()
            try:
                ranked = search(text)
            except Exception as error:
                crashes.append({"query": query, "error": f"{type(error).__name__}: {error}"[:200]})
                ranked = []
            times.append(1000 * (time.perf_counter() - start))
            gains.append(ndcg(ranked, relevant))
            recalls10.append(len(relevant & set(ranked[:10])) / len(relevant))
            recalls100.append(len(relevant & set(ranked)) / len(relevant))
    times.sort()
    row = {
        "ndcg@10": round(statistics.fmean(gains), 4),
        "ndcg@10_interval": interval(gains, draws),
        "recall@10": round(statistics.fmean(recalls10), 4),
        "recall@100": round(statistics.fmean(recalls100), 4),
        "queries": len(gains),
        "crashes": len(crashes),
        "crashed": crashes,
        "build_s": round(built, 2),
        "query_ms": {"p50": round(times[len(times) // 2], 2), "p95": round(times[int(0.95 * len(times))], 2)},
    }
    return row, gains


def compare(collection: Collection, draws: int) -> dict[str, Any]:
    """All engines on one collection, and ours against each."""
    rows: dict[str, dict[str, Any]] = {}
    gains: dict[str, list[float]] = {}
    for name in ENGINES:
        rows[name], gains[name] = measure(collection, name, draws)
        said = rows[name].get("absent") or {k: v for k, v in rows[name].items() if k != "crashed"}
        print(f"{collection.name:18} {name:12} {said}", flush=True)
    differences = {}
    for name in ENGINES:
        if name != "sovereign" and gains[name]:
            pairs = [a - b for a, b in zip(gains["sovereign"], gains[name], strict=True)]
            differences[f"sovereign - {name}"] = {
                "sovereign": rows["sovereign"]["ndcg@10"], name: rows[name]["ndcg@10"],
                "difference": round(statistics.fmean(pairs), 4), "interval": interval(pairs, draws),
            }  # fmt: skip
            print(f"{collection.name:18} {differences[f'sovereign - {name}']}", flush=True)
    return {"documents": len(collection.documents), "engines": rows, "paired_differences_ndcg@10": differences}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """What the times were taken on; the load says how far to trust them."""
    model = ""
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        model = next((m[1] for m in re.finditer(r"model name\s*: (.+)", cpuinfo.read_text())), "")
    packages = sorted({p for _, needed in ENGINES.values() for p in needed})
    return {
        "processor": model, "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(), "sqlite": sqlite3.sqlite_version,
        "packages": {p: _version(p) for p in packages}, "load_average_1m": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def main() -> int:
    """Run all collections that are there; 0 if our engine answered every query."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--draws", type=int, default=10_000)
    options = parser.parse_args()
    data: Path = options.data
    wanted = {
        "BEIR SciFact test": (data / "scifact/corpus.jsonl.gz", data / "beir-scifact/queries.jsonl",
                              data / "beir-scifact/qrels/test.tsv"),
        "BEIR SciFact train": (data / "scifact/corpus.jsonl.gz", data / "beir-scifact/queries.jsonl",
                               data / "beir-scifact/qrels/train.tsv"),
        "CACM": (data / "cacm/corpus.jsonl", data / "cacm/queries.jsonl", data / "cacm/qrels/test.tsv"),
    }  # fmt: skip
    results: dict[str, Any] = {}
    for name, files in wanted.items():
        if missing := [file.name for file in files if not file.exists()]:
            print(f"{name}: skipped, {', '.join(missing)} not found under the --data folder")
            continue
        results[name] = compare(load(name, *files), options.draws)
    crashes = sum(found["engines"]["sovereign"]["crashes"] for found in results.values())
    report = {
        "what": "retrieval through Library.search; nDCG@10 with binary gain; intervals are 95%, bootstrap over queries",
        "note": "stop words, fields and formula were chosen on BEIR SciFact train alone",
        "draws": options.draws, "seed": SEED, "depth": DEPTH, "machine": machine(), "collections": results,
    }  # fmt: skip
    if options.output and results:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written: {options.output}")
    return 0 if crashes == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
