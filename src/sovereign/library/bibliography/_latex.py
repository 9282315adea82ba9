"""LaTeX in BibTeX's fields: read as Unicode, written with its special characters escaped. Formulas stay as they are."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylatexenc.latex2text import LatexNodes2Text

_MATH = re.compile(r"(?<!\\)\$(?:[^$\\]|\\.)+\$")
_BARE = re.compile(r"(?<!\\)([%&#])")
_DEEPEST = 60
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
}  # fmt: skip


def decode(text: str) -> str:
    r"""A field as people read it: `M{\"u}ller` is Müller, `{VQA}` is VQA, `$x^2$` is left alone.

    A bare `%` or `&`, which exports often leave, is taken at its word. What is nested too deeply is left as it is.
    """
    if not re.search(r"[\\{}~%&#]|--|``|''", text):
        return text
    if _depth(text) > _DEEPEST:
        return text
    try:
        told: str = _converter().latex_to_text(_BARE.sub(r"\\\1", text))
    except Exception:  # the package raises what it likes on broken LaTeX; the words are still there
        return text
    return unicodedata.normalize("NFC", told.replace("\xa0", " ").replace("ˆ", "^"))


def encode(text: str) -> str:
    """Text as a field in braces: special characters escaped, formulas between dollars left alone."""
    parts, here = [], 0
    for match in _MATH.finditer(text):
        parts += [_escaped(text[here : match.start()]), match.group()]
        here = match.end()
    return "".join([*parts, _escaped(text[here:])])


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)


def _depth(text: str) -> int:
    here = most = 0
    for character in text:
        here += (character == "{") - (character == "}")
        most = max(most, here)
    return most


@lru_cache(maxsize=1)
def _converter() -> LatexNodes2Text:
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="verbatim", keep_comments=False, strict_latex_spaces=False)
