"""Where a quote stands: the address of its span, and a stored text cut so that each span can be marked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any

from sovereign.records import Quote

#: A longer text, and any full text of a work, is shown as windows around its quotes, not as a copy of the whole.
LONG_TEXT = 200_000
#: The page of the short texts that no claim quotes: they are most of what was read, and a page each would be a burden.
OTHERS = "sources/others.html"
#: A longer text has a page of its own though no claim quotes it.
SHORT_TEXT = 20_000
_WINDOW = 600


def anchor(quote: Quote) -> str:
    """The id of a quote's span on the page of its source: unique there, of letters, digits and hyphens only."""
    if quote.pointer is not None:
        return "p-" + sha256(quote.pointer.encode()).hexdigest()[:16]
    return f"s-{quote.start}-{quote.end}"


def text_page(digest: str) -> str:
    """The page of a stored text, relative to the record's page."""
    return f"sources/{digest}.html"


def text_anchor(digest: str) -> str:
    """The id of a text on the page of those that no claim quotes."""
    return f"t-{digest[:20]}"


@dataclass(frozen=True)
class Span:
    """A range of code points with the id that it gets and the numbers of the claims that quote it."""

    start: int
    end: int
    anchor: str
    claims: tuple[tuple[int, str], ...] = ()


@dataclass
class Piece:
    """A run of text with one set of spans over it. `anchors` begin here, `claims` end here."""

    text: str
    marked: bool = False
    skipped: int = 0
    anchors: list[str] = field(default_factory=list)
    claims: list[tuple[int, str]] = field(default_factory=list)


def pieces(text: str, spans: Iterable[Span], *, windows: bool = False) -> list[Piece]:
    """The text as pieces in order, cut wherever a span begins or ends; spans may overlap.

    Joined, the texts of the pieces are the text. With `windows`, text further than 600 characters from every span
    is left out, and a piece with `skipped` > 0 and no text says how much.
    """
    inside = sorted(
        {span for span in spans if 0 <= span.start < span.end <= len(text)}, key=lambda span: (span.start, -span.end)
    )
    cuts = sorted({0, len(text), *(span.start for span in inside), *(span.end for span in inside)})
    if windows:
        near = (edge for span in inside for edge in (span.start - _WINDOW, span.end + _WINDOW))
        cuts = sorted({*cuts, *(edge for edge in near if 0 < edge < len(text))})
    found: list[Piece] = []
    for start, end in pairwise(cuts):
        if windows and not any(span.start - _WINDOW <= start and end <= span.end + _WINDOW for span in inside):
            found.append(Piece("", skipped=end - start))
            continue
        piece = Piece(text[start:end], marked=any(span.start <= start and end <= span.end for span in inside))
        piece.anchors = [span.anchor for span in inside if span.start == start]
        for span in inside:
            if span.end == end:
                piece.claims.extend(pair for pair in span.claims if pair not in piece.claims)
        found.append(piece)
    return found


@dataclass(frozen=True)
class Leaf:
    """One value of a results file: its JSON pointer, and the claims that point at it."""

    pointer: str
    value: str
    anchor: str | None = None
    claims: tuple[tuple[int, str], ...] = ()


def leaves(text: str, wanted: dict[str, tuple[tuple[int, str], ...]], limit: int = 5000) -> list[Leaf] | None:
    """Every value of a JSON text with its pointer, those in `wanted` with an anchor; None if it is not JSON.

    At most `limit` values without a claim are given; every wanted one is, also where it is an object or a list.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    found: list[Leaf] = []
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        pointer, value = stack.pop()
        children: Sequence[tuple[str, Any]] = ()
        if isinstance(value, dict):
            children = [(f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", item) for key, item in value.items()]
        elif isinstance(value, list):
            children = [(f"{pointer}/{number}", item) for number, item in enumerate(value)]
        stack.extend(reversed(children))
        if pointer in wanted:
            mark = "p-" + sha256(pointer.encode()).hexdigest()[:16]
            found.append(Leaf(pointer, json.dumps(value, ensure_ascii=False), mark, wanted[pointer]))
        elif not children and len(found) < limit:
            found.append(Leaf(pointer, json.dumps(value, ensure_ascii=False)))
    return found
