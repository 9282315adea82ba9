"""What a connector is: a query into a request, an answer into works. It sends nothing itself."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any, Protocol

from sovereign.net import Answer, BadAnswer, Refused, Request

from ._settings import KEY_VARIABLES, Service
from ._work import Work


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query: words, and groups of phrases of which one each must occur."""

    text: str
    require: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The works of one answer in the service's order, and how many it has in all."""

    works: tuple[Work, ...]
    total: int


class Connector(Protocol):
    """One service. `search` and `lookup` make requests; `read` turns the answer to one into works.

    `read` raises BadAnswer for what is not the answer to that request: garbage, an error page with status 200, an
    answer cut short, another query's. It raises Refused where the service says that it will not answer.
    """

    name: str
    service: Service

    def search(self, wanted: Wanted, start: int = 0) -> Request: ...

    def lookup(self, identifier: str) -> Request | None:
        """A request for one work by DOI or arXiv id; None where the service cannot be asked so."""
        ...

    def read(self, request: Request, answer: Answer) -> Page: ...


def words_of(wanted: Wanted) -> str:
    """A plain query: the words, and of each group its first phrase where none of the group is said already."""
    text = _plain(wanted.text)
    missing = [
        _plain(group[0]) for group in wanted.require if group and not any(_said(phrase, text) for phrase in group)
    ]
    return " ".join([text, *missing]).strip()[:300]


def _said(phrase: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(_plain(phrase))}(?!\w)", text, re.IGNORECASE) is not None


def _plain(text: str) -> str:
    """Words, hyphens and single spaces: nothing that any service reads as syntax."""
    return " ".join(re.sub(r"[^\w\s-]|(?<!\w)-|-(?!\w)|_", " ", text).split())


def key_of(name: str) -> str:
    """The service's key from the environment, or nothing."""
    return os.environ.get(KEY_VARIABLES.get(name, ""), "").strip()


def read_json(name: str, answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises BadAnswer."""
    try:
        value = json.loads(answer.body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise bad(name, "is not in UTF-8") from error
    except (ValueError, RecursionError) as error:
        page = answer.body.lstrip()[:1] == b"<"
        raise bad(name, "is a web page, not data" if page else "is empty or cut short") from error
    if not isinstance(value, dict):
        raise bad(name, "is not an object")
    told = value.get("error") or (value.get("message") if isinstance(value.get("message"), str) else None)
    if told and not any(key in value for key in ("results", "data", "id", "paperId")):
        raise Refused(f"{name} says: {str(told)[:200]}", "this query cannot be asked of it", 400)
    return value


def bad(name: str, what: str) -> BadAnswer:
    """An answer that will not do, by the service's name."""
    return BadAnswer(f"the answer of {name} {what}", "try again later")


def whole(value: object, at_least: int = 0) -> int | None:
    """A whole number, given as one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= at_least else None
