"""`ask --compare`: two systems side by side; what is contested or missing is said; nothing that the record lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.publish.html_tools import Page
from tests.support.calls import Call, make_workspace
from tests.support.inquire import library_of, work, write_works

from sovereign.judge import name_key
from sovereign.publish.comparison import comparison_html, side_by_side
from sovereign.records import Agreement, BadInput
from sovereign.workflow import comparison_question
from sovereign.workspace import Workspace


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(make_workspace(tmp_path / "w").path, capsys)


def test_two_columns_hold_what_the_record_holds(call: Call, tmp_path: Path) -> None:
    page = tmp_path / "two.html"
    answer = call("ask", "--compare", "SMoES", "Lynx", "latency and throughput", "--html", str(page), "--json")
    assert answer.code == 0, answer.err
    sides, record = answer.json, call.record
    assert record.question.text == "How do SMoES and Lynx compare in latency and throughput?"
    assert [system["name"] for system in sides["systems"]] == ["SMoES", "Lynx"]
    assert {row["metric"] for row in sides["rows"]} == {"latency", "throughput"}
    for at, name in enumerate(("SMoES", "Lynx")):
        cells = [cell for cell in record.cells if name_key(cell.facets.system or "") == name_key(name)]
        shown = [row["sides"][at] for row in sides["rows"] if row["sides"][at]["state"] != "not_asked"]
        assert sorted(cell for side in shown for cell in side["cells"]) == sorted(cell.id for cell in cells)
        claims = {one["claim"] for side in shown for one in side["found"]}
        assert claims == {claim for cell in cells for claim in cell.claims} and claims
        assert sum(side["state"] == "gap" for side in shown) == sum(cell.gap for cell in cells)
    read = Page(page.read_text(encoding="utf-8"))
    assert read.faults == [] and read.named("script") == [] and "SMoES" in read.text and "Lynx" in read.text
    links = [href for href in read.links if "#c-" in href]
    assert links
    for href in links:
        path, _, anchor = href.partition("#")
        assert anchor in Page((tmp_path / path).read_text(encoding="utf-8")).ids


def test_without_a_subject_it_asks_for_what_the_library_speaks_of_and_always_the_same(call: Call) -> None:
    with call.workspace.library() as library:
        question = comparison_question(library, " SMoES ", "Lynx")
        assert question == comparison_question(library, "SMoES", "Lynx")
    assert question.startswith("How do SMoES and Lynx compare in ") and "throughput" in question
    answer = call("ask", "--compare", "SMoES", "Lynx")
    assert answer.code == 0 and question in answer.out and "measured   SMoES " in answer.out


def test_a_name_that_nobody_has_and_one_that_is_a_baseline_are_said(call: Call) -> None:
    answer = call("ask", "--compare", "Lynx", "Frobnicator9", "latency")
    assert answer.code == 0 and "Frobnicator9: named but not found" in answer.out and "not asked" in answer.out
    record = next(iter(call.workspace.archive().list()))
    sides = side_by_side(call.workspace.archive().load(record), "Lynx", "Frobnicator9")
    assert sides.systems[1].asked == 0 and sides.systems[0].asked > 0
    other = call("ask", "--compare", "SMoES", "top-k routing", "latency")
    assert "top-k routing: read as a baseline" in other.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--compare", "SMoES", "smoes"),
        ("--compare", "SMoES", " "),
        ("--compare", "x" * 81, "SMoES"),
        ("--compare", "SMoES", "Lynx\u202e"),
        ("--compare", "SMoES", "Lynx", "--profile", "reference"),
        ("--compare", "SMoES", "Lynx", "--again", "SRCH:00000001"),
        ("--html", "x.html", "How does SMoES compare to Lynx?"),
        ("--compare", "SMoES"),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_what_cannot_be_compared_starts_nothing(call: Call, arguments: tuple[str, ...]) -> None:
    assert call("ask", *arguments).code == 2
    assert not call.workspace.archive().list()


def test_a_file_that_is_there_is_not_overwritten_and_nothing_is_asked(call: Call, tmp_path: Path) -> None:
    page = tmp_path / "two.html"
    page.write_text("mine", encoding="utf-8")
    assert call("ask", "--compare", "SMoES", "Lynx", "--html", str(page)).code == 2
    assert page.read_text(encoding="utf-8") == "mine" and not call.workspace.archive().list()
    assert call("ask", "--compare", "SMoES", "Lynx", "latency", "--html", str(page), "--force").code == 0
    assert "Side by side" in page.read_text(encoding="utf-8")


def test_what_sources_contest_or_share_stands_in_the_column(call: Call) -> None:
    assert call("ask", "--compare", "SMoES", "Lynx", "latency and throughput").code == 0
    record = call.record
    cell = next(cell for cell in record.cells if cell.facets.system == "SMoES" and cell.claims)
    for agreement in (Agreement.CONTESTED, Agreement.CORROBORATED, Agreement.REFUTED):
        claims = tuple(
            one.model_copy(update={"agreement": agreement, "agrees_with": (record.claims[-1].id,)})
            if one.id == cell.claims[0]
            else one
            for one in record.claims
        )
        sides = side_by_side(record.model_copy(update={"claims": claims}), "SMoES", "Lynx")
        side = next(row.sides[0] for row in sides.rows if cell.id in row.sides[0].cells)
        assert side.agreement == agreement.value
        html = comparison_html(sides)
        assert agreement.value in html and record.claims[-1].id in html
        assert ('class="cell cell-contested"' in html) == (agreement is not Agreement.CORROBORATED)


def test_hostile_names_and_sentences_stay_text(tmp_path: Path) -> None:
    space = Workspace.create(tmp_path / "w", starter=False)
    opening = "We study mixture-of-experts (MoE) routing."
    hostile = "</q><script>alert(1)</script><img src=x onerror=alert(1)>"
    works = [
        work("2401.00001", "AlphaMoE: a router", f"{opening} AlphaMoE cuts the latency by 12% {hostile} on MMBench."),
        work("2401.00002", "BetaMoE: a router", f"{opening} BetaMoE cuts the latency by 9% on MMBench."),
    ]
    with library_of(space.library_path, write_works(tmp_path / "works", works)) as library:
        comparison_question(library, "AlphaMoE", "BetaMoE")
        with pytest.raises(BadInput):
            comparison_question(library, "AlphaMoE", "\ud800 name")
    from sovereign.workflow import ask

    record = ask(space, "How do AlphaMoE and BetaMoE compare in latency?")
    page = Page(comparison_html(side_by_side(record, "AlphaMoE<script>", "BetaMoE"), "x.html"))
    assert page.faults == [] and page.named("script", "img") == []
