"""The local arXiv speaks as the real one: query language, pages, errors, form; its faults follow from the seed."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from benchmarks.arxiv.catalogue import Catalogue
from benchmarks.arxiv.query import Malformed, to_fts
from benchmarks.arxiv.server import LocalArxiv
from lxml import etree

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "api-wire-samples" / "interactions.jsonl.gz"
ROWS = [
    {"id": f"2601.0000{n}", "title": title, "summary": summary, "authors": [author], "categories": [category],
     "comment": "5 pages"}
    for n, title, summary, author, category in [
        (1, "Routing of Experts", "We measure latency of sparse models.", "Ada Palm", "cs.LG"),
        (2, "Sparse Attention", "Experts are not needed; routing neither.", "Bo Reed", "cs.CL"),
        (3, "Fishes & <Seas>", "We count fishes.", "Cy Palm", "q-bio.PE"),
        (4, "Expert Choice", "Routing by experts, with latency.", "Dee Moss", "cs.LG"),
    ]
]  # fmt: skip
PLACES = {"a": "{http://www.w3.org/2005/Atom}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalArxiv]:
    catalogue = Catalogue.build(tmp_path_factory.mktemp("arxiv") / "papers.sqlite", ROWS)
    with LocalArxiv(catalogue) as started:
        yield started


def ask(server: LocalArxiv, **asked: object) -> tuple[int, etree._Element]:
    try:
        with urllib.request.urlopen(f"{server.address}/api/query?{urlencode(asked)}") as answer:
            return answer.status, etree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, etree.fromstring(error.read())


def ids(feed: etree._Element) -> list[str]:
    found = feed.findall(f"{PLACES['a']}entry/{PLACES['a']}id")
    return [str(one.text).rpartition("/")[2].removesuffix("v1")[-1] for one in found]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ti:experts", "14"), ("abs:routing", "24"), ("au:palm", "13"), ("cat:cs.LG", "14"), ("all:fishes", "3"),
        ('all:"sparse models"', "1"), ('ti:"routing of experts"', "1"), ("ti:experts AND abs:latency", "14"),
        ("ti:experts ANDNOT au:palm", "4"), ("(ti:fishes OR ti:attention) AND cat:cs.CL", "2"),
        ("ti:(fishes OR choice)", "34"),
        ("all:nothing", ""), ("fishes attention", "23"), ("cat:cs.*", "124"), ('all:"; DROP TABLE papers"', ""),
    ],
)  # fmt: skip
def test_the_query_language(server: LocalArxiv, query: str, found: str) -> None:
    status, feed = ask(server, search_query=query, max_results=10)
    assert status == 200 and sorted(ids(feed)) == list(found)


@pytest.mark.parametrize("query", ["(ti:a", "ti:a)", "ti:", "AND ti:a", "xx:a", '"open', "ti:a AND", "(" * 99])
def test_what_is_no_query_is_an_error_feed(server: LocalArxiv, query: str) -> None:
    with pytest.raises(Malformed):
        to_fts(query)
    status, feed = ask(server, search_query=query)
    assert status == 400 and feed.findtext(f"{PLACES['a']}entry/{PLACES['a']}title") == "Error"


def test_pages_ids_and_order(server: LocalArxiv) -> None:
    assert ids(ask(server, search_query="cat:cs.*", start=1, max_results=1, sortBy="submittedDate")[1]) == ["2"]
    oldest = ask(server, search_query="cat:cs.*", sortBy="submittedDate", sortOrder="ascending")[1]
    assert ids(oldest) == ["1", "2", "4"]
    assert ids(ask(server, id_list="2601.00003,2601.00001v1,2601.99999")[1]) == ["3", "1"]
    assert ask(server, id_list="abc")[0] == ask(server, search_query="ti:a", max_results=2001)[0] == 400
    assert ask(server, search_query="ti:a", start="-1")[0] == 400


def test_the_form_is_that_of_recorded_answers(server: LocalArxiv) -> None:
    if not RECORDED.is_file():
        pytest.skip(f"the recorded exchanges are not here: {RECORDED.name}")
    with gzip.open(RECORDED, "rt") as lines:
        rows = [row for row in map(json.loads, lines) if "export.arxiv.org" in row["url"] and row["status"] == 200]

    def shape(feed: etree._Element) -> set[str]:
        tree = feed.getroottree()
        return {re.sub(r"\[\d+\]", "", tree.getelementpath(element)) for element in tree.iter()}

    real = set().union(*(shape(etree.fromstring(row["body"].encode("latin-1"))) for row in rows))
    ours = shape(ask(server, search_query="cat:cs.*")[1])
    assert ours <= real
    assert {path for path in real - ours if not path.endswith(("doi", "journal_ref", "affiliation"))} == set()


def test_faults_follow_from_the_seed_and_the_log_tells_them(server: LocalArxiv, tmp_path: Path) -> None:
    def drawn(seed: int) -> list[tuple[int, str]]:
        log = tmp_path / f"{seed}.jsonl"
        log.unlink(missing_ok=True)
        with LocalArxiv(server._catalogue, faults=0.5, seed=seed, log=log, wait_s=0) as faulty:
            faulty._stopping.set()  # a slow answer need not be waited for
            for _ in range(20):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    urllib.request.urlopen(f"{faulty.address}/api/query?search_query=ti:experts").read()
        # An answer is logged when it is out, so the next request's may be there first; the last is waited for.
        deadline = time.monotonic() + 30
        while len(lines := log.read_text().splitlines()) < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        rows = sorted((json.loads(line) for line in lines), key=lambda row: row["number"])
        assert [row["number"] for row in rows] == list(range(1, 21)) and all(row["open"] >= 1 for row in rows)
        return [(row["status"], row["fault"]) for row in rows]

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert 5 <= sum(bool(fault) for _, fault in first) <= 15 and len({fault for _, fault in first}) >= 4
