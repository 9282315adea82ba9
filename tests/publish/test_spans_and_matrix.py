"""Texts cut into pieces without losing a character, and cells laid out as a reader would."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.publish import sample
from tests.publish.html_tools import Page

from sovereign.publish import render_page, render_texts
from sovereign.publish._matrix import matrix
from sovereign.publish._spans import Span, leaves, pieces
from sovereign.publish._view import claim_order
from sovereign.publish._words import excerpt
from sovereign.records import Cell, Direction, Evidence, Facets

ranges = st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=8)


@given(st.text(max_size=50), ranges)
def test_pieces_join_to_the_text_and_mark_what_is_quoted(text: str, found: list[tuple[int, int]]) -> None:
    spans = [Span(start, end, f"s-{start}-{end}") for start, end in found]
    cut = pieces(text, spans)
    assert "".join(piece.text for piece in cut) == text
    valid = {span.anchor: span for span in spans if 0 <= span.start < span.end <= len(text)}
    at, marked, anchors = 0, set(), []
    for piece in cut:
        if piece.marked:
            marked.update(range(at, at + len(piece.text)))
        for name in piece.anchors:
            assert valid[name].start == at
        anchors += piece.anchors
        at += len(piece.text)
    assert marked == {place for span in valid.values() for place in range(span.start, span.end)}
    assert sorted(anchors) == sorted(valid), "every span has one anchor"


def test_windows_keep_the_quotes_and_count_what_they_leave_out() -> None:
    text = "a" * 5000 + "QUOTE" + "b" * 5000
    cut = pieces(text, [Span(5000, 5005, "s-5000-5005")], windows=True)
    assert [piece.text for piece in cut if piece.marked] == ["QUOTE"]
    assert sum(len(piece.text) + piece.skipped for piece in cut) == len(text)
    assert sum(piece.skipped for piece in cut) == 2 * 4400


def test_the_full_text_of_a_work_is_not_copied_to_its_page() -> None:
    text = "An opening of no interest. " * 200 + sample.ABSTRACT + " A closing of no interest." * 200

    def change(document: dict[str, Any]) -> None:
        document["sources"][1] |= {"sha256": sample.digest(text), "text_level": "full_text"}
        document["claims"][1]["quotes"] = [sample.span(sample.WORK_ID, text, "raises throughput by 12.3%").to_json()]
        document["claims"][5]["quotes"] = document["claims"][1]["quotes"]

    def lookup(name: str) -> str | None:
        return text if name == sample.digest(text) else sample.texts(name)

    html = render_texts(sample.record(change, lookup=lookup), texts=lookup)[f"sources/{sample.digest(text)}.html"]
    assert Page(html).named("mark")[0].text == "raises throughput by 12.3%"
    assert len(html) - len(render_texts(sample.record(), texts=sample.texts)[
        f"sources/{sample.digest(sample.ABSTRACT)}.html"]) < 2500  # fmt: skip
    assert "characters left out" in html


def test_a_measurement_is_shown_value_by_value() -> None:
    wanted = {"/values/a~1b": ((1, "c-0000000001"),)}
    found = leaves(json.dumps({"values": {"a/b": 1.5, "c": [True, None]}, "empty": {}}), wanted)
    assert found is not None
    assert [(leaf.pointer, leaf.value) for leaf in found] == [
        ("/values/a~1b", "1.5"),
        ("/values/c/0", "true"),
        ("/values/c/1", "null"),
        ("/empty", "{}"),
    ]
    assert [leaf.claims for leaf in found if leaf.anchor] == [((1, "c-0000000001"),)]
    assert leaves("not json", {}) is None
    page = Page(render_texts(sample.record(), texts=sample.texts)[f"sources/{sample.digest(sample.RESULTS)}.html"])
    row = next(tag for tag in page.named("tr") if tag.attributes.get("class") == "quoted")
    assert "/values/e64_k6/b16/monte_carlo" in row.text
    assert "50.8" in row.text


def _evidence(*cells: dict[str, Any]) -> Evidence:
    document = sample.evidence()
    made = tuple(
        Cell(id=f"cell-{number}", facets=Facets(**facets), gap=True) for number, facets in enumerate(cells, 1)
    )
    return document.model_copy(update={"cells": made})


def _matrix(evidence: Evidence) -> Any:
    return matrix(evidence, {claim.id: number for number, claim in enumerate(claim_order(evidence), 1)})


def test_what_varies_becomes_rows_and_columns() -> None:
    grid = _matrix(sample.evidence())
    assert (grid.row_axes, grid.column_axis) == (("Benchmark",), "Metric")
    assert grid.columns == ("latency", "throughput", "accuracy")
    assert [row.names for row in grid.rows] == [("VQAv2",), ("MMBench",)]
    assert dict(grid.fixed) == {
        "Subject": "mixture-of-experts routing",
        "System": "Harbour",
        "Baseline": "top-k routing",
    }
    assert (grid.measured, grid.gaps, grid.contested) == (2, 4, 0)
    assert [square.state for place in grid.rows[1].squares for square in place] == ["gap", "measured", "measured"]


def test_many_columns_over_few_rows_are_turned() -> None:
    grid = _matrix(_evidence(*({"metric": f"m{n}", "benchmark": b} for n in range(9) for b in ("A", "B"))))
    assert grid.columns == ("A", "B")
    assert len(grid.rows) == 9


def test_places_that_nobody_asked_for_are_not_gaps() -> None:
    grid = _matrix(_evidence({"system": "A", "metric": "latency"}, {"system": "B", "metric": "memory"}))
    states = [[square.state for place in row.squares for square in place] for row in grid.rows]
    assert states == [["gap", "unasked"], ["unasked", "gap"]]
    assert grid.gaps == 2


def test_every_cell_appears_once_whatever_its_facets() -> None:
    grid = _matrix(
        _evidence(
            {},
            {"metric": "latency"},
            {"metric": "latency", "condition": ("batch size 1", "8 experts")},
            {"metric": "latency", "value": 2.0},
            {"system": "A", "baseline": "dense", "benchmark": "B"},
        )
    )
    ids = [square.id for row in grid.rows for place in row.squares for square in place if square.id]
    assert sorted(ids) == [f"cell-{n}" for n in range(1, 6)]


def test_a_cell_with_a_disputed_claim_is_contested_in_word_and_shape() -> None:
    def dispute(document: dict[str, Any]) -> None:
        document["claims"][1]["agreement"] = "contested"

    page = Page(render_page(sample.record(dispute), sample.state(), texts=sample.texts))
    cell = next(tag for tag in page.named("div") if tag.attributes.get("id") == "cell-5")
    assert "cell-contested" in (cell.attributes["class"] or "")
    assert "Contested" in cell.text
    assert "#i-contested" in page.links
    assert "6 cells: 1 measured, 1 contested, 4 gaps" in (
        next(tag for tag in page.named("svg") if tag.attributes.get("role") == "img").attributes["aria-label"] or ""
    )


def test_a_gap_names_its_nearest_and_in_what_it_differs() -> None:
    page = Page(render_page(sample.record(), sample.state(), texts=sample.texts))
    cells = {tag.attributes.get("id"): " ".join(tag.text.split()) for tag in page.named("div")}
    assert cells["cell-1"].startswith("Not measured nearest Harbour lowers the time to first token from 7.9 s to 6.2 s")
    assert "differs in benchmark, hardware" in cells["cell-1"]
    assert "says that it was not measured" in cells["cell-1"]
    assert "1 more" not in cells["cell-1"], "our own measurement, third in order, is not folded away"
    assert "our measurement expected-distinct-experts" in cells["cell-1"]
    assert cells["cell-3"] == "Not measured"
    assert cells["cell-5"] == (
        "Measured Harbour raises throughput by 12.3% over top-k routing on MMBench while reducing communication "
        "by 56.1%. [1] arXiv 2501.00001"
    )


@given(st.text(alphabet="ab 1.,\n", max_size=300), st.floats(0, 20), st.integers(10, 120))
def test_an_excerpt_is_a_run_of_the_claims_own_words(text: str, value: float, limit: int) -> None:
    claim = sample.evidence().claims[0]
    claim = claim.model_copy(update={"text": text, "facets": Facets(value=round(value, 1))})
    shown = excerpt(claim, limit)
    words = shown.removeprefix("… ").removesuffix(" …")
    assert words in " ".join(text.split())
    assert len(words) <= limit + limit // 4


def test_an_excerpt_keeps_the_figure_and_never_makes_one_up() -> None:
    claim = sample.evidence().claims[0]
    setting = "In a rather long setting with many words before the figure, "
    long = f"{setting * 3} it falls from 7.95 s to 6.20 s{' .' * 80}"
    claim = claim.model_copy(update={"text": long, "facets": Facets(value=7.95, unit="s", direction=Direction.LOWER)})
    assert "from 7.95 s to 6.20 s" in excerpt(claim)
    assert "7.95 s lower" not in excerpt(claim)


def test_claims_of_one_sentence_stand_together_in_cell_and_answer() -> None:
    def double(document: dict[str, Any]) -> None:
        twin = document["claims"][1] | {"id": "c-00000000ff"}
        twin["facets"] = twin["facets"] | {"value": 56.1}
        document["claims"].append(twin)
        document["cells"][4]["claims"].append(twin["id"])
        sentence = document["answer"]["sentences"][0]
        document["answer"]["sentences"].insert(1, sentence | {"claims": [twin["id"]]})

    page = Page(render_page(sample.record(double), sample.state(), texts=sample.texts))
    cell = next(" ".join(tag.text.split()) for tag in page.named("div") if tag.attributes.get("id") == "cell-5")
    assert cell.count("raises throughput by 12.3%") == 1
    assert "[1] [2] arXiv 2501.00001" in cell
    said = [" ".join(tag.text.split()) for tag in page.named("p") if tag.text.startswith("On MMBench, Harbour raises")]
    assert said == ["On MMBench, Harbour raises throughput by 12.3% over top-k routing. arXiv 2501.00001 [1] [2]"]


def test_a_sentence_that_fills_no_cell_of_its_own_stands_apart() -> None:
    def add(document: dict[str, Any]) -> None:
        words = {"text": "Nearest: it raises throughput on MMBench.", "claims": ["c-0000000002"], "cells": ["cell-2"]}
        document["answer"]["sentences"].append(words)

    page = Page(render_page(sample.record(add), sample.state(), texts=sample.texts))
    asides = next(tag.text for tag in page.named("div") if tag.attributes.get("class") == "prose asides")
    assert "Nearest: it raises throughput on MMBench." in asides
    assert "On MMBench, Harbour raises" not in asides
