"""Crossref's works: what publishers deposited under a DOI. https://api.crossref.org/swagger-ui"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from sovereign.net import Answer, Request

from ..readers._port import one_line
from ._port import Page, Wanted, bad, read_json, whole, words_of
from ._settings import Service
from ._work import Work, arxiv_of, doi_of, plain_title, year_of

_FIELDS = "DOI,title,subtitle,author,issued,abstract,URL,link"
_HEADING = re.compile(r"<(?:\w+:)?title[^<>]*>\s*(?:abstract|summary)\s*</(?:\w+:)?title>", re.IGNORECASE)
_BLOCK = re.compile(r"</?(?:\w+:)?(?:p|sec|title|list|list-item|disp-formula|break)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


class Crossref:
    """Search of `/works`, and works by DOI. A contact address goes along as `mailto`: it is asked for, kindly."""

    name = "crossref"

    def __init__(self, service: Service, contact: str = "") -> None:
        self.service, self._contact = service, contact

    def search(self, wanted: Wanted, start: int = 0) -> Request:
        """A page of the works that match some plain words."""
        asked = {"query": words_of(wanted), "rows": self.service.results, "offset": start, "select": _FIELDS}
        return self._request(f"/works?{urlencode(asked)}")

    def lookup(self, identifier: str) -> Request | None:
        """One work by DOI."""
        doi = doi_of(identifier)
        return self._request(f"/works/{quote(doi, safe='')}") if doi else None

    def read(self, request: Request, answer: Answer) -> Page:
        """The works of an answer. Raises BadAnswer, Refused."""
        value = read_json(self.name, answer)
        message, kind = value.get("message"), value.get("message-type")
        parts = urlsplit(request.url)
        if not isinstance(message, dict) or kind not in ("work", "work-list"):
            raise bad(self.name, "has no message")
        if not parts.path.endswith("/works"):
            work = self._work(message) if kind == "work" else None
            if work is None:
                raise bad(self.name, "has no title")
            if work.doi != doi_of(unquote(parts.path.rpartition("/works/")[2])):
                raise bad(self.name, "is about another work than was asked for")
            return Page((work,), 1)
        asked, echo = parse_qs(parts.query), message.get("query")
        total, items = whole(message.get("total-results")), message.get("items")
        if kind != "work-list" or total is None or not isinstance(items, list):
            raise bad(self.name, "has no list of works")
        start = echo.get("start-index") if isinstance(echo, dict) else None
        terms = echo.get("search-terms") if isinstance(echo, dict) else None
        if (start is not None and start != int(asked.get("offset", ["0"])[0])) or len(items) > int(asked["rows"][0]):
            raise bad(self.name, "is another page than was asked for")
        if isinstance(terms, str) and "query" in asked and terms.split() != asked["query"][0].split():
            raise bad(self.name, "is to another query")
        works = (self._work(item) for item in items if isinstance(item, dict))
        return Page(tuple(work for work in works if work is not None), total)

    def _request(self, path: str) -> Request:
        secret = {"mailto": self._contact} if self._contact else {}
        return Request("GET", self.service.address.rstrip("/") + path, secret=secret)

    def _work(self, item: dict[str, Any]) -> Work | None:
        titles, doi = item.get("title"), doi_of(item.get("DOI"))
        first = titles[0] if isinstance(titles, list) and titles else None
        title = plain_title(html.unescape(first)) if isinstance(first, str) else ""
        if not title or doi is None:
            return None
        people = item.get("author")
        names = [_name(one) for one in people if isinstance(one, dict)] if isinstance(people, list) else []
        arxiv = arxiv_of(doi)
        return Work(
            service=self.name, local=doi, title=title, authors=tuple(name for name in names if name),
            year=_year(item.get("issued")), abstract=abstract_of(item.get("abstract")),
            doi=None if arxiv else doi, arxiv=arxiv[0] if arxiv else None, address=f"https://doi.org/{doi}",
        )  # fmt: skip


def abstract_of(jats: object) -> str:
    """Crossref's JATS abstract as plain text: one line, blocks apart by a space, without the heading "Abstract"."""
    if not isinstance(jats, str):
        return ""
    text = _BLOCK.sub(" ", _HEADING.sub(" ", jats))
    # Some deposits are escaped twice: `&amp;lt;`.
    return one_line(html.unescape(html.unescape(_TAG.sub("", text))))


def _name(person: dict[str, Any]) -> str:
    parts = (person.get("given"), person.get("family")) if person.get("family") else (person.get("name"),)
    return one_line(" ".join(part for part in parts if isinstance(part, str)))


def _year(issued: object) -> int | None:
    parts = issued.get("date-parts") if isinstance(issued, dict) else None
    if isinstance(parts, list) and parts and isinstance(parts[0], list) and parts[0]:
        return year_of(parts[0][0])
    return None
