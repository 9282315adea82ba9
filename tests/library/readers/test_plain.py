"""Plain text and the lines of tables: small rules that every format shares."""

from __future__ import annotations

import pytest

from sovereign.inquiry import tables
from sovereign.library.readers import Unreadable, read_bytes
from sovereign.library.readers._grid import Cell, Grid, table_lines


def test_paragraphs_headings_and_broken_words() -> None:
    text = (
        "A Title of Two\nLines\n\nAbstract\n\nWe meas-\nure a well-known state-of-the-\nart cache.\n\n2.1 The Data\n\n"
        "a    1    2\nb    3    4\n\nReferences\n\n[1] Somebody. 2020.\n"
    )
    paper = read_bytes(text.replace("\n", "\r\n").encode(), "a.txt")
    assert paper.text == (
        "A Title of Two Lines\n\n# Abstract\n\nWe measure a well-known state-of-the-art cache.\n\n## 2.1 The Data\n\n"
        "a 1 2\nb 3 4\n"
    )
    assert paper.references == ("[1] Somebody. 2020.",) and paper.abstract.startswith("We measure")


def test_a_line_of_text_that_looks_like_a_heading_is_none() -> None:
    assert read_bytes(b"Title\n\n# not a heading of ours, for it is text and long.\nIt goes on.\n", "a.txt").text == (
        "Title\n\nnot a heading of ours, for it is text and long. It goes on.\n"
    )


@pytest.mark.parametrize("data", [b"\0" * 100, b"\x00\x01words\x02" * 99, b"   \n\n "])
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(Unreadable) as said:
        read_bytes(data, "a.txt")
    assert said.value.remedy


def grid(rows: list[list[Cell | str]], heads: int | None = None) -> list[str]:
    cells = [[Cell(one) if isinstance(one, str) else one for one in row] for row in rows]
    return [line for line, _ in table_lines(Grid(cells, heads))]


def test_headers_groups_and_empty_places() -> None:
    assert grid([["Model", "Acc", "F1"], ["A", "1", "2"], ["", "3", ""]]) == ["A | Acc: 1 | F1: 2", "A | Acc: 3"]
    assert grid([["", "Acc"], [Cell("Small", 2)], ["A", "1"], [Cell("Large", 2)], ["A", "9"]], 1) == [
        "Small > A | Acc: 1",
        "Large > A | Acc: 9",
    ]
    assert grid([["Born", "1877"], ["Died", "1939"]]) == ["Born | 1877", "Died | 1939"]
    assert grid([["A", "B"], ["x | y: z", "k: 1 | 2"]]) == ["x ∣ y: z | B: k:\u00a01 ∣ 2"]
    assert grid([["Only a header", "and another"]]) == ["Only a header | and another"]
    assert grid([[]]) == [] and grid([["", ""]]) == []


def test_spans_beyond_the_table_are_cut() -> None:
    assert grid([[Cell("H", 2), "B"], [Cell("a", 1, 900), "1", Cell("2", 900)], ["3", "4"]], 1) == [
        "a | H: 1 | B: 2",
        "a | H: 3 | B: 4",
    ]


def test_the_kernel_takes_the_lines_apart_as_they_were_put_together() -> None:
    html = (
        "<title>T</title><table><caption>Table 1: C</caption><tr><th>M</th><th>Cost: euro</th><th>Ratio</th></tr>"
        "<tr><td>A: one</td><td>5</td><td>4: 1 | 2</td></tr></table>"
    )
    paper = read_bytes(f"<html><body>{html}</body></html>".encode(), "a.html")
    (table,) = paper.tables
    parsed = tables.parse(paper.text, table.start, table.end)
    entries = [(entry.column, entry.start, entry.end) for row in parsed.rows for entry in row.entries]
    assert entries == [(" > ".join(c.column), c.start, c.end) for c in table.cells]
    assert [paper.text[start:end] for _, start, end in entries] == ["5", "4:\u00a01 ∣ 2"]
