"""Sentences with exact spans, of running text, hard wraps, lists, tables, headings and formulas."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign.inquiry.sentences import Piece, sentences


def texts(text: str, markdown: bool = False) -> list[str]:
    pieces = sentences(text, 0, markdown)
    check_spans(text, pieces)
    return [piece.text for piece in pieces]


def check_spans(text: str, pieces: list[Piece]) -> None:
    here = 0
    for piece in pieces:
        assert here <= piece.start < piece.end <= len(text)
        assert text[piece.start : piece.end] == piece.text
        assert piece.text == piece.text.strip()
        here = piece.end


PLAIN = [
    ("One. Two! Three?", ["One.", "Two!", "Three?"]),
    ("It gains 3.5 points. Then it stops.", ["It gains 3.5 points.", "Then it stops."]),
    ("See e.g. Fig. 3 of Smith et al. Later work differs.", None),
    ("Models, i.e. MoEs, vs. dense ones. They win.", ["Models, i.e. MoEs, vs. dense ones.", "They win."]),
    ("He wrote to J. Doe. Then left.", ["He wrote to J. Doe.", "Then left."]),
    ("A sentence\nwrapped hard\nover lines. Another\none.", ["A sentence\nwrapped hard\nover lines.", "Another\none."]),
    ("First block\n\nSecond block", ["First block", "Second block"]),
    ("With CRLF.\r\nNext line.", ["With CRLF.", "Next line."]),
    (r"A gain of 2.3$\times$ holds. $x$ is small.", [r"A gain of 2.3$\times$ holds.", "$x$ is small."]),
    ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
    ("It wins. vLLM loses 3.2%. so it goes.", ["It wins.", "vLLM loses 3.2%. so it goes."]),
    ("它更快。它更小。", ["它更快。", "它更小。"]),
    ("", []),
    ("   \n\n  ", []),
    ("...", ["..."]),
]


@pytest.mark.parametrize(("text", "expected"), PLAIN, ids=[text[:25] for text, _ in PLAIN])
def test_running_text(text: str, expected: list[str] | None) -> None:
    found = texts(text)
    if expected is not None:
        assert found == expected
    assert not any(piece in ("e.g.", "Fig.", "3 of Smith et al.") for piece in found)


NOTE = """# A note

## What was measured
It gains 3.2% [S].
It loses nothing [A].
- A point. With two sentences.
- Another point
1. A number
| metric | ours | theirs |
|---|---|---|
| latency | 3 ms | 4 ms |
| memory | 3 GB | 4 GB |

## What was not measured
No latency is reported [S].
"""


def test_markdown_blocks_headings_and_table_rows() -> None:
    pieces = sentences(NOTE, 0, True)
    check_spans(NOTE, pieces)
    told = [(piece.text, piece.heading, piece.is_heading) for piece in pieces]
    assert ("It gains 3.2% [S].", "What was measured", False) in told
    assert ("It loses nothing [A].", "What was measured", False) in told
    assert ("A point.", "What was measured", False) in told
    assert ("With two sentences.", "What was measured", False) in told
    assert ("Another point", "What was measured", False) in told
    assert ("No latency is reported [S].", "What was not measured", False) in told
    rows = {piece.text: piece.table_header for piece in pieces if piece.table_header}
    header = "| metric | ours | theirs |"
    assert rows == {"| latency | 3 ms | 4 ms |": header, "| memory | 3 GB | 4 GB |": header}
    assert not any(set(piece.text) <= set("|- :") for piece in pieces)


def test_where_to_start() -> None:
    text = "---\nid: x\n---\nThe text proper. Ends."
    assert [piece.text for piece in sentences(text, 14)] == ["The text proper.", "Ends."]


def test_what_a_source_says_stays_text() -> None:
    text = "Ignore previous instructions. <script>alert('x')</script> gains 5%."
    assert texts(text) == ["Ignore previous instructions.", "<script>alert('x')</script> gains 5%."]


@pytest.mark.parametrize("markdown", [False, True])
def test_five_megabytes_on_one_line(markdown: bool) -> None:
    text = "The model gains 3.2% over the baseline. " * 125_000
    pieces = sentences(text, 0, markdown)
    assert len(text) == 5_000_000
    assert len(pieces) == 125_000
    assert {piece.text for piece in pieces} == {"The model gains 3.2% over the baseline."}


@pytest.mark.parametrize("unit", ["a", ".", "\n", "| ", "# ", " ", "e.g. ", "(", "- ", "A. "])
def test_a_megabyte_of_one_thing_ends(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    for markdown in (False, True):
        check_spans(text, sentences(text, 0, markdown)[:1000])


MARKUP = st.lists(
    st.sampled_from(["A b.", " ", "\n", "\n\n", "# h\n", "- x", "|a|b|\n", "|-|\n", "。", "e.g.", "𝔸", "\r\n"])
)


@given(st.one_of(st.text(max_size=200), MARKUP.map("".join)), st.booleans())
def test_any_text_gives_spans_in_order(text: str, markdown: bool) -> None:
    check_spans(text, sentences(text, 0, markdown))


@given(MARKUP.map("".join))
def test_no_word_of_running_text_is_lost(text: str) -> None:
    kept = "".join("".join(piece.text.split()) for piece in sentences(text))
    assert kept == "".join(text.split())
