"""OpenAlex works. Abstracts come as an inverted index and are put together again. https://docs.openalex.org"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from sovereign.net import Answer, Request

from ._port import Page, Wanted, bad, key_of, read_json, whole, words_of
from ._settings import Service
from ._work import Work, arxiv_of, doi_of, plain_title, year_of

_FIELDS = (
    "id,doi,title,display_name,publication_year,authorships,abstract_inverted_index,ids,primary_location,locations,"
    "open_access"
)
_LONGEST_ABSTRACT = 20_000


class OpenAlex:
    """Full-text relevance search of `/works`, and works by DOI. A key and a mail address go along as secrets."""

    name = "openalex"

    def __init__(self, service: Service, contact: str = "") -> None:
        self.service, self._contact = service, contact

    def search(self, wanted: Wanted, start: int = 0) -> Request:
        """A page of the works that match some plain words; `start` must be a multiple of the page's size."""
        size = min(self.service.results, 200)
        asked = {"search": words_of(wanted), "per-page": size, "page": start // size + 1, "select": _FIELDS}
        return self._request(f"/works?{urlencode(asked)}")

    def lookup(self, identifier: str) -> Request | None:
        """One work by DOI, also by the DOI that arXiv gives each paper."""
        arxiv = arxiv_of(identifier)
        doi = f"10.48550/arxiv.{arxiv[0]}" if arxiv else doi_of(identifier)
        return self._request(f"/works/{quote(f'https://doi.org/{doi}', safe='')}?select={_FIELDS}") if doi else None

    def read(self, request: Request, answer: Answer) -> Page:
        """The works of an answer. Raises BadAnswer, Refused."""
        value = read_json(self.name, answer)
        parts = urlsplit(request.url)
        if not parts.path.endswith("/works"):
            work = self._work(value)
            if work is None:
                raise bad(self.name, "has no title")
            wanted = unquote(parts.path.rpartition("/works/")[2])
            if doi_of(value.get("doi")) != doi_of(wanted):
                raise bad(self.name, "is about another work than was asked for")
            return Page((work,), 1)
        asked, meta = parse_qs(parts.query), value.get("meta")
        total = whole(meta.get("count")) if isinstance(meta, dict) else None
        data = value.get("results")
        if total is None or not isinstance(data, list):
            raise bad(self.name, "has no list of works")
        assert isinstance(meta, dict)
        page, size = int(asked.get("page", ["1"])[0]), int(asked.get("per-page", ["25"])[0])
        if (meta.get("page"), meta.get("per_page")) != (page, size) or len(data) > size:
            raise bad(self.name, "is another page than was asked for")
        works = (self._work(item) for item in data if isinstance(item, dict))
        return Page(tuple(work for work in works if work is not None), total)

    def _request(self, path: str) -> Request:
        key = key_of(self.name)
        secret = ({"api_key": key} if key else {}) | ({"mailto": self._contact} if self._contact else {})
        return Request("GET", self.service.address.rstrip("/") + path, secret=secret)

    def _work(self, item: dict[str, Any]) -> Work | None:
        title = plain_title(item.get("title") or item.get("display_name"))
        local = str(item.get("id", "")).rpartition("/")[2]
        if not title or not local.isalnum():
            return None
        doi = doi_of(item.get("doi"))
        listed, people = item.get("locations"), item.get("authorships")
        places = [item.get("primary_location"), *(listed if isinstance(listed, list) else ())]
        pages = [place.get("landing_page_url") for place in places if isinstance(place, dict)]
        arxiv = arxiv_of(doi) or next((found for page in pages if (found := arxiv_of(page))), None)
        names = (
            author["author"].get("display_name")
            for author in (people if isinstance(people, list) else ())
            if isinstance(author, dict) and isinstance(author.get("author"), dict)
        )
        pdfs = [place.get("pdf_url") for place in places if isinstance(place, dict)]
        return Work(
            service=self.name, local=local, title=title, year=year_of(item.get("publication_year")),
            authors=tuple(" ".join(name.split()) for name in names if isinstance(name, str)),
            abstract=abstract_of(item.get("abstract_inverted_index")), doi=None if arxiv_of(doi) else doi,
            arxiv=arxiv[0] if arxiv else None,
            address=f"https://arxiv.org/abs/{arxiv[0]}" if arxiv else f"https://doi.org/{doi}" if doi else item["id"],
            pdf=next((pdf for pdf in pdfs if isinstance(pdf, str) and pdf), None),
        )  # fmt: skip


def abstract_of(index: object) -> str:
    """The abstract from `{word: [positions]}`; empty where it is none, or not one text."""
    if not isinstance(index, dict):
        return ""
    words: dict[int, str] = {}
    for word, places in index.items():
        for place in places if isinstance(places, list) else ():
            if whole(place) is None or place >= _LONGEST_ABSTRACT or place in words:
                return ""
            words[place] = word
    return " ".join(words[place] for place in sorted(words)).strip()
