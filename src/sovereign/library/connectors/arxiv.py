"""arXiv: its query language out, Atom in. https://info.arxiv.org/help/api/user-manual.html"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from sovereign.net import Answer, Refused, Request

from ..readers._port import one_line
from ._port import Page, Wanted, bad
from ._settings import Service
from ._work import Work, arxiv_of, doi_of, plain_title

_ATOM = "{http://www.w3.org/2005/Atom}"
_OPEN = "{http://a9.com/-/spec/opensearch/1.1/}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_ECHO = re.compile(r"arXiv Query: search_query=(.*)&id_list=(.*)&start=(\d+)&max_results=(\d+)\s*", re.I | re.S)
_MOST_WORDS = 12
_STOP = frozenset(
    "a an and are as at be by can do does for from has have how in into is it its more of on or than that the their "
    "there these they this to under use using via was what when where which while who why will with".split()
)  # fmt: skip


class Arxiv:
    """The API at `/api/query`; sorted by relevance unless another order is asked for."""

    name = "arxiv"

    def __init__(self, service: Service) -> None:
        self.service = service

    def search(self, wanted: Wanted, start: int = 0, sort: str = "relevance") -> Request:
        """A page of the works that match; see `search_query`."""
        return self._request(search_query=search_query(wanted), id_list="", start=start, sort=sort)

    def lookup(self, identifier: str) -> Request | None:
        """One work by its arXiv id (a version may be named)."""
        found = arxiv_of(identifier)
        if found is None:
            return None
        return self._request(search_query="", id_list="".join(found), start=0, sort="relevance")

    def read(self, request: Request, answer: Answer) -> Page:
        """The feed's works. Raises BadAnswer, Refused."""
        root = _parsed(self.name, answer.body)
        if root.tag != f"{_ATOM}feed":
            raise bad(self.name, "is not an Atom feed")
        entries = root.findall(f"{_ATOM}entry")
        for entry in entries:
            if "/api/errors" in _text(entry, f"{_ATOM}id"):
                said = one_line(_text(entry, f"{_ATOM}summary"))[:200]
                raise Refused(f"arxiv says: {said}", "this query cannot be asked of it", 400)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        self._compare(asked, _text(root, f"{_ATOM}title"))
        total = _number(root, f"{_OPEN}totalResults")
        start = _number(root, f"{_OPEN}startIndex")
        if total is None or start is None:
            raise bad(self.name, "does not say how much it found")
        if start != int(asked["start"]) or len(entries) > int(asked["max_results"]):
            raise bad(self.name, "is another page than was asked for")
        if not entries and total > start:
            raise bad(self.name, f"is an empty page of {total:,} works")
        works = tuple(work for entry in entries if (work := self._work(entry)) is not None)
        if len(works) < len(entries):
            raise bad(self.name, "has an entry without id or title")
        wanted = {found[0] for one in asked.get("id_list", "").split(",") if (found := arxiv_of(one))}
        if wanted and any(work.arxiv not in wanted for work in works):
            raise bad(self.name, "is about another work than was asked for")
        return Page(works, total)

    def _request(self, *, search_query: str, id_list: str, start: int, sort: str) -> Request:
        asked = {
            "search_query": search_query, "id_list": id_list, "start": start, "max_results": self.service.results,
            "sortBy": sort, "sortOrder": "descending",
        }  # fmt: skip
        return Request("GET", f"{self.service.address.rstrip('/')}/api/query?{urlencode(asked)}")

    def _compare(self, asked: dict[str, str], echo: str) -> None:
        """The feed's title repeats the query: its words and ids must be those that we asked for."""
        told = _ECHO.fullmatch(one_line(echo))
        if told is None:
            raise bad(self.name, "does not say to which query it is")
        same = (
            _tokens(told[1]) == _tokens(asked.get("search_query", ""))
            and _tokens(told[2]) == _tokens(asked.get("id_list", ""))
            and (told[3], told[4]) == (asked["start"], asked["max_results"])
        )
        if not same:
            raise bad(self.name, "is to another query")

    def _work(self, entry: Any) -> Work | None:
        found = arxiv_of(_text(entry, f"{_ATOM}id"))
        title = plain_title(_text(entry, f"{_ATOM}title"))
        if found is None or not title:
            return None
        identifier, version = found
        published = _text(entry, f"{_ATOM}published")[:4]
        names = (one_line(_text(author, f"{_ATOM}name")) for author in entry.findall(f"{_ATOM}author"))
        return Work(
            service=self.name, local=identifier, title=title, authors=tuple(name for name in names if name),
            year=int(published) if published.isascii() and published.isdigit() else None,
            abstract=_text(entry, f"{_ATOM}summary").strip(), doi=doi_of(_text(entry, f"{_ARXIV}doi")),
            arxiv=identifier, version=version or None, address=f"https://arxiv.org/abs/{identifier}",
            pdf=f"https://arxiv.org/pdf/{identifier}{version}",
        )  # fmt: skip


def search_query(wanted: Wanted) -> str:
    """The query in arXiv's language: every group as alternatives, and one at least of the remaining words.

    `(all:"mixture of experts" OR all:MoE) AND (all:latency OR all:VQAv2)`
    """
    groups = [[term for phrase in group if (term := _term(phrase))] for group in wanted.require]
    said = {word for group in wanted.require for phrase in group for word in _words(phrase)}
    words = [word for word in re.findall(r"\w+(?:-\w+)*", wanted.text) if word.casefold() not in _STOP]
    rest = [term for word in dict.fromkeys(words) if not _words(word) <= said and (term := _term(word))]
    parts = [_either(group) for group in (*groups, rest[:_MOST_WORDS]) if group]
    return " AND ".join(parts)


def _term(phrase: str) -> str:
    plain = " ".join(re.sub(r"[^\w\s-]|_", " ", phrase).split())
    if not plain:
        return ""
    return f'all:"{plain}"' if not plain.isalnum() else f"all:{plain}"


def _either(terms: Sequence[str]) -> str:
    unique = list(dict.fromkeys(terms))[:_MOST_WORDS]
    return unique[0] if len(unique) == 1 else f"({' OR '.join(unique)})"


def _tokens(query: str) -> list[str]:
    """What a query is about, however it is written: its words in order, without the field `all`, which arXiv adds."""
    return [word for word in re.findall(r"[^\W_]+", query.casefold()) if word != "all"]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.casefold()))


def _parsed(name: str, body: bytes) -> Any:
    """The root of a feed. A document type is refused, so that no entity is ever expanded."""
    from lxml import etree

    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad(name, "is not in UTF-8") from error
    if re.search(r"<!\s*(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        page = re.search(r"<!doctype\s+html", text[:2000], re.IGNORECASE)
        raise bad(name, "is a web page, not a feed" if page else "declares entities, which no feed of its does")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8")
    try:
        return etree.fromstring(text.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        html = text.lstrip()[:5].lower() == "<html"
        raise bad(name, "is a web page, not a feed" if html else "is empty or cut short, or not XML") from error


def _text(element: Any, path: str) -> str:
    found = element.find(path)
    return "".join(found.itertext()) if found is not None else ""


def _number(element: Any, path: str) -> int | None:
    text = _text(element, path).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
