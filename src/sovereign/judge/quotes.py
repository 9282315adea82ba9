"""Is a quote where it says that it is? The one rule for spans and JSON pointers."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from sovereign.records import Quote

CONTEXT = 32


def quote_fault(quote: Quote, text: str) -> str | None:
    """What is wrong with a quote against the text it names, or None. Offsets are code points."""
    if text_digest(text) != quote.sha256:
        return "the text is not the one that was read (its SHA-256 differs)"
    if quote.pointer is not None:
        return _pointer_fault(quote, text)
    start, end = quote.start or 0, quote.end or 0
    if end > len(text):
        return f"the span {start}-{end} lies outside the text of {len(text)} code points"
    if text[start:end] != quote.text:
        return f"the text at {start}-{end} is not the quoted text"
    if text[max(0, start - CONTEXT) : start] != quote.prefix or text[end : end + CONTEXT] != quote.suffix:
        return f"the {CONTEXT} code points beside {start}-{end} are not those stored"
    return None


@lru_cache(maxsize=128)
def text_digest(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes. Many quotes are of one text, and a text may be long."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(text: str) -> str:
    """A sentence on one line, as claims write it: hard wraps and runs of white space become single spaces."""
    return " ".join(text.split())


def resolve_pointer(document: Any, pointer: str) -> Any:
    """The value at an RFC 6901 pointer. Raises LookupError where there is none."""
    if pointer == "":
        return document
    if not pointer.startswith("/"):
        raise LookupError(f"{pointer!r} is not a JSON pointer")
    value = document
    for raw in pointer[1:].split("/"):
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise LookupError(f"nothing at {pointer!r}")
    return value


def pointer_text(value: Any) -> str:
    """How a JSON value is written in a quote: compact, keys sorted."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _pointer_fault(quote: Quote, text: str) -> str | None:
    try:
        value = resolve_pointer(json.loads(text), quote.pointer or "")
    except (ValueError, LookupError) as error:
        return f"the pointer {quote.pointer} does not resolve: {error}"
    if pointer_text(value) != quote.text:
        return f"the value at {quote.pointer} is not the quoted value"
    return None
