"""`ask --profile reference --live`: four queries to a local arXiv over its wire format, one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from benchmarks.arxiv.catalogue import Catalogue
from benchmarks.arxiv.server import LocalArxiv
from tests.support.calls import Call
from tests.support.listing import WORKS, ZEBRA_QUESTION

from sovereign.check import check_path
from sovereign.inquiry.reference import RESULTS, four_queries
from sovereign.records import Record
from sovereign.workspace import Workspace


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(Workspace.create(tmp_path / "workspace", starter=False).path, capsys)


def catalogue(folder: Path) -> Catalogue:
    more = [(f"2502.{n:05}", f"Batch sizes, part {n}", "Latency of routing at a batch size.") for n in range(1, 9)]
    rows = [
        {"id": number, "title": title, "summary": summary, "authors": "A. Author", "categories": "cs.LG",
         "abs": f"https://arxiv.org/abs/{number}", "comment": None, "pdf": ""}
        for number, title, summary in (*WORKS, *more)
    ]  # fmt: skip
    return Catalogue.build(folder / "arxiv.sqlite", rows)


def use(call: Call, origin: str, tries: int = 5) -> None:
    text = f'[arxiv]\naddress = "{origin}"\ninterval_s = 0.0\nmax_wait_s = 2.0\ntries = {tries}\n'
    (call.path / "services.toml").write_text(text)


def asked(call: Call, *more: str) -> Record:
    answer = call("ask", ZEBRA_QUESTION, "--profile", "reference", "--live", "--fresh", "--json", *more)
    assert answer.code == 0, answer.err
    record = Record.model_validate_json(answer.out)
    assert check_path(call.workspace.archive().path(record.id)).faults == []
    return record


def test_four_queries_by_relevance_three_results_each_queued(call: Call, tmp_path: Path) -> None:
    with LocalArxiv(catalogue(tmp_path)) as server:
        use(call, server.address)
        record = asked(call)
    requests = [parse_qs(urlsplit(one["path"]).query) for one in server.requests]
    assert len(requests) == 4
    assert all(one["sortBy"] == ["relevance"] and one["max_results"] == [str(RESULTS)] for one in requests)
    assert max(one["open"] for one in server.requests) == 1
    assert [search.query for search in record.searches] == list(four_queries(ZEBRA_QUESTION).queries)
    assert {search.connector for search in record.searches} == {"arxiv"}
    hits = [hit.source for search in record.searches for hit in search.hits]
    assert [source.id for source in record.sources] == list(dict.fromkeys(hits)) and len(hits) <= 4 * RESULTS
    assert record.foil is not None and "4 queries to arxiv" in record.foil.methodology
    assert not any("in place of arXiv" in line for line in record.limitations)
    with call.workspace.library() as library:
        assert set(library.ids()) == set(hits)


def test_what_arxiv_answered_serves_again_without_it(call: Call, tmp_path: Path) -> None:
    with LocalArxiv(catalogue(tmp_path)) as server:
        use(call, server.address)
        first = asked(call)
    again = asked(call, "--offline")
    assert (again.foil, again.claims, again.searches) == (first.foil, first.claims, first.searches)


def test_an_arxiv_that_answers_nothing_gives_an_empty_report_and_says_so(call: Call) -> None:
    with LocalArxiv(Catalogue(Path("/nonexistent"))) as gone:
        origin = gone.address
    use(call, origin, tries=1)
    record = asked(call)
    assert record.sources == () and record.foil is not None
    assert record.foil.results.startswith("0 papers retrieved")
    assert "arXiv answered no query, so no paper was retrieved." in record.limitations
    assert not any("from the library alone" in line for line in record.limitations)


def test_broken_answers_on_the_way_change_nothing(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = catalogue(tmp_path)
    with LocalArxiv(made) as server:
        use(call, server.address)
        sound = asked(call)
    other = Call(Workspace.create(tmp_path / "other", starter=False).path, capsys)
    with LocalArxiv(made, faults=0.7, seed=5, wait_s=1) as server:
        use(other, server.address, tries=12)
        record = asked(other)
        assert any(request["fault"] for request in server.requests)
    assert (record.foil, record.claims, record.sources) == (sound.foil, sound.claims, sound.sources)


def test_it_asks_arxiv_alone(call: Call) -> None:
    answer = call("ask", ZEBRA_QUESTION, "--profile", "reference", "--service", "openalex", "--json")
    assert answer.code == 2 and "arXiv alone" in answer.json["error"]["message"]
    assert json.loads(call("review", "list", "--json").out) == []
