"""Text from outside made safe to look at: what would hide or reorder text is shown as its code point."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Controls, bidirectional marks, zero-width and tag characters: invisible, or able to make a line read as another.
# Zero-width joiner and non-joiner (U+200C, U+200D) stay: Persian, Indic scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with every hidden or reordering character written out, such as `⟨U+202E⟩`.

    Line feeds and tabs stay, and a carriage return before a line feed goes; everything else keeps its place.
    """
    if text.isascii() and text.isprintable():
        return text  # nearly every text of a page
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def clip(text: str, limit: int) -> str:
    """The text, or its first `limit` characters and a statement of how long it is."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… (cut here: {len(text):,} characters in all, complete in index.json)"


def web_address(address: str | None) -> str | None:
    """The address if it is a plain http(s) one that may become a link, else None."""
    if address is None or len(address) > 2000 or _HIDDEN.search(address) or re.search(r"\s", address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.hostname else None
