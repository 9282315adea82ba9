"""Numbers and units as papers write them, each with a span that can be looked up again."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign.judge import numbers_in, quantities

WRITTEN = [
    ("a gain of 12.3%", [(12.3, "%")]),
    (r"a gain of 12.3\%", [(12.3, "%")]),
    ("12.3 percent", [(12.3, "%")]),
    ("５０％", [(50, "%")]),
    ("twelve percent", []),
    ("1,709 tokens/s", [(1709, "tokens/s")]),
    ("1,828 tokens per second", [(1828, "tokens/s")]),
    ("38.9 thousand images per second", [(38900, "items/s")]),
    ("10k tokens", [(10000, "tokens")]),
    (r"2.3$\times$ faster", [(2.3, "x")]),
    ("10x", [(10, "x")]),
    ("10× faster", [(10, "x")]),
    ("2-fold", [(2, "x")]),
    ("1.1-2.1x", [(1.1, "x"), (2.1, "x")]),
    ("1.1–2.1x", [(1.1, "x"), (2.1, "x")]),
    ("7.95 -> 6.20 s", [(7.95, "s"), (6.2, "s")]),
    ("from 7.95 s to 6.20 s", [(7.95, "s"), (6.2, "s")]),
    ("between 1.2 and 3.4 s", [(1.2, "s"), (3.4, "s")]),
    ("8 to 64 experts", [(8, "experts"), (64, "experts")]),
    ("batch size 16 and 0.9%", [(16, None), (0.9, "%")]),
    ("top-2", []),
    ("GPT-4 and VQAv2 on an A100-40G", []),
    ("arXiv 2511.18314", []),
    ("in 2025", [(2025, None)]),
    ("-3.9%", [(-3.9, "%")]),
    ("(−3.9%)", [(-3.9, "%")]),
    ("x=-3%", [(-3, "%")]),
    ("8-64 experts", [(8, "experts"), (64, "experts")]),
    ("+4%", [(4, "%")]),
    ("3.9 ± 0.2%", [(3.9, "%")]),
    (r"3.9 $\pm$ 0.2%", [(3.9, "%")]),
    ("1e-4", [(1e-4, None)]),
    ("2.3 × 10^5 tokens", [(230000, "tokens")]),
    ("10^5", []),
    ("p < 0.05", [(0.05, None)]),
    ("version 1.2.3", []),
    ("3x3 stride 1", [(3, None), (1, None)]),
    ("Mixtral-8x7B", []),
    ("0.703 s", [(0.703, "s")]),
    ("0.5ms", [(0.5, "ms")]),
    ("5 µs", [(5, "us")]),
    ("16 GB", [(16, "GB")]),
    ("25 GB/s", [(25, "bytes/s")]),
    ("70B model", [(70, "B")]),
    ("2.5 percentage points", [(2.5, "points")]),
    ("68.45 GFLOPs", [(68.45, "FLOPs")]),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_written_forms(text: str, expected: list[tuple[float, str | None]]) -> None:
    assert [(q.value, q.unit) for q in quantities(text)] == expected


def test_a_number_of_hundreds_of_digits_is_no_quantity() -> None:
    assert [q.value for q in quantities("9" * 400 + " s and 5 s")] == [5]


def test_numbers_in_takes_every_run_of_digits() -> None:
    assert numbers_in("VQAv2: 1,709 of 12.30, top-8") == ["2", "1709", "12.30", "8"]


PIECES = st.sampled_from(
    [
        "12.3",
        "1,709",
        "%",
        "\\%",
        " ",
        "-",
        "−",
        "±",
        "to",
        "x",
        "×",
        "10^",
        "e-4",
        ".",
        ",",
        "(",
        "s",
        "GB/s",
        "tokens",
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=20).map("".join))


@given(TEXTS)
def test_spans_lie_in_the_text_in_order_and_hold_their_number(text: str) -> None:
    here = 0
    for q in quantities(text):
        assert here <= q.start < q.end <= len(text)
        here = q.end
        assert any(character.isdigit() for character in text[q.start : q.end])
        assert math.isfinite(q.value)
        json.dumps(q.value, allow_nan=False)


@given(TEXTS)
def test_numbers_in_gives_plain_numbers_that_stand_in_the_text(text: str) -> None:
    for number in numbers_in(text):
        float(number)
        assert number in text.replace(",", "")
