"""Which paragraphs of a paper answer a question about it: our passage ranking beside BM25, on QASPER.

    python benchmarks/qasper.py --data DIR [--output benchmarks/results/qasper.json] [--sovereign COMMAND]

DIR holds `papers.tar.gz` and `questions_{train,validation}.json` of QASPER 0.3. Reported is the validation split: its
first 200 papers by id, all questions on them. The training split (all its papers) is what the ranker's weights were set
on and is shown as that. The papers are added to a library as full texts, and both rankers see the paragraphs of the
stored text, without abstracts (none is marked), reference lists and the like.

Evidence of a question are the paragraphs that any annotator marked. What is marked and is no paragraph (a figure's or a
table's caption, a heading) cannot be found and is left out, and so is a question of which nothing is left; both are
counted. Recall at 5 is the share of a question's evidence among the first five, averaged over questions. The interval
of the difference is a bootstrap over papers. BM25 alone is k1 1.2, b .75 over the same index terms and without the same
stop words as in `Library.search`, with the paper's own statistics; `bm25 with stop words` leaves them in.

Then 30 of the questions are asked through the command line over the library of 200 papers: exit status, seconds, and
the rules of `benchmarks/questions`. QASPER's questions do not name their paper, so what is found is not graded.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import random
import re
import statistics
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.questions.grader import Labels, grade
from benchmarks.questions.run import Kernel, ask_all, machine

from sovereign.inquiry.extract import span_quote
from sovereign.inquiry.passages import Kind, Passage, split
from sovereign.inquiry.relevance import rank
from sovereign.judge import quote_fault
from sovereign.library import Library, Stored
from sovereign.library.index import STOP_TERMS, analyse

PAPERS, ASKED, CUT, SEED, DRAWS = 200, 30, 5, 20_261, 10_000
Ranker = Callable[[str, Sequence[Passage], str], list[Passage]]


@dataclass(frozen=True)
class Question:
    """A question on a paper and the paragraphs marked as its evidence; `other` counts what is no paragraph."""

    paper: str
    text: str
    evidence: frozenset[str]
    other: int


def questions(data: Path, split_name: str) -> list[Question]:
    """All questions of a split, in the file's order."""
    rows = json.loads((data / f"questions_{split_name}.json").read_text(encoding="utf-8"))
    found = []
    for row in rows:
        marked = {text.strip() for answer in row["answers"] for text in answer["evidence"]}
        floats = {text for text in marked if text.startswith("FLOAT SELECTED")}
        found.append(Question(row["paper_id"], row["question"], frozenset(marked - floats), len(floats)))
    return found


def write_papers(data: Path, split_name: str, wanted: set[str], folder: Path) -> None:
    """Each paper as a Markdown file with front matter: a work, at the level of its full text."""
    folder.mkdir(parents=True)
    with tarfile.open(data / "papers.tar.gz") as archive:
        for member in archive:
            path = Path(member.name)
            if not member.isfile() or path.parent.name != split_name or path.stem not in wanted:
                continue
            file = archive.extractfile(member)
            assert file is not None
            text = file.read().decode("utf-8")
            title = text.partition("\n")[0].lstrip("# ")
            front = {"id": f"arxiv:{path.stem}", "kind": "work", "text_level": "full_text", "title": title}
            head = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in front.items())
            (folder / f"{path.stem}.md").write_text(f"---\n{head}---\n{text}", encoding="utf-8")


def bm25(
    text: str, passages: Sequence[Passage], question: str, stop: frozenset[str] = STOP_TERMS
) -> list[Passage]:
    """BM25 alone (Robertson and Zaragoza 2009, k1 1.2, b .75) over the passages; ties in the order of the text."""
    terms = set(analyse(question))
    counts = [Counter(analyse(text[p.start : p.end])) for p in passages]
    lengths = [sum(count.values()) for count in counts]
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    scores = [0.0] * len(passages)
    for term in sorted(terms - stop or terms):
        held = sum(term in count for count in counts)
        idf = math.log(1 + (len(passages) - held + 0.5) / (held + 0.5))
        for at, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            if n := count.get(term, 0):
                scores[at] += idf * 2.2 * n / (n + 1.2 * (0.25 + 0.75 * length / mean))
    return [passages[at] for at in sorted(range(len(passages)), key=lambda at: (-scores[at], at))]


def bm25_with_stop_words(text: str, passages: Sequence[Passage], question: str) -> list[Passage]:
    """The same, over every word of the question."""
    return bm25(text, passages, question, frozenset())


RANKERS: dict[str, Ranker] = {"sovereign": rank, "bm25": bm25, "bm25 with stop words": bm25_with_stop_words}


@dataclass
class Measured:
    """One split measured: recalls by ranker, in the order of `kept`, and what was left out."""

    kept: list[Question]
    recalls: dict[str, list[float]]
    milliseconds: dict[str, list[float]]
    counts: dict[str, int]


def measure(library: Library, asked: Sequence[Question]) -> Measured:
    """Recall at 5 of every ranker on every question with evidence; and each shown paragraph quoted and found again."""
    texts: dict[str, tuple[Stored, list[Passage]]] = {}
    measured = Measured([], {name: [] for name in RANKERS}, {name: [] for name in RANKERS}, Counter())
    counts = measured.counts
    for question in asked:
        if question.paper not in texts:
            stored = library.get(f"arxiv:{question.paper}")
            found = [p for p in split(stored.text, stored.body_start) if p.kind is Kind.PARAGRAPH]
            texts[question.paper] = stored, found
            counts["paragraphs"] += len(found)
        stored, passages = texts[question.paper]
        there = {stored.text[p.start : p.end] for p in passages}
        evidence = question.evidence & there
        counts["questions"] += 1
        counts["evidence_paragraphs"] += len(evidence)
        counts["evidence_captions_of_figures_and_tables"] += question.other
        counts["evidence_that_is_no_paragraph"] += len(question.evidence) - len(evidence)
        if not evidence:
            counts["questions_without_evidence_paragraphs"] += 1
            continue
        measured.kept.append(question)
        for name, ranker in RANKERS.items():
            began = time.perf_counter()
            best = ranker(stored.text, passages, question.text)[:CUT]
            measured.milliseconds[name].append((time.perf_counter() - began) * 1000)
            shown = {stored.text[p.start : p.end] for p in best}
            measured.recalls[name].append(len(shown & evidence) / len(evidence))
            for passage in best:
                quote = span_quote(stored.id, stored.sha256, stored.text, passage.start, passage.end)
                counts["quotes"] += 1
                counts["quotes_found_again"] += quote_fault(quote, stored.text) is None
    counts["papers"] = len(texts)
    counts["questions_measured"] = len(measured.kept)
    return measured


def interval(papers: Sequence[str], values: Sequence[float]) -> list[float]:
    """The 95% bootstrap interval of a mean over questions, papers drawn with replacement."""
    by_paper: dict[str, list[float]] = {}
    for paper, value in zip(papers, values, strict=True):
        by_paper.setdefault(paper, []).append(value)
    groups = [(sum(values), len(values)) for values in by_paper.values()]
    drawn = random.Random(SEED)
    means = []
    for _ in range(DRAWS):
        sample = drawn.choices(groups, k=len(groups))
        means.append(sum(total for total, _ in sample) / sum(number for _, number in sample))
    means.sort()
    return [round(means[int(DRAWS * 0.025)], 4), round(means[int(DRAWS * 0.975)], 4)]


def report(measured: Measured) -> dict[str, Any]:
    """Means, intervals and counts of a split."""
    papers = [question.paper for question in measured.kept]
    ours, theirs = measured.recalls["sovereign"], measured.recalls["bm25"]
    difference = [a - b for a, b in zip(ours, theirs, strict=True)]
    return {
        **dict(measured.counts),
        "recall_at_5": {
            name: {"mean": round(statistics.fmean(values), 4), "interval": interval(papers, values)}
            for name, values in measured.recalls.items()
        },
        "some_evidence_in_5": {
            name: round(sum(value > 0 for value in values) / len(values), 4)
            for name, values in measured.recalls.items()
        },
        "sovereign_minus_bm25": {
            "mean": round(statistics.fmean(difference), 4),
            "interval": interval(papers, difference),
            "better": sum(value > 0 for value in difference),
            "worse": sum(value < 0 for value in difference),
            "equal": sum(value == 0 for value in difference),
        },
        "milliseconds_median": {
            name: round(statistics.median(values), 2) for name, values in measured.milliseconds.items()
        },
    }


def measure_split(data: Path, name: str, papers: int | None, scratch: Path) -> tuple[dict[str, Any], list[Question]]:
    """A split's report and the questions asked; its papers lie in `scratch/<name>`."""
    asked = questions(data, name)
    chosen = sorted({question.paper for question in asked})[:papers]
    asked = [question for question in asked if question.paper in set(chosen)]
    write_papers(data, name, set(chosen), scratch / name)
    with Library.open(scratch / f"{name}-library", create=True) as library:
        began = time.perf_counter()
        added = library.add(scratch / name)
        seconds = time.perf_counter() - began
        assert added.added == len(chosen) and not added.failed, added
        result = {"library_add_seconds": round(seconds, 2), **report(measure(library, asked))}
    return result, asked


def ask_some(command: str, folder: Path, asked: Sequence[Question], scratch: Path) -> dict[str, Any]:
    """Some of the questions through the command line over all the papers: how it ended, how long it took, the rules."""
    some = list(_spread(asked, ASKED))
    kernel = Kernel(command, scratch / "workspace", 600.0)
    kernel.must("init")
    seconds = kernel.must("library", "add", str(folder))
    rows = [{"id": f"Q{number}", "question": question.text} for number, question in enumerate(some, 1)]
    records, went = ask_all(kernel, rows)
    labels = [{**row, "named_systems": [], "must_show": [], "must_find": []} for row in rows]
    grades = grade(records, Labels(labels, []))
    times = sorted(one["seconds"] for one in went.values())
    quotes = sum(len(claim["quotes"]) for record in records for claim in record.data["claims"])
    return {
        "questions": len(rows),
        "exits": dict(Counter(str(one["exit"]) for one in went.values())),
        "statuses": dict(Counter(record.data["answer"]["status"] for record in records)),
        "seconds": {"library_add": seconds, "median": statistics.median(times), "most": times[-1]},
        "claims": sum(len(record.data["claims"]) for record in records),
        "quotes": quotes,
        "rules": grades["overall"]["rules"],
    }


def _spread(asked: Sequence[Question], number: int) -> Iterator[Question]:
    """So many questions, evenly spread, each of another paper, none twice."""
    of_papers = {q.paper: q for q in reversed(asked) if len(re.findall(r"\w+", q.text)) >= 3}.values()
    first = list({q.text: q for q in of_papers}.values())[::-1]
    step = max(1, len(first) // number)
    yield from first[::step][:number]


def main() -> int:
    parser = argparse.ArgumentParser(description="Evidence paragraphs of QASPER: our passage ranking beside BM25.")
    parser.add_argument("--data", type=Path, required=True, help="folder of QASPER")
    parser.add_argument("--output", type=Path, help="write the results as JSON")
    parser.add_argument("--sovereign", default="sovereign", help="the command line, `sovereign` as installed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qasper-") as folder:
        scratch = Path(folder)
        validation, asked = measure_split(options.data, "validation", PAPERS, scratch)
        train, _ = measure_split(options.data, "train", None, scratch)
        result: dict[str, Any] = {
            "schema": "sovereign-qasper-v1",
            "machine": machine(),
            "version": importlib.metadata.version("sovereign-kernel"),
            "seed": SEED,
            "draws": DRAWS,
            "validation": validation,
            "train, on which the weights were set": train,
            "ask": ask_some(options.sovereign, scratch / "validation", asked, scratch),
        }
    written = json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(written, encoding="utf-8")
    print(written, end="")
    ended = result["ask"]
    sound = all(rule["holds"] for rule in ended["rules"].values()) and set(ended["exits"]) == {"0"}
    return 0 if sound and validation["quotes"] == validation["quotes_found_again"] else 1


if __name__ == "__main__":
    sys.exit(main())
