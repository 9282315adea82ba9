"""Answers that a service should never give: each is refused with its cause, or read for what it honestly holds."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sovereign.library.connectors import (
    DEFAULTS,
    Arxiv,
    Connector,
    Crossref,
    OpenAlex,
    SemanticScholar,
    Wanted,
    Work,
    arxiv_of,
    doi_of,
    merge,
    same_title,
    search_query,
)
from sovereign.library.connectors.crossref import abstract_of as crossref_abstract
from sovereign.library.connectors.openalex import abstract_of as openalex_abstract
from sovereign.net import Answer, BadAnswer, Refused, Request

ARXIV = Arxiv(DEFAULTS["arxiv"])
SCHOLAR = SemanticScholar(DEFAULTS["semantic-scholar"])
OPENALEX = OpenAlex(DEFAULTS["openalex"])
CROSSREF = Crossref(DEFAULTS["crossref"])
ALL: list[Connector] = [ARXIV, SCHOLAR, OPENALEX, CROSSREF]
WANTED = Wanted("expert routing latency", (("mixture of experts", "MoE"),))

ENTRY = """<entry><id>http://arxiv.org/abs/2604.00001v2</id><title>Routing
  of Experts</title><summary> We measure 3 &lt; 4.  </summary><published>2026-04-01T00:00:00Z</published>
  <author><name>Ada  L.</name></author><arxiv:doi>10.1000/ABC</arxiv:doi></entry>"""


def answer(body: str | bytes | dict[str, Any], status: int = 200) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode() if isinstance(body, dict) else body.encode()
    return Answer(status, {}, raw, "https://example.org/", "2026-01-01T00:00:00+00:00")


def feed(request: Request, entries: str = ENTRY, head: str = "", total: int = 1, echo: str | None = None) -> str:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query, keep_blank_values=True).items()}
    told = echo or "&amp;".join(f"{name}={asked[name]}" for name in ("search_query", "id_list", "start", "max_results"))
    return f"""<?xml version='1.0' encoding='UTF-8'?>{head}
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"
 xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query: {told}</title>
<opensearch:itemsPerPage>50</opensearch:itemsPerPage><opensearch:totalResults>{total}</opensearch:totalResults>
<opensearch:startIndex>{asked["start"]}</opensearch:startIndex>{entries}</feed>"""


def test_a_feed_is_read() -> None:
    request = ARXIV.search(WANTED)
    page = ARXIV.read(request, answer(feed(request)))
    (work,) = page.works
    assert (work.id, work.version, work.title, work.year) == ("arxiv:2604.00001", "v2", "Routing of Experts", 2026)
    assert (work.abstract, work.authors, work.doi) == ("We measure 3 < 4.", ("Ada L.",), "10.1000/abc")
    source = work.source()
    assert source and source.text == "Routing of Experts\n\nWe measure 3 < 4." and source.text_level == "abstract"


BOMB = (
    '<!DOCTYPE f [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)
OUTSIDE = '<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("head", "entries"),
    [(BOMB, ENTRY.replace("Routing", "&j;")), (OUTSIDE, ENTRY.replace("Routing", "&x;")), ("<!DOCTYPE f>", ENTRY)],
    ids=["bomb", "outside", "doctype"],
)
def test_entities_are_never_expanded(head: str, entries: str) -> None:
    request = ARXIV.search(WANTED)
    with pytest.raises(BadAnswer, match="entities"):
        ARXIV.read(request, answer(feed(request, entries, head)))
    sly = feed(request, entries, head).encode("utf-16")
    with pytest.raises(BadAnswer, match="UTF-8"):
        ARXIV.read(request, answer(sly))


def test_an_undeclared_entity_and_a_wrong_charset_are_refused() -> None:
    request = ARXIV.search(WANTED)
    with pytest.raises(BadAnswer):
        ARXIV.read(request, answer(feed(request, ENTRY.replace("Routing", "&nothing;"))))
    with pytest.raises(BadAnswer, match="UTF-8"):
        ARXIV.read(request, answer(feed(request, ENTRY.replace("Ada", "Адa")).encode("windows-1251")))


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_feed_cut_short_is_refused(cut: float) -> None:
    request = ARXIV.search(WANTED)
    whole = feed(request)
    with pytest.raises(BadAnswer):
        ARXIV.read(request, answer(whole[: int(len(whole) * cut)]))


@pytest.mark.parametrize("connector", ALL, ids=lambda connector: connector.name)
@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html><body>Rate exceeded</body></html>", b"<!DOCTYPE html><p>Down for maintenance",
     b"\x00\xff\xfe", b"Rate exceeded.", b"null", b"[]", b"{}", b'{"data": 3}', b"[" * 100_000, b'{"a":' * 100_000,
     "é".encode("latin-1"), b"<feed/>", b"<rss></rss>"],
    ids=range(15),
)  # fmt: skip
def test_garbage_is_a_bad_answer_of_that_service(connector: Connector, body: bytes) -> None:
    for request in (connector.search(WANTED), connector.lookup("10.48550/arXiv.2604.00001")):
        assert request is not None or connector is ARXIV
        if request is not None:
            with pytest.raises(BadAnswer, match=connector.name):
                connector.read(request, answer(body))


def test_arxivs_errors_come_as_entries() -> None:
    error = """<entry><id>https://arxiv.org/api/errors#incorrect_id_format_for_abc</id><title>Error</title>
    <summary>incorrect id format for abc</summary></entry>"""
    request = ARXIV.search(WANTED)
    with pytest.raises(Refused, match="incorrect id format") as failed:
        ARXIV.read(request, answer(feed(request, error)))
    assert not failed.value.again


def test_another_querys_answer_is_refused() -> None:
    request, other = ARXIV.search(WANTED), ARXIV.search(Wanted("fish"))
    with pytest.raises(BadAnswer, match="another query"):
        ARXIV.read(request, answer(feed(other)))
    with pytest.raises(BadAnswer, match="another query"):
        ARXIV.read(request, answer(feed(ARXIV.search(WANTED, start=50))))
    with pytest.raises(BadAnswer, match="to which query"):
        ARXIV.read(request, answer(feed(request, echo="something else")))
    with pytest.raises(BadAnswer, match="empty page"):
        ARXIV.read(request, answer(feed(request, "", total=99)))
    one = ARXIV.lookup("arxiv:2604.99999v1")
    assert one is not None
    with pytest.raises(BadAnswer, match="another work"):
        ARXIV.read(one, answer(feed(one)))


def test_spelling_that_arxiv_changes_in_its_echo_is_no_other_query() -> None:
    request = ARXIV.search(Wanted("testing"))
    echo = "search_query=all:testing&amp;id_list=&amp;start=0&amp;max_results=50"
    assert len(ARXIV.read(request, answer(feed(request, echo=echo))).works) == 1


def test_another_page_or_work_of_the_json_services_is_refused() -> None:
    paper = {"paperId": "ab1", "title": "T", "externalIds": {"DOI": "10.1000/other"}}
    listed = {"total": 1, "offset": 0, "data": [paper]}
    assert SCHOLAR.read(SCHOLAR.search(WANTED), answer(listed)).works[0].doi == "10.1000/other"
    with pytest.raises(BadAnswer, match="another page"):
        SCHOLAR.read(SCHOLAR.search(WANTED, start=50), answer(listed))
    with pytest.raises(BadAnswer, match="longer"):
        SCHOLAR.read(SCHOLAR.search(WANTED), answer({"total": 500, "offset": 0, "data": [paper] * 101}))
    wanted = SCHOLAR.lookup("10.1000/mine")
    assert wanted is not None
    with pytest.raises(BadAnswer, match="another work"):
        SCHOLAR.read(wanted, answer(paper))
    work = {"id": "https://openalex.org/W1", "title": "T", "doi": "https://doi.org/10.1000/other"}
    with pytest.raises(BadAnswer, match="another work"):
        OPENALEX.read(OPENALEX.lookup("10.1000/mine"), answer(work))  # type: ignore[arg-type]
    with pytest.raises(BadAnswer, match="another page"):
        OPENALEX.read(OPENALEX.search(WANTED), answer({"meta": {"count": 1, "page": 2, "per_page": 50}, "results": []}))
    item = {"DOI": "10.1000/other", "title": ["T"]}
    with pytest.raises(BadAnswer, match="another work"):
        CROSSREF.read(CROSSREF.lookup("10.1000/mine"), answer({"message-type": "work", "message": item}))  # type: ignore[arg-type]
    message = {"total-results": 1, "items": [item], "query": {"start-index": 0, "search-terms": "fish"}}
    with pytest.raises(BadAnswer, match="another query"):
        CROSSREF.read(CROSSREF.search(WANTED), answer({"message-type": "work-list", "message": message}))


@pytest.mark.parametrize("connector", ALL, ids=lambda connector: connector.name)
def test_fields_of_the_wrong_kind_never_raise_anything_else(connector: Connector) -> None:
    request = connector.search(WANTED)
    for odd in (None, 3, "x", [], {}, [None], [[3]], {"a": 1}, True):
        item = {
            "title": odd, "paperId": odd, "externalIds": odd, "authors": odd, "year": odd, "abstract": odd, "id": odd,
            "doi": odd, "authorships": odd, "abstract_inverted_index": odd,
            "locations": odd, "DOI": odd, "author": odd, "issued": odd,
            "openAccessPdf": odd, "primary_location": odd, "publication_year": odd,
        }  # fmt: skip
        sound = {"title": ["T"] if connector is CROSSREF else "T", "paperId": "a", "id": "x/W1", "DOI": "10.1000/x"}
        for value in (item, {**item, **sound}):
            body = {
                "total": 1, "offset": 0, "data": [value, odd], "meta": {"count": 1, "page": 1, "per_page": 50},
                "results": [value, odd], "message-type": "work-list",
                "message": {"total-results": 1, "items": [value, odd], "query": odd if isinstance(odd, dict) else None},
            }  # fmt: skip
            try:
                page = connector.read(request, answer(body))
            except (BadAnswer, Refused):
                continue
            assert all(work.title in ("T", "x") for work in page.works)
            assert value is item or page.works[0].title == "T"


def test_inverted_abstracts_are_put_together_again() -> None:
    assert openalex_abstract({"We": [0], "measure": [1, 3], "and": [2], ".": [4]}) == "We measure and measure ."
    for broken in ({"a": [0], "b": [0]}, {"a": [10**9]}, {"a": [-1]}, {"a": ["0"]}, {"a": [True]}, [], None, "x"):
        assert openalex_abstract(broken) == ""
    assert openalex_abstract({"a": 3, "b": [0]}) == "b"


def test_jats_abstracts_become_plain_text() -> None:
    head = "<jats:title>Abstract</jats:title><jats:sec><jats:title>Aim</jats:title>"
    jats = head + "<jats:p>H<jats:sub>2</jats:sub>O &lt; 3&amp;lt;4</jats:p><jats:p>More.</jats:p></jats:sec>"
    assert crossref_abstract(jats) == "Aim H2O < 3<4 More."
    assert crossref_abstract(None) == "" and crossref_abstract("<" * 10_000) == "<" * 10_000


def test_the_query_language_of_arxiv() -> None:
    group, rest = '(all:"mixture of experts" OR all:MoE)', "(all:expert OR all:routing OR all:latency)"
    assert search_query(WANTED) == f"{group} AND {rest}"
    assert search_query(Wanted('a ") OR all:* (', (('x"y)',),))) == 'all:"x y" AND all:all'
    assert search_query(Wanted("AnyExperts", (("AnyExperts",),))) == "all:AnyExperts"
    assert search_query(Wanted("top-k of the VQAv2")) == '(all:"top-k" OR all:VQAv2)'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("arxiv:2604.23996", ("2604.23996", "")), ("https://arxiv.org/abs/2604.23996v3", ("2604.23996", "v3")),
        ("http://export.arxiv.org/pdf/astro-ph/0601001v1.pdf", ("astro-ph/0601001", "v1")),
        ("10.48550/arXiv.2312.07559", ("2312.07559", "")),
        ("https://doi.org/10.48550/ARXIV.2312.07559", ("2312.07559", "")),
        ("2604.2399", ("2604.2399", "")), ("26.1", None), ("2604.23996; rm", None), ("10.1000/x", None), (None, None),
    ],
)  # fmt: skip
def test_arxiv_ids(text: str | None, found: tuple[str, str] | None) -> None:
    assert arxiv_of(text) == found


def test_dois() -> None:
    assert doi_of("https://doi.org/10.1000/ABC(1)") == doi_of("doi: 10.1000/abc(1)") == "10.1000/abc(1)"
    assert doi_of("10.1/x") is None and doi_of("10.1000/a b") is None and doi_of(3) is None


def test_one_work_of_several_services() -> None:
    title = "On the Routing of Experts"
    preprint = Work("arxiv", "2604.1", title, ("Ada Lovelace",), 2025, "We measure.", arxiv="2604.00001")
    published = Work("crossref", "10.1000/x", "On the routing of experts.", ("A. Lovelace",), 2026, doi="10.1000/x")
    known = Work("openalex", "W1", "Another name", (), 2026, doi="10.1000/x", pdf="https://x/y.pdf")
    other = Work("openalex", "W2", "On the Routing of Experts", ("Someone Else",), 2025)
    (one, two) = merge([preprint, published, known, other])
    assert (one.id, one.doi, one.abstract, one.pdf) == ("arxiv:2604.00001", "10.1000/x", "We measure.", "https://x/y.pdf")
    assert one.found_by == ("arxiv", "crossref", "openalex") and two.id == "openalex:W2"
    assert same_title("On the routing of experts", "On the Routing of Experts: a study")
    assert not same_title("Routing", "Routing of experts") and not same_title("", "")


def test_a_work_that_cannot_be_a_source_is_none() -> None:
    assert Work("arxiv", "x", "T\0", arxiv="2604.00001").source() is None
    assert Work("openalex", "a b", "Title").source() is None
    assert Work("openalex", "W1", "Half \ud800").source() is None
