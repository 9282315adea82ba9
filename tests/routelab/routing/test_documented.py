"""Every router is in the table of docs/routelab.md, with a pinning test that names at least three mutations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from routelab.adapters import strategies
from routelab.routing import STRATEGIES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "routelab.md").read_text(encoding="utf-8")
ROWS = {row[1]: row[0] for row in re.findall(r"^(\| `(\w+)`.*\|)$", PAGE, re.M)}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_router_has_its_row_and_its_pinning_test(name: str) -> None:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", ROWS[name].strip("|"))]
    assert len(cells) == 5
    assert all(cells)
    files = re.findall(r"`(test_\w+\.py)`", cells[4])
    assert files
    source = "".join((Path(__file__).parent / file).read_text(encoding="utf-8") for file in files)
    assert source.count("Mutation(") >= 3, f"{files} name fewer than three mutations"
    assert f"{STRATEGIES[name].__name__}(" in source


def test_the_table_names_no_router_that_is_none() -> None:
    table = PAGE[PAGE.index("| name | paper |") : PAGE.index("### Two readings")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) <= set(STRATEGIES) | {"soft_moe"}


def test_every_strategy_of_the_adapters_is_explained() -> None:
    made = {
        name for name, kind in vars(strategies).items()
        if isinstance(kind, type) and kind.__module__ == strategies.__name__ and name != "Strategy"
    }  # fmt: skip
    told = PAGE[PAGE.index("## Real models") :]
    assert {name for name in made if f"| `{name}(" not in told} == set()
