"""A month of real arXiv listings, and the retrieval benchmark's own arithmetic. Real data are read, never copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import retrieval
from sovereign.library import Library

from .conftest import make_rows, write_rows

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Library:
    path = DATA / "arxiv-metadata" / "arxiv_2026-04.jsonl.gz"
    if not path.exists():
        pytest.skip(f"real arXiv listings are not here ({path.name})")
    library = Library.open(tmp_path_factory.mktemp("month") / "library", create=True)
    report = library.add(path)
    assert report.failed == () and report.added == library.size > 1000
    return library


def test_a_named_systems_own_paper_is_found(month: Library) -> None:
    assert [o.source for o in month.owners("smoes") if o.role == "owner"] == ["arxiv:2604.23996"]
    assert "SMoES" in month.names_in("How does SMoES dynamic routing compare to fixed routing baselines?")
    hits = month.search("SMoES routing", k=5, require=[["mixture of experts", "MoE"]])
    assert hits[0].source == "arxiv:2604.23996"


def test_every_text_is_at_its_digest(month: Library) -> None:
    for source in month.get_many(month.ids()[::50]).values():
        assert month.text(source.sha256) == source.text
        assert source.text.startswith(source.title.split()[0])
        assert source.kind == "work" and source.text_level == "abstract"


def test_gain_is_that_of_the_definition() -> None:
    assert retrieval.ndcg(["a", "b"], frozenset({"a"})) == 1.0
    assert retrieval.ndcg(["b", "a"], frozenset({"a"})) == pytest.approx(0.6309, abs=1e-4)
    two = retrieval.ndcg(["x", "a", "y", "b"], frozenset({"a", "b"}))
    assert two == pytest.approx((0.6309 + 0.4307) / 1.6309, abs=1e-4)
    assert retrieval.ndcg([], frozenset({"a"})) == 0.0
    low, high = retrieval.interval([0.0, 1.0] * 50, 500)
    assert 0.35 < low < 0.5 < high < 0.65


def test_the_benchmark_runs_on_a_made_collection(tmp_path: Path) -> None:
    rows = make_rows(1, 60)
    corpus = write_rows(tmp_path / "made" / "corpus.jsonl", rows)
    asked = [{"_id": r["_id"], "text": r["title"] + " " + r["text"]} for r in rows[:9]]
    queries = write_rows(tmp_path / "q.jsonl", asked)
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{r['_id']}\t{r['_id']}\t1\n" for r in rows[:9]))
    found = retrieval.compare(retrieval.load("made", corpus, queries, qrels), draws=50)
    json.dumps(found)
    assert found["engines"]["sovereign"]["ndcg@10"] > 0.9
    assert found["engines"]["sovereign"]["crashes"] == 0
    assert "sovereign - SQLite FTS5" in found["paired_differences_ndcg@10"]
