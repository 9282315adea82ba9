"""The lab's house rules: it knows nothing of the kernel, arrows run downward, names are public through `__init__`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "routelab"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Rank of each part; an import may only go to a lower rank.
RANK = {
    "cli": 7,
    "__main__": 8,
    "experiments": 6,
    "adapters": 4,
    "model": 4,
    "bench": 3,
    "dispatch": 2,
    "scoring": 2,
    "data": 1,
    "routing": 1,
    "packs": 7,
    "published": 0,
    "_errors": 0,
}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path) -> Iterator[str]:
    package = ["routelab", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_lab_stands_alone_and_its_arrows_run_downward(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, "more than one idea?"
    own = part_of(path)
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] != "sovereign", f"{named(path)} imports the kernel"
        if parts[0] != "routelab" or len(parts) < 3 or (path.parent == PACKAGE and own == "__init__"):
            continue
        other = parts[1]
        assert own in RANK and other in RANK, f"{own} or {other} has no rank: give it one"
        if other != own:
            assert RANK[other] < RANK[own], f"{named(path)} imports {name}: upward or sideways"
            private = [part for part in parts[2:] if part.startswith("_")]
            assert not private, f"{named(path)} imports {name}, which is private"
