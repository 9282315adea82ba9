"""The reference profile and ours on thirteen questions, one library, one grader; and what the method's tick is worth.

    python -m benchmarks.reference --data ../shared/data --seeds ../shared/seeds --out benchmarks/results/reference.json

Each question is asked with both profiles, in alternating order, through the installed command line over one workspace
(starter notes and arXiv listings); records are checked by `sovereign check` and graded by `benchmarks.questions`. The
method's ticks are measured on SciFact, where the right abstract is given and the label is known. Exit 0 when the run
was made, 2 when not: a foil need not pass.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.questions._record import Graded, Json, bare
from benchmarks.questions.grader import HERE, Labels, grade
from benchmarks.questions.run import Kernel, RunFailed, _plain, machine

from sovereign.judge import STOP_WORDS, tfidf_cosine

PROFILES = ("reference", "sovereign")
THRESHOLD = 0.15
SEED, SAMPLES = 20261123, 10_000


def compare(kernel: Kernel, data: Path) -> Json:
    """Both profiles on every labelled question: grades, seconds, and what the method printed."""
    seconds = {"init": kernel.must("init"), "library_add": kernel.must("library", "add", str(data))}
    labels = Labels.read(HERE)
    records: dict[str, list[Graded]] = {profile: [] for profile in PROFILES}
    asked: dict[str, Json] = {profile: {} for profile in PROFILES}
    printed: Json = {}
    for number, row in enumerate(labels.questions):
        for profile in PROFILES if number % 2 else PROFILES[::-1]:
            record, went = kernel.ask(row["question"], "--profile", profile)
            if record is None:
                raise RunFailed(f"{row['id']}, {profile}: {went}")
            status, _, _, _ = kernel.call("check", str(kernel.workspace / "records" / record.path))
            went["check_exit"] = status
            records[profile].append(record)
            asked[profile][row["id"]] = went
            if profile == "reference":
                printed[row["id"]] = of_method(record, row, labels)
        print(f"{row['id']}: done", file=sys.stderr)
    grades = {profile: grade(records[profile], labels) for profile in PROFILES}
    status = kernel.json("library", "status", "--workspace", str(kernel.workspace))
    return {
        "library": {"data": data.name, "status": _plain(status)},
        "seconds": seconds,
        "median_seconds": {
            profile: statistics.median(went["seconds"] for went in asked[profile].values()) for profile in PROFILES
        },
        "asked": asked,
        "printed": printed,
        "paired": {key: paired(grades, key, part) for key, part in (("must_find", "found"), ("must_show", "shown"))},
        "among_works": {profile: among_works(records[profile], labels) for profile in PROFILES},
        "grades": grades,
    }


def among_works(records: list[Graded], labels: Labels) -> Json:
    """`must_find` without what only a note of ours would give: the method reads no notes."""
    found = of = 0
    for record, row in zip(records, labels.questions, strict=True):
        for need in row["must_find"]:
            works = {bare(one) for one in need["any_of"] if one.startswith("arxiv:")}
            of += bool(works)
            found += bool(works & set(record.sources))
    return {"found": found, "of": of, "ratio": round(found / of, 4)}


def of_method(record: Graded, row: Json, labels: Labels) -> Json:
    """What the method itself retrieved, showed and ticked; the record's `missing_systems` are ours and do not count."""
    foil = record.data["foil"]
    sources = set(record.sources)
    named = [system for system in row["named_systems"] if system["own"]]
    label = {bare(p["source"]): p["label"] for p in labels.pairs if p["question"] == row["id"]}
    return {
        "lead": foil["lead"],
        "lead_label": label.get(bare(foil["lead"] or ""), "not labelled"),
        "retrieved": len(sources),
        "named_with_own_source": len(named),
        "named_retrieved": sum(any(bare(own) in sources for own in system["own"]) for system in named),
        "claims": len(foil["claims"]),
        "ticked": sum(claim["tick"] for claim in foil["claims"]),
        "score": foil["score"],
        "verdict": foil["verdict"],
        "decision": record.data["decision"]["policy"],
    }


def paired(grades: Json, key: str, part: str) -> Json:
    """Per question, the recall of ours less the method's; the mean with a percentile bootstrap interval (95 %)."""
    differences = []
    for name, ours in grades["sovereign"]["questions"].items():
        theirs = grades["reference"]["questions"][name]
        if ours[key]["of"]:
            differences.append((ours[key][part] - theirs[key][part]) / ours[key]["of"])
    drawn = random.Random(SEED)
    means = sorted(statistics.fmean(drawn.choices(differences, k=len(differences))) for _ in range(SAMPLES))
    return {
        "questions": len(differences),
        "mean_difference": round(statistics.fmean(differences), 4),
        "interval_95": [round(means[int(SAMPLES * 0.025)], 4), round(means[int(SAMPLES * 0.975)], 4)],
        "seed": SEED,
        "samples": SAMPLES,
    }


def ticks(folder: Path, stop_words: frozenset[str]) -> Json:
    """How often the method ticks a claim of SciFact whose right abstract is given, by the claim's label."""
    texts = {}
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            texts[str(row["doc_id"])] = " ".join(part.strip() for part in row["abstract"])
    found: Json = {}
    for split in ("train", "dev"):
        cosines: dict[str, list[float]] = {"SUPPORT": [], "CONTRADICT": [], "NOT_ENOUGH_INFORMATION": []}
        for row in map(json.loads, (folder / f"claims_{split}.jsonl").read_text(encoding="utf-8").splitlines()):
            for doc in map(str, row["cited_doc_ids"]):
                evidence = row["evidence"].get(doc)
                label = evidence[0]["label"] if evidence else "NOT_ENOUGH_INFORMATION"
                cosines[label].append(tfidf_cosine(row["claim"], texts[doc], stop_words))
        found[split] = {
            label: {
                "ticked": sum(value >= THRESHOLD for value in values),
                "pairs": len(values),
                "ratio": round(sum(value >= THRESHOLD for value in values) / len(values), 4),
            }
            for label, values in cosines.items()
        }
        found[split]["auc_support_against_contradict"] = round(auc(cosines["SUPPORT"], cosines["CONTRADICT"]), 4)
    return found


def auc(high: list[float], low: list[float]) -> float:
    """How often a value of the first list is above one of the second; ties count a half."""
    wins = sum((a > b) + 0.5 * (a == b) for a in high for b in low)
    return wins / (len(high) * len(low))


def seeds(kernel: Kernel, folder: Path) -> Json:
    """The findings of the imported seeds, by file; only names, counts and outcomes, no sentence of a seed."""
    files = sorted(folder.glob("*.txt"))
    words = ("import", "seed", *map(str, files), "--workspace", str(kernel.workspace), "--json")
    status, out, err, _ = kernel.call(*words)
    if status:
        raise RunFailed(f"import seed ended {status}: {err}")
    found = {}
    for entry in json.loads(out):
        folder_name = entry["record"].lower().replace(":", "-")
        checked, _, _, _ = kernel.call("check", str(kernel.workspace / "records" / folder_name))
        found[Path(entry["file"]).stem] = {
            "check_exit": checked,
            "body_digest": entry["body_digest"],
            "holds": sum(one["holds"] is True for one in entry["findings"]),
            "of": len(entry["findings"]),
            "findings": entry["findings"],
        }
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The reference profile and our own on the thirteen questions.")
    parser.add_argument("--data", type=Path, required=True, help="folder with arxiv-metadata and scifact")
    parser.add_argument("--seeds", type=Path, help="folder of the five seed texts")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sovereign", default="sovereign", help="the command line, `sovereign` as installed")
    parser.add_argument("--timeout", type=float, default=600.0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="reference-") as scratch:
        kernel = Kernel(options.sovereign, Path(scratch) / "workspace", options.timeout)
        try:
            result: Json = {
                "schema": "sovereign-reference-run-v1",
                "machine": machine(),
                "version": _plain(kernel.json("version")),
                "ticks_on_scifact": {
                    "threshold": THRESHOLD,
                    "english_stop_words": ticks(options.data / "scifact", STOP_WORDS),
                    "no_stop_words": ticks(options.data / "scifact", frozenset()),
                },
                **compare(kernel, options.data / "arxiv-metadata"),
            }
            if options.seeds:
                result["seeds"] = seeds(kernel, options.seeds)
        except (RunFailed, ValueError, OSError) as error:
            print(f"the run could not be made: {error}", file=sys.stderr)
            return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(result))
    return 0


def table(result: Json) -> str:
    """The comparison as the documentation shows it."""
    both = [result["grades"][profile]["overall"] for profile in PROFILES]
    lines = ["| | reference | ours |", "|---|---|---|"]
    for key, part in (("must_find", "found"), ("must_show", "shown")):
        cells = [f"{one[key][part]} of {one[key]['of']}" for one in both]
        lines.append(f"| `{key}` | {' | '.join(cells)} |")
    for rule in both[0]["rules"]:
        broken = [len(one["rules"][rule]["questions"]) for one in both]
        lines.append(f"| rule `{rule}` broken in | {' | '.join(map(str, broken))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
