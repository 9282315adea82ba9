"""The words of an element of HTML or XML on one line: sub- and superscripts, formulas, entities, notes set aside."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import html5
from typing import Any

from ._mathml import math_text

_DEPTH = 150
_BLOCKS = frozenset(
    """p div section article li ul ol dl dt dd tr td th table caption blockquote h1 h2 h3 h4 h5 h6 pre figure
    figcaption br title label list list-item disp-quote sec break def term def-item disp-formula""".split()
)
_ORDINAL = re.compile(r"(?:st|nd|rd|th|[®™©*†‡§¶]+|TM)")
_CITES = re.compile(r"\[?\(?\d{1,3}(?:\s*[,–—-]\s*\d{1,3})*\)?\]?")


def local(element: Any) -> str:
    """The name of an element without its namespace; empty for comments, instructions and entities."""
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    return tag.rpartition("}")[2].rpartition(":")[2]


def entity_text(element: Any) -> str:
    """The character of an entity that was left unresolved, if HTML knows it."""
    name = getattr(element, "name", None)
    return html5.get(f"{name};", "") if isinstance(name, str) else ""


class Inline:
    """Reads inline content. `aside` decides on an element: None to go on, or what stands in its place."""

    def __init__(self, aside: Callable[[Any], str | None]) -> None:
        self._aside = aside

    def text(self, element: Any) -> str:
        """The words of an element, its own decision aside."""
        return self._inner(element, 0)

    def one(self, element: Any, depth: int = 0) -> str:
        """The words of an element as a part of others: what stands in its place, or its content in its shape."""
        name = local(element)
        if not name:
            return entity_text(element)
        replaced = self._aside(element)
        if replaced is not None:
            return replaced
        if depth > _DEPTH:
            return " ".join(element.itertext())
        if name == "math":
            return f" {math_text(element)} " if element.get("display") == "block" else math_text(element)
        content = self._inner(element, depth + 1)
        if name == "sup":
            return _raised(element, content)
        if name == "sub" and content.strip():
            return content if content.strip()[0].isdigit() else f"_{content.strip()}"
        return f" {content} " if name in _BLOCKS else content

    def _inner(self, element: Any, depth: int) -> str:
        parts = [element.text or ""] if isinstance(element.tag, str) else []
        for child in element:
            parts.append(self.one(child, depth))
            parts.append(child.tail or "")
        return "".join(parts)


def _raised(element: Any, content: str) -> str:
    inner = content.strip()
    if not inner or _ORDINAL.fullmatch(inner) or inner.startswith(("[", "^", "(")):
        return content
    near = [*element.iter(), *([element.getparent()] if element.getparent() is not None else [])]
    links = [one for one in near if local(one) in ("xref", "a")]
    if links and _CITES.fullmatch(inner):
        return f" [{inner}]"
    return content if links else f"^{inner}"
