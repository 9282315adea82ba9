"""Whether one quote is where it says it is: by offsets in a text, or by a JSON pointer in a measurement."""

from __future__ import annotations

import json
from typing import Any

from ._record import Json


def _resolve(document: Any, pointer: str) -> Any:
    """The value at an RFC 6901 pointer; raises KeyError, IndexError or ValueError."""
    if pointer and not pointer.startswith("/"):
        raise ValueError(pointer)
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def quote_fault(quote: Json, source: Json | None, text: str | None) -> str | None:
    """What is wrong with a quote, or None; `source` is its source in the record, `text` that source's stored text."""
    if source is None:
        return "its source is not among the record's sources"
    if text is None:
        return "the text of its source is not there, or has another sha256"
    if quote.get("sha256") not in (None, source.get("sha256")):
        return "its sha256 is not its source's"
    wanted = quote.get("text")
    if not isinstance(wanted, str) or not wanted:
        return "it has no text"
    if isinstance(pointer := quote.get("pointer"), str):
        try:
            value = _resolve(json.loads(text), pointer)
        except (ValueError, KeyError, IndexError, TypeError):
            return "its pointer resolves to nothing"
        return None if wanted in (str(value), json.dumps(value)) else "the value at its pointer is another"
    start, end = quote.get("start"), quote.get("end")
    if not isinstance(start, int) or not isinstance(end, int) or isinstance(start, bool) or isinstance(end, bool):
        return "it has neither offsets nor a pointer"
    if not 0 <= start < end <= len(text) or text[start:end] != wanted:
        return "its text is not at its offsets"
    for side, there in (("prefix", text[max(0, start - 32) : start]), ("suffix", text[end : end + 32])):
        if isinstance(quote.get(side), str) and quote[side] != there:
            return f"its {side} is not what stands there"
    return None
