"""Characters of a text: what pages carry for their looks becomes what it says, and what nobody sees goes."""

from __future__ import annotations

import re
import unicodedata

# Ligatures, and the letters of formulas that are letters of another shape.
_STYLED = re.compile("[\ufb00-\ufb06\U0001d400-\U0001d7ff]")
# Soft hyphens, zero-width marks, byte order marks and all that turns the direction of text: joiners of words stay, for
# Persian and the Indic scripts need them.
_UNSEEN = dict.fromkeys(
    [0xAD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A),
     *range(0xFFF9, 0xFFFC)]
)  # fmt: skip
_CONTROL = dict.fromkeys([*range(9), 11, *range(14, 32), *range(0x7F, 0x85), *range(0x86, 0xA0)])
_TABLE = {**_UNSEEN, **_CONTROL}


def clean(text: str) -> str:
    """A text without control characters, unseen marks and ligatures; composed (NFC)."""
    text = _STYLED.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text.translate(_TABLE))
    return unicodedata.normalize("NFC", text)


def line_of(text: str) -> str:
    """A clean text on one line: every run of white space, no-break spaces too, is one space."""
    return " ".join(clean(text).split())
