"""The yardstick is tested first: an honest record passes, each broken rule is named, and three decoys fail."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from benchmarks.questions import grader
from benchmarks.questions._record import Graded, load
from benchmarks.questions._rules import RULE_NAMES, violations
from benchmarks.questions._text import names, numbers, stands, tokens, unquoted
from benchmarks.questions.decoys import DECOYS, Library, Paper, write
from benchmarks.questions.grader import Labels, grade

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]

QUESTION = "How does Quokka's latency compare with top-2 routing on ShapeBench and GridQA in sparse expert models?"
PAPERS = {
    paper.id: paper
    for paper in (
        Paper("note:9901.00001", "Quokka: routed experts (our note)", "# Quokka\n\nQuokka is a router of experts [A].\n"
              "On ShapeBench, Quokka lowers latency by 12.5% against top-2 routing [S].\n", "note"),
        Paper("arxiv:9901.00002", "Lemur: lazy experts", "Lemur: lazy experts\n\nSparse experts wait. "
              "Lemur raises throughput by 1.8$\\times$ over a dense model at batch size 1,024.\n"),
        Paper("arxiv:9901.00003", "Latency of two GPUs", "Latency of two GPUs\n\nWe compare the latency of 2 GPUs. "
              "The newer GPU is 4.4x faster on ShapeBench than the older.\n"),
        Paper("arxiv:9901.00004", "Routing packets", "Routing packets\n\nNetworks compare routing by latency.\n"),
    )
}  # fmt: skip
PAIRS = [
    {"question": "T1", "source": source, "label": label, "split": split}
    for source, label in (("note:9901.00001", "on"), ("arxiv:9901.00002", "on"), ("arxiv:9901.00003", "off"),
                          ("arxiv:9901.00004", "off"))
    for split in ("tune", "report")
]  # fmt: skip
LABEL: Json = {
    "id": "T1", "question": QUESTION, "metrics": ["latency"], "benchmarks": ["ShapeBench", "GridQA"],
    "named_systems": [{"name": "Quokka", "own": ["note:9901.00001"]}],
    "must_find": [{"any_of": ["note:9901.00001"], "why": "named"}, {"any_of": ["arxiv:9901.00002"], "why": "nearest"}],
    "must_show": [
        {"value": "12.5", "unit": "%", "condition": "ShapeBench", "source": ["note:9901.00001"], "quote_hint": ""},
        {"value": "1.8", "unit": "x", "condition": "dense", "source": ["arxiv:9901.00002"], "quote_hint": ""},
    ],
}  # fmt: skip


def claim(claim_id: str, source: str, said: str, facets: Json, grounding: str) -> Json:
    start = PAPERS[source].text.index(said)
    quote = {"source": source, "start": start, "end": start + len(said), "text": said, "sha256": PAPERS[source].sha256}
    return {"id": claim_id, "text": said, "grounding": grounding, "agreement": "single", "reproduction": "none",
            "facets": facets, "quotes": [quote]}  # fmt: skip


def honest() -> Json:
    one = claim(
        "c-1",
        "note:9901.00001",
        "On ShapeBench, Quokka lowers latency by 12.5% against top-2 routing [S].",
        {"system": "quokka", "metric": "latency", "benchmark": "Shape-Bench", "value": 12.5},
        "reported",
    )
    two = claim("c-2", "arxiv:9901.00002", "Lemur raises throughput by 1.8$\\times$ over a dense model",
                {"system": "Lemur", "metric": "throughput"}, "quoted")  # fmt: skip
    facets = {"system": "Quokka", "metric": "latency"}
    return {
        "id": "SRCH:00000001", "version": 1, "question": {"text": QUESTION, "facets": {}},
        "answer": {"status": "partly_answered", "sentences": [
            {"text": "A note says that Quokka lowers latency by 12.5% against top-2 routing.", "claims": ["c-1"]},
            {"text": "Quokka's latency on Grid-QA: not measured; nearest: Lemur, 1.8x.", "claims": ["c-2"]}]},
        "claims": [one, two],
        "sources": [PAPERS[source].source() for source in ("note:9901.00001", "arxiv:9901.00002")],
        "cells": [
            {"id": "cell-1", "facets": {**facets, "benchmark": "ShapeBench"}, "claims": ["c-1"], "gap": False,
             "nearest": []},
            {"id": "cell-2", "facets": {**facets, "benchmark": "GridQA"}, "claims": [], "gap": True,
             "nearest": [{"claim": "c-2", "differs_in": ["metric", "benchmark"]}]}],
        "missing_systems": [],
    }  # fmt: skip


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for paper in PAPERS.values():
        (folder / f"{paper.sha256}.txt").write_bytes(paper.text.encode())
    return folder


def broken(record: Json, texts: Path, label: Json = LABEL) -> set[str]:
    return {name for name, found in violations(Graded("r", record, [texts]), label).items() if found}


def labels_in(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "labels.jsonl").write_text(json.dumps(LABEL) + "\n")
    (folder / "on_subject.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    return folder


def run(record: Json, tmp_path: Path, texts: Path, *more: str) -> int:
    (tmp_path / "records").mkdir(exist_ok=True)
    (tmp_path / "records" / "record.json").write_text(json.dumps(record))
    return grader.main(["--records", str(tmp_path / "records"), "--labels", str(labels_in(tmp_path / "labels")),
                        "--texts", str(texts), "--json", str(tmp_path / "out.json"), *more])  # fmt: skip


def test_honest_record_passes_every_rule(tmp_path: Path, texts: Path) -> None:
    assert run(honest(), tmp_path, texts) == 0
    grades = json.loads((tmp_path / "out.json").read_text())
    assert grades["passed"] and not grades["fails"]
    assert set(grades["overall"]["rules"]) == set(RULE_NAMES)
    assert grades["overall"]["must_find"] == {"found": 2, "of": 2, "ratio": 1.0}
    assert grades["overall"]["must_show"]["shown"] == 2
    assert grades["overall"]["on_subject"]["report"]["precision"] == 1.0
    assert grades["questions"]["T1"]["facets_covered"]["absent"] == []


def _set(path: str, value: Any) -> Callable[[Json], None]:
    def change(record: Json) -> None:
        holder: Any = record
        *parts, last = (int(part) if part.isdigit() else part for part in path.split("."))
        for part in parts:
            holder = holder[part]
        holder[last] = value

    return change


def _both(*changes: Callable[[Json], None]) -> Callable[[Json], None]:
    def change(record: Json) -> None:
        for each in changes:
            each(record)

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_set("missing_systems", [{"name": "quokka"}]), "named_system"),
        (_set("answer.sentences.0.text", "A note: Quokka lowers latency by 13.5%."), "numbers_in_quotes"),
        (_set("answer.sentences.0.text", "A note: Quokka is 2x faster."), "numbers_in_quotes"),
        (_set("answer.sentences.0.claims", []), "numbers_in_quotes"),
        (_set("claims.1.text", "Lemur raises throughput by 18x"), "numbers_in_quotes"),
        (_set("claims.0.facets.value", 21.5), "numbers_in_quotes"),
        (_set("claims.0.quotes.0.start", 3), "quotes_at_offset"),
        (_set("claims.0.quotes.0.sha256", "0" * 64), "quotes_at_offset"),
        (_set("claims.0.quotes.0.prefix", "something else"), "quotes_at_offset"),
        (_set("sources.0.sha256", "0" * 64), "quotes_at_offset"),
        (_set("answer.sentences.1.text", "Quokka on ShapeBench: latency not measured, 1.8x."), "gaps_stated"),
        (_set("answer.sentences.1.text", "Nobody knows Quokka's latency on GridQA, 1.8x."), "gaps_stated"),
        (_set("cells.0.gap", True), "gaps_stated"),
        (_set("answer.status", "answered"), "status_follows"),
        (_set("claims.0.agreement", "contested"), "status_follows"),
        (_set("cells.1.nearest.0.differs_in", []), "status_follows"),
        (_set("cells.0.nearest", [{"claim": "c-1", "differs_in": ["metric"]}]), "status_follows"),
        (_set("claims.0.grounding", "quoted"), "note_not_work"),
        (_set("claims.1.grounding", "reported"), "note_not_work"),
        (_set("answer.sentences.0.text", "Quokka lowers latency by 12.5%."), "note_not_work"),
        (_set("answer.sentences.0.claims", ["c-1", "c-9"]), "claims_exist"),
        (_set("cells.1.nearest.0.claim", "c-9"), "claims_exist"),
        (_set("claims.0.facets.system", "Lemur"), "claims_exist"),
        (_set("claims.0.facets.metric", "throughput"), "claims_exist"),
        (_set("claims.0.facets.benchmark", None), "claims_exist"),
        (_set("cells.0.facets", {"system": "Lemur", "metric": "throughput"}), "answers_question"),
    ],
)
def test_each_fault_breaks_its_rule(change: Callable[[Json], None], rule: str, texts: Path) -> None:
    record = honest()
    change(record)
    assert rule in broken(record, texts)


def test_made_up_facets_do_not_fill_a_cell(texts: Path) -> None:
    """A claim may say that it is on Quokka; its source never names it, so it belongs in no cell of Quokka."""
    record = honest()
    record["claims"][1]["facets"] = dict(record["cells"][1]["facets"])
    record["cells"][1].update(claims=["c-2"], gap=False, nearest=[])
    record["answer"]["status"] = "answered"
    assert broken(record, texts) == {"claims_exist"}


def test_contested_and_missing_text(tmp_path: Path, texts: Path) -> None:
    record = honest()
    _both(_set("claims.0.agreement", "contested"), _set("answer.status", "contested"))(record)
    assert broken(record, texts) == set()
    assert broken(honest(), tmp_path / "nowhere") >= {"quotes_at_offset"}
    (texts / f"{PAPERS['arxiv:9901.00002'].sha256}.txt").write_text("altered")
    assert broken(honest(), texts) == {"quotes_at_offset"}


def test_code_points_not_bytes(texts: Path) -> None:
    paper = Paper("arxiv:9901.00009", "Ünïcode", "Ünïcode 𝒳 – Quokka lowers latency on GridQA by 7 ms.\n")
    (texts / f"{paper.sha256}.txt").write_bytes(paper.text.encode())
    record, start = honest(), paper.text.index("Quokka")
    quote = {
        "source": paper.id,
        "start": start,
        "end": start + 6,
        "text": "Quokka",
        "suffix": paper.text[start + 6 :][:32],
    }
    record["sources"].append(paper.source())
    record["claims"].append({"id": "c-3", "text": "Quokka", "grounding": "quoted", "facets": {}, "quotes": [quote]})
    assert broken(record, texts) == set()
    quote["start"], quote["end"] = start + 4, start + 10
    assert broken(record, texts) == {"quotes_at_offset"}


def test_measurement_is_read_by_pointer(texts: Path) -> None:
    body = json.dumps({"rows": [{"a/b": 50.81}]})
    sha = hashlib.sha256(body.encode()).hexdigest()
    (texts / f"{sha}.txt").write_bytes(body.encode())
    record = honest()
    record["sources"].append({"id": "measurement:x", "title": "x", "kind": "measurement", "sha256": sha})
    quote = {"source": "measurement:x", "pointer": "/rows/0/a~1b", "text": "50.81"}
    record["claims"].append({"id": "c-3", "text": "50.81", "grounding": "measured", "facets": {}, "quotes": [quote]})
    assert broken(record, texts) == set()
    for fault in ({"text": "50.82"}, {"pointer": "/rows/1/a~1b"}, {"pointer": "rows"}, {"pointer": "/rows/x"}):
        changed = copy.deepcopy(record)
        changed["claims"][2]["quotes"][0].update(fault)
        assert "quotes_at_offset" in broken(changed, texts), fault


def test_titles_are_cited_without_a_quote(texts: Path) -> None:
    record = honest()
    record["sources"][0]["title"] = "Quokka with 3 tails and 77 experts (our note)"
    for cited in (
        "Quokka with 3 tails and 77 experts",
        "Quokka with 3 tails and 77…",
        "quokka with 3 tails and 77 experts",
    ):
        record["answer"]["sentences"][0]["text"] = f"The note {cited} gives 12.5%."
        assert broken(record, texts) == set(), cited
    record["answer"]["sentences"][0]["text"] = "The note gives 12.5%, 77 times."
    assert broken(record, texts) == {"numbers_in_quotes"}


def test_cell_may_hold_the_words_of_the_question(texts: Path) -> None:
    record = honest()
    gap = record["cells"][1]
    gap["facets"] = {"subject": "quokka routing sparse top-2"}
    assert broken(record, texts) == set()
    gap["facets"] = {"subject": "quokka routing wombat"}
    assert broken(record, texts) == {"answers_question"}


def test_named_system_without_source_must_be_reported(texts: Path) -> None:
    label = {**LABEL, "named_systems": [*LABEL["named_systems"], {"name": "Hash Layers", "own": []}]}
    assert broken(honest(), texts, label) == {"named_system"}
    for entry in ("hash layers", {"name": "Hash-Layers", "reason": "no source"}):
        assert broken({**honest(), "missing_systems": [entry]}, texts, label) == set()


def test_figures_count_only_where_a_reader_meets_them(tmp_path: Path, texts: Path) -> None:
    record = honest()
    record["cells"][1]["nearest"] = []
    record["answer"]["sentences"][1] = {"text": "Quokka's latency on GridQA: not measured.", "claims": []}
    assert run(record, tmp_path, texts) == 1
    shown = json.loads((tmp_path / "out.json").read_text())["overall"]["must_show"]
    assert shown["shown"] == 1 and shown["in_any_claim"]["shown"] == 2


def test_what_cannot_be_graded(tmp_path: Path, texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run({**honest(), "question": {"text": "Another?"}}, tmp_path, texts) == 2
    (tmp_path / "records" / "two").mkdir()
    (tmp_path / "records" / "two" / "record.json").write_text(json.dumps({**honest(), "id": "SRCH:00000002"}))
    assert run(honest(), tmp_path, texts) == 2
    assert "keep one" in capsys.readouterr().err
    (tmp_path / "records" / "two" / "record.json").write_text("{broken")
    assert run(honest(), tmp_path, texts) == 2
    assert grader.main(["--records", str(tmp_path / "nowhere")]) == 2


def test_newest_version_counts_and_silence_fails(tmp_path: Path, texts: Path) -> None:
    old = tmp_path / "records" / "v1"
    old.mkdir(parents=True)
    (old / "record.json").write_text(json.dumps({**honest(), "version": 1, "answer": {}}))
    assert run({**honest(), "version": 2}, tmp_path, texts) == 0
    nothing = grade([], Labels([LABEL], PAIRS))
    assert not nothing["passed"] and nothing["overall"]["without_record"] == ["T1"]
    assert not grade([], Labels([LABEL], PAIRS), partial=True)["passed"]


DECOY_FAULTS = {
    "keeps_nothing": {"answers_question"},
    "top_ten": {"named_system", "claims_exist"},
    "lead_abstract": {"gaps_stated"},
}


@pytest.mark.parametrize("name", sorted(DECOYS))
def test_decoys_fail(name: str, tmp_path: Path) -> None:
    """Over a library without the named system's note, each decoy fails, by the rules that it was made to break."""
    library = Library(paper for paper in PAPERS.values() if paper.kind == "work")
    labels = Labels([LABEL], PAIRS)
    grades = grade(load([write(tmp_path, labels, library)[name]]), labels)
    rules = {rule for rule, state in grades["overall"]["rules"].items() if not state["holds"]}
    assert not grades["passed"]
    assert rules >= DECOY_FAULTS[name]
    assert rules.isdisjoint({"quotes_at_offset", "numbers_in_quotes", "note_not_work"}), "it should fail on substance"
    assert {"must_find under 0.8", "must_show under 0.7"} <= set(grades["fails"])
    assert ("on_subject_precision under 0.7" in grades["fails"]) == (name != "lead_abstract")


def test_numbers_units_and_names() -> None:
    assert numbers("H200, 1,709 to 10,954; 2.0x and VQAv2") == {Decimal(n) for n in ("200", "1709", "10954", "2", "2")}
    assert stands("1148", "tokens/s", "achieves 1,148 tokens per second") and stands("10", "%", r"at least 10\%")
    assert stands("4.3", "x", r"up to $4.30\times$") and stands("12", "%", "12 to 18 percent lower")
    assert stands("1.03", "x", "gains 1.03x, 1.15x and 1.17x") and stands("0.703", "s", "0.786 s to 0.703 s")
    assert not stands("3", "x", "1.3x") and not stands("10", "%", "10 experts") and not stands("10", "x", "110x")
    assert not stands("7", "tokens/s", "7 tokens") and stands("79.73", "", "scores 79.73 points")
    assert names("on VQA v2", "VQAv2") and names("ExpertFlows", "ExpertFlow") and not names("VQAv2", "VQA")
    exempt = tokens("On VQA-v2 with top-2 routing at 64 experts?")
    assert unquoted("VQAv2's top-2 at 64 experts.", [], exempt) == set()
    assert unquoted("2 of 65 on VQAv2, 64x", [], exempt) == {Decimal(2), Decimal(65), Decimal(64)}
    quotes = ["On an H200 with top-2 routing, up to $2.16\\times$ (B=16) at two nodes, 1,709 per card."]
    assert unquoted("H200, top-2: 2.16x, 16, 1709, 2", quotes) == set()
    assert unquoted("(P = .001); .5 to 0.5", ["P < .001)", "0.50"]) == set()
    assert unquoted("200 and 2.1", quotes) == {Decimal(200), Decimal("2.1")}


def test_standard_library_alone() -> None:
    """The grader starts without site-packages and loads nothing of sovereign."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import benchmarks.questions.grader, benchmarks.questions.decoys, "
        "benchmarks.questions.seeds, benchmarks.questions.run; "
        "print([m for m in sys.modules if m.split('.')[0] in ('sovereign', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
