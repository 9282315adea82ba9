"""One work, several files: which text stands for it, and whose card.

The text is the fullest, and of full texts the one whose words came marked up (TeX, HTML, JATS), before plain text,
before what was read back from pages (PDF). The card (title, authors, year, address) is a catalogue's where there is
one: a row of a listing, or a service's answer, knows a title better than a page shows it. What the one lacks, the
other fills. So the order in which the files are added does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ._types import Stored
from .readers import text_rank

_LEVELS = {"metadata": 1, "abstract": 2, "full_text": 3}
_OF_THE_TEXT = frozenset(("sections", "tables", "references", "left_out", "card"))


def best_of(new: Stored, old: Stored | None) -> Stored:
    """The source to keep of two with one id; without a paper's file among them, the new one as it is."""
    if old is None or new.kind != "work" or old.kind != "work" or not (text_rank(new.reader) or text_rank(old.reader)):
        return new
    text, other = (new, old) if _fullness(new) >= _fullness(old) else (old, new)
    catalogue = [one for one in (new, old) if _card_reader(one)]
    card, second = (catalogue[0], old if catalogue[0] is new else new) if catalogue else (text, other)
    meta: dict[str, Any] = {k: v for k, v in other.meta.items() if k not in _OF_THE_TEXT} | dict(text.meta)
    ids = {**_ids(other), **_ids(text)}
    if ids:
        meta["ids"] = dict(sorted(ids.items()))
    if catalogue and text_rank(text.reader):
        meta["card"] = _card_reader(card)
    return replace(
        text, title=card.title or second.title, authors=card.authors or second.authors, year=card.year or second.year,
        address=card.address or second.address, about=text.about or other.about, systems=text.systems or other.systems,
        meta=dict(sorted(meta.items())),
    )  # fmt: skip


def _fullness(source: Stored) -> tuple[int, int]:
    return _LEVELS.get(source.text_level or "", 0), text_rank(source.reader) or 3


def _card_reader(source: Stored) -> str:
    """The catalogue that a source's card is from; empty where it was read off the paper."""
    kept = source.meta.get("card")
    return str(kept) if kept else "" if text_rank(source.reader) else source.reader


def _ids(source: Stored) -> Mapping[str, str]:
    found = source.meta.get("ids")
    return found if isinstance(found, Mapping) else {}
