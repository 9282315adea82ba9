"""Connectors against recorded exchanges of the real services, served again over a real socket.

The recordings are not part of this project. Where they are absent the tests are skipped; the made-up answers of
test_hostile.py run everywhere.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.support.server import Reply, Seen, serving

from sovereign.library.connectors import DEFAULTS, Connector, Services, Work, arxiv_of, connectors_of, doi_of
from sovereign.net import BadAnswer, Client, HostRule, NetError, Refused, Request

FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "api-wire-samples" / "interactions.jsonl.gz"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"the recorded exchanges are not here: {FILE.name}")
HOSTS = {
    "export.arxiv.org": "arxiv",
    "api.semanticscholar.org": "semantic-scholar",
    "api.openalex.org": "openalex",
    "api.crossref.org": "crossref",
}


def exchanges() -> list[dict[str, Any]]:
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def body_of(row: dict[str, Any]) -> bytes:
    text: str = row["body"]
    if "arxiv.org" in row["url"]:  # these were stored as if they were Latin-1
        return text.encode("latin-1")
    return text.encode()


def is_ours(row: dict[str, Any]) -> bool:
    """Requests of the kinds that we make: searches for works, and works by identifier."""
    parts = urlsplit(row["url"])
    if row["method"] != "GET" or parts.hostname not in HOSTS:
        return False
    path = parts.path
    if parts.hostname == "api.semanticscholar.org":
        named = path.rpartition("/graph/v1/paper/")[2]
        fields = dict(parse_qsl(parts.query)).get("fields", "")
        if path.endswith("/paper/search"):
            return "title" in fields
        return named.startswith("DOI:") and "externalIds" in fields
    if parts.hostname == "api.openalex.org":
        return "select=" not in parts.query
    return "/transform" not in path


ROWS = [row for row in exchanges() if is_ours(row)] if FILE.is_file() else []


class Replay:
    """All recorded exchanges behind one socket: `/host/path?query` is what `https://host/path?query` answered."""

    def __init__(self) -> None:
        self.by_address = {row["url"].removeprefix("https:/"): row for row in exchanges() if row["method"] == "GET"}

    def __call__(self, seen: Seen, number: int) -> Reply:
        row = self.by_address.get(seen.path)
        if row is None:
            return Reply(404, b"not recorded")
        headers = {"Content-Type": row["content_type"] or "text/plain"}
        return Reply(row["status"], body_of(row), headers)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, dict[str, Connector], str]]:
    with serving(Replay()) as server:
        rule = HostRule(server.origin, "recorded", tries=1)
        with Client(tmp_path_factory.mktemp("net"), [rule]) as client:
            yield client, connectors_of(Services(), tuple(DEFAULTS)), server.origin


def asked(row: dict[str, Any], origin: str) -> Request:
    return Request("GET", origin + row["url"].removeprefix("https:/"), cache=False)


def test_there_is_something_to_replay_of_every_service() -> None:
    counts = {name: sum(HOSTS[urlsplit(row["url"]).hostname or ""] == name for row in ROWS) for name in HOSTS.values()}
    assert min(counts.values()) >= 8, counts


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["url"][8:90])
def test_every_recorded_answer_is_read_or_refused_by_its_status(
    replayed: tuple[Client, dict[str, Connector], str], row: dict[str, Any]
) -> None:
    client, connectors, origin = replayed
    connector = connectors[HOSTS[urlsplit(row["url"]).hostname or ""]]
    request = asked(row, origin)
    # Recorded with other parameters than ours, so defaults are made explicit for the comparison with what is echoed.
    explicit = Request("GET", row["url"] if "arxiv" in row["url"] else with_defaults(row["url"]))
    if row["status"] != 200:
        with pytest.raises(Refused) as failed:
            client.send(request)
        assert failed.value.status == row["status"]
        return
    page = connector.read(explicit, client.send(request))
    for work in page.works:
        check(work)
    assert page.total >= len(page.works)
    if "search" not in row["url"] and "query" not in row["url"]:
        assert len(page.works) == 1


def with_defaults(url: str) -> str:
    more = {"api.semanticscholar.org": "offset=0&limit=100", "api.crossref.org": "rows=20"}
    host = urlsplit(url).hostname or ""
    missing = [part for part in more.get(host, "").split("&") if part and f"{part.split('=')[0]}=" not in url]
    return "&".join([url, *missing]) if "?" in url else url


def check(work: Work) -> None:
    assert work.title and work.title == " ".join(work.title.split())
    assert work.doi is None or doi_of(work.doi) == work.doi
    assert work.arxiv is None or arxiv_of(work.arxiv) == (work.arxiv, "")
    assert "<jats" not in work.abstract and "&lt;" not in work.abstract
    source = work.source()
    assert source is not None and source.text.startswith(work.title)
    assert source.text_level == ("abstract" if work.abstract else "metadata")


def test_what_is_read_is_what_is_there(replayed: tuple[Client, dict[str, Connector], str]) -> None:
    client, connectors, origin = replayed

    def read(part: str) -> tuple[Work, ...]:
        row = next(row for row in ROWS if part in row["url"] and row["status"] == 200)
        connector = connectors[HOSTS[urlsplit(row["url"]).hostname or ""]]
        return connector.read(Request("GET", with_defaults(row["url"])), client.send(asked(row, origin))).works

    (workshop,) = read("id_list=1707.08567&")
    assert (workshop.id, workshop.version, workshop.year) == ("arxiv:1707.08567", "v1", 2017)
    assert len(workshop.authors) == 34 and "Dirk Wübben" in workshop.authors
    assert workshop.abstract.startswith("The 10th Asia-Europe workshop")
    (old,) = read("id_list=astro-ph%2F0601001")
    assert old.id == "arxiv:astro-ph/0601001"
    assert len(read("search_query=testing&id_list=&sortBy=relevance&sortOrder=descending&start=0&max")) > 99
    (paperqa,) = read("openalex.org/works?filter=title.search%3APaperQA")
    assert (paperqa.id, paperqa.year, paperqa.authors[0]) == ("arxiv:2312.07559", 2023, "Jakub Lála")
    assert paperqa.abstract.startswith("Large Language Models (LLMs) generalize well") and len(paperqa.abstract) > 500
    (clinical,) = read("crossref.org/works?mailto=redacted%40example.org&query.title=PaperQA:")
    assert clinical.abstract.startswith("Objective To automate scientific claim verification") and clinical.doi
    assert read("paper/search?query=n0+r3sult") == ()


@pytest.mark.parametrize("service", ["arxiv", "semantic-scholar", "openalex", "crossref"])
def test_the_recorded_answer_to_another_query_is_refused(
    replayed: tuple[Client, dict[str, Connector], str], service: str
) -> None:
    client, connectors, origin = replayed
    rows = [row for row in ROWS if HOSTS[urlsplit(row["url"]).hostname or ""] == service and row["status"] == 200]
    refused = compared = 0
    for row in rows:
        answer = client.send(asked(row, origin))
        works = connectors[service].read(Request("GET", with_defaults(row["url"])), answer).works
        for other in rows:
            request = Request("GET", with_defaults(other["url"]))
            if other["url"] == row["url"] or not tells_itself_apart(service, row, other, works):
                continue
            compared += 1
            try:
                connectors[service].read(request, answer)
            except (BadAnswer, Refused):
                refused += 1
    assert compared >= 20 and refused == compared


def tells_itself_apart(service: str, row: dict[str, Any], other: dict[str, Any], works: tuple[Work, ...]) -> bool:
    """arXiv repeats the query; the others say of a single work which it is. Their lists do not say what was asked."""
    if service == "arxiv":
        mine, others = (dict(parse_qsl(urlsplit(one["url"]).query, keep_blank_values=True)) for one in (row, other))
        return any(mine[name] != others[name] for name in ("search_query", "id_list", "start", "max_results"))
    named = identifier(other)
    if identifier(row) is None or named is None:
        return False
    return all(work.doi != named and f"10.48550/arxiv.{work.arxiv}" != named for work in works)


def identifier(row: dict[str, Any]) -> str | None:
    """The DOI that a single work was asked for by."""
    path = urlsplit(row["url"]).path.replace("%2F", "/")
    return doi_of(path.split("DOI:")[-1].split("/works/")[-1])


def test_errors_of_the_network_carry_the_name(tmp_path: Path) -> None:
    with serving(lambda seen, number: Reply(500)) as server:
        with Client(tmp_path, [HostRule(server.origin, "crossref", tries=1)]) as client:
            with pytest.raises(NetError) as failed:
                client.send(Request("GET", server.origin))
    assert "crossref" in failed.value.message
