"""Search: exact ranks, requirements, and queries of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sovereign.library import Library, ranking
from sovereign.library import index as engine

from .conftest import WORDS, make_rows, write_note, write_rows


def _ranks(library: Library, queries: list[str], k: int) -> list[list[tuple[int, str]]]:
    return [[(h.rank, h.source) for h in library.search(query, k)] for query in queries]


def _queries(number: int) -> list[str]:
    draw = random.Random(7)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 6))) for _ in range(number)]


@pytest.mark.parametrize("per_file", [53, 200])
def test_ranks_do_not_depend_on_history(build: Callable[..., Library], per_file: int) -> None:
    """One library is built at once; the other shuffled, in many segments, with texts since replaced or removed."""
    rows = make_rows(11, 400, words=12)
    plain = build(rows)
    draw = random.Random(3)
    first = draw.sample(rows, len(rows))
    old = [row | {"text": row["text"] + " routing expert"} if n % 3 == 0 else row for n, row in enumerate(first)]
    gone = {"_id": "gone", "title": "routing", "text": "routing " * 50}
    lived = build([*old[:50], gone, *old[50:], *[first[n] for n in range(0, 400, 3)]], per_file=per_file)
    lived.remove("made:gone")
    assert lived.digest() == plain.digest()
    assert lived.notices == []
    if per_file == 200:
        assert lived.status()["index"]["deleted"] > 0, "the test must meet deleted rows in the index"
    queries = _queries(60)
    for k in (1, 10, 50):
        assert _ranks(lived, queries, k) == _ranks(plain, queries, k)
        for query in queries[:20]:
            found = [[h.source for h in one.search(query, k, [["top", "expert token"]])] for one in (lived, plain)]
            assert found[0] == found[1]


def test_ties_go_by_source_id(build: Callable[..., Library]) -> None:
    rows = [{"_id": f"{n:02d}", "title": "Same", "text": "the same words of routing"} for n in range(90)]
    random.Random(0).shuffle(rows)
    hits = build(rows, per_file=13).search("routing", k=20)
    assert [h.source for h in hits] == [f"made:{n:02d}" for n in range(20)]


def test_our_score_is_the_engines(tmp_path: Path) -> None:
    """The exact score may replace the engine's only if it is the same formula over the same terms and lengths."""
    draw = random.Random(5)
    texts = [" ".join(draw.choices(WORDS, k=draw.choice([3, 9, 39, 40, 41, 75, 300, 1000]))) for _ in range(200)]
    index = engine.SearchIndex(tmp_path / "index", create=True)
    for row, text in enumerate(texts):
        index.add(row, "work", text)
    index.finish()
    analysed = [engine.analyse(text) for text in texts]
    terms = sorted({"rout", "expert", "latenc", "top"})
    frequency = {t: sum(t in words for words in analysed) for t in terms}
    assert frequency == {t: index.document_frequency(t) for t in terms}
    exact = ranking.Statistics(200, sum(map(len, analysed)) / 200, frequency)
    for score, row in index.best(index.query(terms, [], None), 200):
        assert exact.score(terms, *ranking.count_terms(analysed[row])) == pytest.approx(score, rel=1e-5)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_length_and_terms_agree(text: str) -> None:
    assert engine.count_tokens(text) == len(engine.analyse(text))


@pytest.mark.parametrize("length", [0, 23, 24, 39, 40, 41, 42, 55, 56, 59, 60, 1000, 123_456])
def test_stored_length_keeps_four_bits(length: int) -> None:
    stored = ranking.stored_length(length)
    assert stored <= length < stored * 1.07 + 1
    assert ranking.stored_length(stored) == stored


@pytest.fixture
def notes(library: Library, tmp_path: Path) -> Library:
    folder = tmp_path / "notes"
    write_note(folder / "a.md", "Top-2 routing of GPT-4 on MMBench is measured.", id="note:a", title="Alpha")
    write_note(folder / "b.md", "The mixture of experts layers route tokens.", id="note:b", title="Beta")
    write_note(folder / "c.md", "Experts of a mixture; GPT 5 and top 3 lists.", id="note:c", title="Gamma MoE")
    library.add(folder)
    library.add(write_rows(tmp_path / "w" / "w.jsonl", [{"_id": 1, "title": "A work", "text": "experts route GPT-4"}]))
    return library


def _found(library: Library, query: str, **options: object) -> list[str]:
    return [h.source for h in library.search(query, **options)]  # type: ignore[arg-type]


def test_numbers_and_hyphens_are_found(notes: Library) -> None:
    assert _found(notes, "top-2")[0] == "note:a"
    assert _found(notes, "mmbench") == ["note:a"]
    assert _found(notes, "GPT-4", require=[["GPT-4"]]) == ["w:1", "note:a"]
    assert notes.document_frequency("GPT-4") == 2
    assert notes.document_frequency("experts") == 3
    assert notes.document_frequency("zebra") == 0


def test_requirements_filter_without_scoring(notes: Library) -> None:
    assert _found(notes, "experts tokens", require=[["mixture of experts"]]) == ["note:b"]
    assert set(_found(notes, "experts", require=[["mixture of experts", "MoE"]])) == {"note:b", "note:c"}
    assert _found(notes, "experts", require=[["mixture of experts", "MoE"], ["gpt"]]) == ["note:c"]
    assert _found(notes, "experts", require=[["。"]]) == []
    assert _found(notes, "experts", kinds=["work"]) == ["w:1"]
    assert _found(notes, "", require=[["GPT"]]) == ["note:a", "note:c", "w:1"]
    plain = {h.source: h.score for h in notes.search("experts tokens")}
    filtered = notes.search("experts tokens", require=[["mixture of experts"]], kinds=["note"])
    assert [(h.source, h.score) for h in filtered] == [("note:b", plain["note:b"])]


@pytest.mark.parametrize(
    "query",
    ["", " ", "\0\x01\x1b[31m", "稀疏混合专家模型的推理延迟", "the of and", "\ud800 routing", 'a AND (b OR "c',
     "- +x~2^", "body:*", "[a TO b]", "routing " * 12_500, " ".join(f"w{n}" for n in range(20_000)), "é" * 100_000],
)  # fmt: skip
def test_no_query_raises(notes: Library, query: str) -> None:
    hits = notes.search(query, k=5)
    assert [h.rank for h in hits] == list(range(1, len(hits) + 1))
    assert notes.names_in(query) == []


def test_long_query_still_finds(notes: Library) -> None:
    query = " ".join(f"w{n}" for n in range(20_000)) + " mmbench"
    assert len(query) > 100_000
    assert _found(notes, query) == ["note:a"]


@settings(max_examples=150, deadline=None)
@given(query=st.text(max_size=200), group=st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_a_query(tmp_path_factory: pytest.TempPathFactory, query: str, group: list[str]) -> None:
    library = _shared(tmp_path_factory)
    for hit in library.search(query, k=3) + library.search(query, require=[group]):
        assert hit.source in library
    library.names_in(query)
    library.owners(query)
    assert library.document_frequency(query) >= 0


_LIBRARY: list[Library] = []


def _shared(factory: pytest.TempPathFactory) -> Library:
    if not _LIBRARY:
        folder = factory.mktemp("shared")
        library = Library.open(folder / "library", create=True)
        library.add(write_rows(folder / "made.jsonl", make_rows(21, 100)))
        _LIBRARY.append(library)
    return _LIBRARY[0]


def test_empty_library(library: Library) -> None:
    assert library.search("routing") == []
    assert library.document_frequency("routing") == 0
    assert library.names_in("SMoES") == []
    assert library.status()["sources"] == 0
