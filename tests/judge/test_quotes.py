"""A quote stands where it says, in code points, with its 32 code points on either side."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign.inquiry.extract import span_quote
from sovereign.judge import CONTEXT, pointer_text, quote_fault, resolve_pointer
from sovereign.records import Quote
from sovereign.seal import digest

TEXTS = [
    "at the very start and at the very end",
    "𝔸stral 🧪 letters count as one 𝕏",
    "cafe\u0301 with a combining mark, and e\u0301 again",
    "a line\r\nand another\r\nwith CRLF\r\n",
    "短い日本語の文です。",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_span_of_a_text_is_a_sound_quote(text: str) -> None:
    sha = digest(text)
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            quote = span_quote("note:a", sha, text, start, end)
            assert quote_fault(quote, text) is None
            assert len(quote.prefix) == min(CONTEXT, start)
            assert len(quote.suffix) == min(CONTEXT, len(text) - end)


@given(st.text(min_size=1, max_size=200), st.data())
def test_any_text_with_itself_shifted_is_no_longer_sound(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    quote = span_quote("note:a", digest(text), text, start, end)
    assert quote_fault(quote, text) is None
    longer = "x" + text
    assert quote_fault(quote, longer) == "the text is not the one that was read (its SHA-256 differs)"
    moved = quote.model_copy(update={"sha256": digest(longer)})
    if longer[start:end] != quote.text or longer[max(0, start - CONTEXT) : start] != quote.prefix:
        assert quote_fault(moved, longer) is not None


def sound() -> tuple[Quote, str]:
    text = "one two three four five six seven eight nine ten eleven twelve"
    return span_quote("note:a", digest(text), text, 14, 23), text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text": "four  fiv"}, "is not the quoted text"),
        ({"start": 15, "end": 24}, "is not the quoted text"),
        ({"start": 60, "end": 69}, "lies outside the text"),
        ({"prefix": "one two three "[1:]}, "code points beside"),
        ({"suffix": ""}, "code points beside"),
        ({"sha256": "0" * 64}, "is not the one that was read"),
    ],
)
def test_a_changed_quote_is_named(change: dict[str, object], says: str) -> None:
    quote, text = sound()
    assert quote_fault(quote, text) is None
    fault = quote_fault(quote.model_copy(update=change), text)
    assert fault is not None
    assert says in fault


def test_pointers() -> None:
    document = {"a/b": [1, {"~": 2.50}], "": "empty", "text": "ä"}
    text = json.dumps(document)
    for pointer, value in (("/a~1b/0", 1), ("/a~1b/1/~0", 2.5), ("/", "empty"), ("/text", "ä"), ("", document)):
        assert resolve_pointer(document, pointer) == value
        quote = Quote(source="measurement:a", text=pointer_text(value), pointer=pointer, sha256=digest(text))
        assert quote_fault(quote, text) is None
        other = quote.model_copy(update={"text": quote.text + " "})
        assert "is not the quoted value" in str(quote_fault(other, text))
    for pointer in ("/none", "/a~1b/2", "/a~1b/x", "text", "/text/0"):
        quote = Quote(source="measurement:a", text="1", pointer=pointer, sha256=digest(text))
        assert "does not resolve" in str(quote_fault(quote, text))
    assert "does not resolve" in str(
        quote_fault(Quote(source="measurement:a", text="1", pointer="/a", sha256=digest("{")), "{")
    )
