"""What a person gives: facets as they are written, a quote and where it stands, a note; each within its bounds."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sovereign.judge import places_of, plain
from sovereign.records import BadInput, Facets

if TYPE_CHECKING:
    from sovereign.library import Stored

#: The longest quote, note and facet of an entry, in characters.
MOST_QUOTE, MOST_NOTE, MOST_FACET = 2000, 4000, 200
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def facets_of(given: Mapping[str, str | None]) -> Facets:
    """Facets as a person writes them: a number for `value`, conditions apart by `;`. Raises BadInput."""
    read: dict[str, Any] = {}
    for name, written in given.items():
        if name not in Facets.model_fields:
            raise BadInput(f"there is no facet {name!r}", f"the facets are {', '.join(Facets.model_fields)}")
        text = None if written is None else " ".join(written.split()) or None
        if text is not None:
            harmless(text, f"the facet {name}", MOST_FACET)
        if name == "condition":
            read[name] = tuple(part.strip() for part in (text or "").split(";") if part.strip())
        elif name == "value" and text is not None:
            try:
                read[name] = float(text)
            except ValueError as error:
                remedy = "write it as 12 or 0.5, the unit by itself"
                raise BadInput(f"the value {text!r} is no number", remedy) from error
        elif text is not None:
            read[name] = text
    value = read.get("value")
    if value is not None and not abs(value) < 1e300:
        raise BadInput(f"the value {given['value']!r} is no finite number", "write it as 12 or 0.5")
    try:
        return Facets.model_validate(read)
    except ValueError as error:
        raise BadInput(f"{given.get('direction')!r} is no direction", "write higher, lower or equal") from error


def place_in(stored: Stored, quote: str, nth: int | None) -> int:
    """Where the quote stands in the text, to the character. Raises BadInput."""
    if not any(character.isalnum() for character in quote) or len(quote) > MOST_QUOTE:
        raise BadInput(f"a quote has words, and {MOST_QUOTE:,} characters at most", "quote the sentence that says it")
    places = places_of(quote, stored.text)
    if not places:
        near = " ".join(stored.text.split()).find(plain(quote)) >= 0
        why = ": it stands there with other white space" if near else ""
        raise BadInput(
            f"the quote does not stand in the text of {stored.id}{why}",
            "copy it to the character; a line break in the text is part of it",
        )
    if nth is None and len(places) > 1:
        raise BadInput(f"the quote stands {len(places)} times in {stored.id}", "say which with --nth, or quote more")
    if nth is not None and not 1 <= nth <= len(places):
        raise BadInput(f"the quote stands {len(places)} times in {stored.id}, not {nth}", "choose another --nth")
    return places[(nth or 1) - 1]


def harmless(text: str, what: str, most: int = MOST_NOTE) -> None:
    """Raises BadInput for a text that is too long, no Unicode, or holds characters that a reader would not see."""
    if len(text) > most:
        told = f"{what} has {len(text):,} characters; the limit is {most:,}"
        raise BadInput(told, "say it shorter; nothing was done")
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Cs" or character in _TURNING or (kind == "Cc" and character not in "\n\t"):
            raise BadInput(f"{what} holds the character U+{ord(character):04X}", "write it again without it")
