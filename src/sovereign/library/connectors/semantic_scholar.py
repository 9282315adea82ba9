"""Semantic Scholar's graph API. https://api.semanticscholar.org/api-docs/graph"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from sovereign.net import Answer, Request

from ._port import Page, Wanted, bad, key_of, read_json, whole, words_of
from ._settings import Service
from ._work import Work, arxiv_of, doi_of, plain_title, year_of

_FIELDS = "title,abstract,authors,year,externalIds,url,openAccessPdf"


class SemanticScholar:
    """Relevance search of `/graph/v1/paper/search`, and papers by DOI or arXiv id."""

    name = "semantic-scholar"

    def __init__(self, service: Service) -> None:
        self.service = service

    def search(self, wanted: Wanted, start: int = 0) -> Request:
        """A page of the works that match some plain words."""
        asked = {
            "query": words_of(wanted), "fields": _FIELDS, "offset": start, "limit": min(self.service.results, 100),
        }  # fmt: skip
        return self._request(f"/graph/v1/paper/search?{urlencode(asked)}")

    def lookup(self, identifier: str) -> Request | None:
        """One paper by DOI or arXiv id."""
        if found := arxiv_of(identifier):
            named = f"ARXIV:{found[0]}"
        elif doi := doi_of(identifier):
            named = f"DOI:{doi}"
        else:
            return None
        return self._request(f"/graph/v1/paper/{quote(named, safe=':/')}?{urlencode({'fields': _FIELDS})}")

    def read(self, request: Request, answer: Answer) -> Page:
        """The papers of an answer. Raises BadAnswer, Refused."""
        value = read_json(self.name, answer)
        parts = urlsplit(request.url)
        if not parts.path.endswith("/paper/search"):
            work = self._work(value)
            if work is None:
                raise bad(self.name, "has no title")
            named = parts.path.rpartition("/paper/")[2]
            wanted = arxiv_of(named.removeprefix("ARXIV:").removeprefix("DOI:"))
            doi = doi_of(named.removeprefix("DOI:"))
            if work.arxiv != wanted[0] if wanted else doi is not None and work.doi != doi:
                raise bad(self.name, "is about another work than was asked for")
            return Page((work,), 1)
        asked = parse_qs(parts.query)
        total = whole(value.get("total"))
        if total is None or whole(value.get("offset")) != int(asked["offset"][0]):
            raise bad(self.name, "is another page than was asked for")
        data = value.get("data", [] if total == 0 else None)
        if not isinstance(data, list) or len(data) > int(asked["limit"][0]):
            raise bad(self.name, "has no list of papers, or a longer one than was asked for")
        works = (self._work(item) for item in data if isinstance(item, dict))
        return Page(tuple(work for work in works if work is not None), total)

    def _request(self, path: str) -> Request:
        key = key_of(self.name)
        private = {"x-api-key": key} if key else {}
        return Request("GET", self.service.address.rstrip("/") + path, private=private)

    def _work(self, item: dict[str, Any]) -> Work | None:
        title, local = plain_title(item.get("title")), item.get("paperId")
        if not title or not isinstance(local, str) or not local.isalnum():
            return None
        given, people = item.get("externalIds"), item.get("authors")
        ids: dict[str, Any] = given if isinstance(given, dict) else {}
        authors: list[Any] = people if isinstance(people, list) else []
        names = (author.get("name") for author in authors if isinstance(author, dict))
        arxiv, doi = arxiv_of(ids.get("ArXiv")) or arxiv_of(ids.get("DOI")), doi_of(ids.get("DOI"))
        pdf = item.get("openAccessPdf")
        abstract = item.get("abstract")
        return Work(
            service=self.name, local=local, title=title, year=year_of(item.get("year")),
            authors=tuple(" ".join(name.split()) for name in names if isinstance(name, str)),
            abstract=abstract.strip() if isinstance(abstract, str) else "", doi=None if arxiv_of(doi) else doi,
            arxiv=arxiv[0] if arxiv else None,
            address=f"https://arxiv.org/abs/{arxiv[0]}" if arxiv else f"https://www.semanticscholar.org/paper/{local}",
            pdf=pdf["url"] if isinstance(pdf, dict) and isinstance(pdf.get("url"), str) and pdf["url"] else None,
        )  # fmt: skip
