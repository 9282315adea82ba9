"""The matrix as its reader lays it out: any facet by any, over one record and over all; nothing is lost or invented."""

from __future__ import annotations

import itertools
import urllib.parse
from typing import Any

import pytest
from tests.publish.html_tools import Page

from sovereign.desk.grid import AXES, MOST_COLUMNS, MOST_ROWS, Choice, Grid, lay_out, read_choice
from sovereign.records import BadInput, Cell, Facets, Record
from sovereign.workflow import ask

from .conftest import Owner


def claims_of(grid: Grid) -> set[tuple[str, str]]:
    return {key for _, places in grid.rows for place in places for key in place.found}


def gaps_of(grid: Grid) -> list[str]:
    return sorted(one.link for _, places in grid.rows for place in places for one in place.gaps)


@pytest.mark.parametrize(("rows", "columns"), list(itertools.permutations(AXES, 2)))
def test_every_layout_holds_every_claim_and_every_gap(owner: Owner, rows: str, columns: str) -> None:
    record = owner.record
    grid = lay_out([record], Choice(rows, columns))
    assert claims_of(grid) == {(record.id, name) for cell in record.cells for name in cell.claims}
    assert gaps_of(grid) == sorted(f"/records/{record.folder}/#{cell.id}" for cell in record.cells if cell.gap)
    assert grid.cells == len(record.cells) and grid.left_out == (0, 0)


def test_what_is_kept_by_a_facet_is_what_has_it(owner: Owner) -> None:
    record = owner.record
    whole = lay_out([record], Choice())
    for axis, known in whole.values.items():
        parts = [lay_out([record], Choice(keep={axis: value})) for value in known]
        assert sum(len(gaps_of(part)) for part in parts) == len(gaps_of(whole))
        assert set().union(*(claims_of(part) for part in parts)) == claims_of(whole)
        assert all(set(part.values[axis]) == set(known) for part in parts), "the other values stay there"
    measured, gaps = (lay_out([record], Choice(state=state)) for state in ("measured", "gap"))
    assert gaps_of(measured) == [] and claims_of(gaps) == set()


def test_a_large_matrix_says_what_does_not_fit(owner: Owner) -> None:
    record = owner.record
    cells = tuple(
        Cell(id=f"cell-{n}", facets=Facets(system=f"System {n % 200}", metric=f"metric {n % 30}"), gap=True)
        for n in range(600)
    )
    grid = lay_out([record.model_copy(update={"cells": cells})], Choice())
    assert (len(grid.rows), len(grid.columns)) == (MOST_ROWS, MOST_COLUMNS)
    assert grid.left_out == (200 - MOST_ROWS, 30 - MOST_COLUMNS) and grid.cells == 600


@pytest.mark.parametrize(
    "given", [{"rows": "secret"}, {"rows": "metric"}, {"rows": "system", "columns": "system"}, {"state": "good"}]
)
def test_a_choice_that_there_is_not_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        read_choice(given)


@pytest.fixture
def both(owner: Owner) -> Record:
    return ask(owner.workspace, "How do SMoES and Lynx compare in throughput and memory?")


def test_the_page_lays_out_one_record_and_all(owner: Owner, both: Record) -> None:
    for address, records in ((f"{owner.page}matrix", [owner.record]), ("/matrix", [owner.record, both])):
        answer = owner.client.get(address + "?rows=benchmark&columns=system")
        page = Page(answer.text)
        assert answer.status_code == 200 and page.faults == [] and len(page.ids) == len(set(page.ids))
        chosen = [tag.attributes["value"] for tag in page.named("option") if "selected" in tag.attributes]
        assert chosen[:2] == ["benchmark", "system"]
        links = {href for href in page.links if "#" in href and href.startswith("/records/")}
        due = {f"/records/{one.folder}/#{name}" for one in records for cell in one.cells for name in cell.claims}
        due |= {f"/records/{one.folder}/#{cell.id}" for one in records for cell in one.cells if cell.gap}
        assert links == due
        controls = {tag.attributes.get("id") for tag in page.named("select")}
        assert controls == {tag.attributes["for"] for tag in page.named("label")}


def test_every_link_of_the_matrix_leads_to_its_place(owner: Owner) -> None:
    page = Page(owner.client.get(f"{owner.page}matrix").text)
    ids = set(Page(owner.client.get(owner.page).text).ids)
    places = [href.partition("#")[2] for href in page.links if href.startswith(f"{owner.page}#")]
    assert places and set(places) <= ids


@pytest.mark.parametrize(
    "query",
    ["rows=<script>alert(1)</script>", "rows=system&columns=system", "state=x", "only-metric=</option><script>1"],
)
def test_a_hostile_choice_stays_text(owner: Owner, query: str) -> None:
    answer = owner.client.get(f"/matrix?{urllib.parse.quote(query, safe='=&')}")
    page = Page(answer.text)
    assert answer.status_code in (200, 400) and page.faults == [] and page.named("script") == []


def test_a_record_that_there_is_not_has_no_matrix(owner: Owner) -> None:
    assert owner.client.get("/records/srch-00000000/matrix").status_code == 404
    assert owner.client.get("/records/..%2f..%2fkeys/matrix").status_code == 404


def test_a_stranger_sees_no_matrix_and_no_run(owner: Owner) -> None:
    from starlette.testclient import TestClient

    from sovereign.desk import desk

    stranger: Any = TestClient(desk(owner.workspace, owner.guard), base_url=owner.guard.origin)
    with owner.workspace.journal() as journal:
        (run,) = journal.list()
    for path in ("/matrix", f"{owner.page}matrix", f"/runs/{run.id}"):
        refused = stranger.get(path)
        assert refused.status_code == 403 and owner.record.question.text not in refused.text
        assert owner.client.get(path).status_code == 200
        assert owner.client.get(path, headers={"host": "example.org"}).status_code == 421
