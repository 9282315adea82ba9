"""What Crossref tells of a paper since it was published: retracted, corrected, a concern expressed.

Publishers deposit such notices with Crossref, and it gives out Retraction Watch's with them, in the field `updated-by`
of the paper's own record (https://www.crossref.org/documentation/crossmark/).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sovereign.net import Answer, Request

from ._port import bad, read_json
from ._settings import Services
from ._work import doi_of

_NAME = "crossref"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOST = 200


@dataclass(frozen=True, slots=True)
class Update:
    """One notice: its kind as Crossref names it (`retraction`), its own DOI, when it came out, who told Crossref."""

    kind: str
    notice: str | None
    date: str | None
    told_by: str


def updates_request(settings: Services, doi: str) -> Request:
    """The request for a paper's record; a DOI that Crossref has not is an answer, too."""
    secret = {"mailto": settings.contact} if settings.contact else {}
    address = settings.services[_NAME].address.rstrip("/")
    return Request(
        "GET", f"{address}/works/{quote(doi, safe='')}", secret=secret, expect=frozenset({200, 404})
    )


def read_updates(doi: str, answer: Answer) -> tuple[Update, ...] | None:
    """The notices on a paper, in Crossref's order; None where Crossref does not know the DOI.

    Raises:
        BadAnswer: it is not the record of this paper.
    """
    if answer.status == 404:
        return None
    value = read_json(_NAME, answer)
    message = value.get("message")
    if not isinstance(message, dict) or value.get("message-type") != "work":
        raise bad(_NAME, "has no record of a work")
    if doi_of(message.get("DOI")) != doi_of(doi):
        raise bad(_NAME, "is about another work than was asked for")
    told = message.get("updated-by", [])
    if not isinstance(told, list) or len(told) > _MOST:
        raise bad(_NAME, "has no list of updates")
    return tuple(_update(one) for one in told if isinstance(one, dict) and isinstance(one.get("type"), str))


def _update(one: dict[str, Any]) -> Update:
    updated = one.get("updated")
    parts: dict[str, Any] = updated if isinstance(updated, dict) else {}
    moment = parts.get("date-time")
    date = moment[:10] if isinstance(moment, str) and _DATE.match(moment) else _date(parts.get("date-parts"))
    source = one.get("source")
    return Update(
        kind=re.sub(r"[^a-z]+", "_", str(one["type"]).lower())[:40],
        notice=doi_of(one.get("DOI")),
        date=date,
        told_by=source[:60] if isinstance(source, str) else "publisher",
    )


def _date(parts: object) -> str | None:
    """`2023-07` for `[[2023, 7]]`."""
    first = parts[0] if isinstance(parts, list) and parts else None
    if not isinstance(first, list) or not first or not all(isinstance(one, int) for one in first[:3]):
        return None
    return "-".join(f"{one:02d}" if place else f"{one:04d}" for place, one in enumerate(first[:3]))
