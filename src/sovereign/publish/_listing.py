"""The list of records as static pages: one that narrows itself while it is short, else pages by age and by value.

A page by age is filled from the oldest record on, so that a new record moves no other to another page; the
first page holds what is left over, a full page at least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _words as words
from ._render import render

if TYPE_CHECKING:
    from markupsafe import Markup

#: Records on a page by age; up to `TOGETHER` stand on one page that can be narrowed by several values at once.
PAGE = 100
TOGETHER = 250
_END = "\x1e"

Rows = Sequence[dict[str, Any]]


def list_pages(rows: Rows, title: str) -> dict[str, str]:
    """The pages of the list by path; `rows` are newest first."""
    groups = _groups(rows)
    if len(rows) <= TOGETHER:
        page = render(
            "index.html.j2", total=len(rows), groups=groups, title=title, rows=_rows(rows), links=[],
            paged=False, heading="",
        )  # fmt: skip
        return {"index.html": page}
    made = dict(zip((row["id"] for row in rows), _rows(rows), strict=True))
    pages = _by_age(rows, made, "index", groups, title, len(rows), "", "")
    for group in groups:
        for option in group["options"]:
            found = [row for row in rows if _value(row[group["name"]]) == option["value"]]
            heading = f"{group['label']}: {option['label']}"
            pages |= _by_age(found, made, option["file"], groups, title, len(rows), heading, option["value"])
    return pages


def _by_age(
    rows: Rows, made: dict[str, Markup], file: str, groups: list[dict[str, Any]], title: str, total: int, heading: str,
    value: str,
) -> dict[str, str]:  # fmt: skip
    full = max(0, len(rows) // PAGE - 1)
    parts = [rows[: len(rows) - full * PAGE]]
    parts += [rows[len(rows) - at * PAGE : len(rows) - (at - 1) * PAGE] for at in range(full, 0, -1)]
    names = [f"{file}.html", *(f"{file}-{at}.html" for at in range(full, 0, -1))]
    links = [(name, f"{part[-1]['created_at'][:10]} to {part[0]['created_at'][:10]}") for name, part in zip(
        names, parts, strict=True)]  # fmt: skip
    return {
        name: render(
            "index.html.j2", indexed=not heading, total=total, groups=groups, title=title, paged=True, heading=heading,
            here_value=value, here_file=name, found=len(rows), rows=[made[row["id"]] for row in part],
            links=links if len(links) > 1 else [],
        )
        for name, part in zip(names, parts, strict=True)
    }  # fmt: skip


def _rows(rows: Rows) -> list[Markup]:
    """Each record as an item of a list, all from one rendering; a control character ends each, and none is in them."""
    from markupsafe import Markup

    return [Markup(item) for item in render("_rows.html.j2", rows=rows, end=Markup(_END)).split(_END)[:-1]]  # noqa: S704  (escaped there)


def _value(value: object) -> str:
    return str(value).lower().replace("_", "-")


def _groups(rows: Rows) -> list[dict[str, Any]]:
    """The groups by which the list can be narrowed: only what occurs, with how often."""
    groups: list[tuple[str, str, Callable[[Any], str], list[Any]]] = [
        ("status", "Answer", lambda value: str(value).replace("_", " "), [key.value for key in words.STATUS]),
        ("tier", "Tier", lambda value: str(value).replace("_", " ").capitalize(), [key.value for key in words.TIER]),
        ("level", "Level", str, list(range(len(words.LEVELS)))),
        ("gate", "Gate", lambda value: str(value).capitalize(), ["VERIFIED", "FALSIFIED", "UNVERIFIED"]),
    ]
    found = []
    for name, label, said, values in groups:
        counted = [(value, sum(row[name] == value for row in rows)) for value in values]
        options = [
            {"value": _value(value), "label": said(value), "count": number, "file": f"index-{name}-{_value(value)}"}
            for value, number in counted
            if number
        ]
        if len(options) > 1:
            found.append({"name": name, "label": label, "options": options})
    return found
