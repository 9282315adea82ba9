"""The house rules: arrows run downward, names are public through `__init__`, files are short, the core is light."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "sovereign"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Rank of each part; an import may only go to a lower rank, so siblings (equal ranks) never import each other.
RANK = {
    "cli": 10,
    "__main__": 11,
    "_api": 9,
    "desk": 9,
    "agenda": 9,
    "workflow": 8,
    "attesting": 8,
    "outdated": 8,
    "hand": 8,
    "backup": 8,
    "clearing": 8,
    "measuring": 7,
    "proving": 7,
    "workspace": 7,
    "living": 7,
    "fetching": 7,
    "publish": 6,
    "inquiry": 5,
    "gate": 5,
    "archive": 4,
    "library": 4,
    "language": 4,
    "check": 3,
    "judge": 2,
    "seal": 2,
    "net": 2,
    "records": 1,
    "starter": 0,
    "packs": 0,
    "vocabularies": 0,
    "_version": 0,
}
#: `check` is what a reader of records installs: it may use these and nothing else of ours.
CHECK_NEEDS = {"check", "judge", "seal", "records"}
#: Modules of `inquiry` that keep times for people; no stage sees them.
KEEPS_TIME = {"inquiry/journal.py", "inquiry/_lock.py"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Full names of what a module imports, and whether only for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    package = ["sovereign", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{module}.{alias.name}", id(node) in typing_only


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parent != PACKAGE or path.stem != "__init__"], ids=named
)
def test_imports_run_downward_and_touch_public_names_only(path: Path) -> None:
    own = part_of(path)
    assert own in RANK, f"{own} has no rank: give it one in RANK, and in docs/decisions.md"
    for name, for_types in imports(path):
        parts = name.split(".")
        if parts[0] != "sovereign" or len(parts) < 2:
            continue
        other = parts[1]
        if other == own or other not in RANK:  # `from sovereign import Library` inside documentation strings and tests
            continue
        if not for_types:
            assert RANK[other] < RANK[own], f"{named(path)} imports {name}: upward or sideways"
        assert not any(part.startswith("_") and part != "__version__" for part in parts[2:]), (
            f"{named(path)} imports {name}, which is private"
        )


@pytest.mark.parametrize(
    "path", [path for path in MODULES if part_of(path) in ("inquiry", "judge", "check")], ids=named
)
def test_stages_and_rules_read_no_clock_and_draw_no_random_number(path: Path) -> None:
    if str(path.relative_to(PACKAGE)) in KEEPS_TIME:
        return
    used = {name.partition(".")[0] for name, _ in imports(path)}
    assert used & {"time", "datetime", "random", "uuid", "secrets"} == set()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_files_are_short_and_the_core_is_light(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, "more than one idea?"
    used = {name.partition(".")[0] for name, _ in imports(path)}
    assert used & {"numpy", "torch", "requests", "scipy", "sklearn"} == set()
    assert named(path) == "net/_wire.py" or "httpx" not in used, "the network is reached through net/ alone"
    assert used & {"urllib3", "aiohttp", "openai", "litellm"} == set()
    assert "routelab" not in used, "the kernel knows nothing of the lab"


def test_public_names_are_as_pinned() -> None:
    pinned: dict[str, set[str]] = {}
    for line in (ROOT / "tests" / "public_names.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            package, _, names = line.partition(": ")
            pinned[package] = set(names.split(", "))
    found = {}
    for path in MODULES:
        if path.name == "__init__.py":
            package = ".".join(["sovereign", *path.parent.relative_to(PACKAGE).parts])
            if names := getattr(importlib.import_module(package), "__all__", ()):
                found[package] = set(names)
                assert len(names) == len(set(names))
    assert found == pinned, "public names changed: if on purpose, change tests/public_names.txt with them"


@pytest.mark.parametrize("package", ["sovereign", *(f"sovereign.{name}" for name in ("records", "library", "gate"))])
def test_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))


def loaded(code: str) -> set[str]:
    """The modules that a fresh process has loaded after running some code."""
    script = textwrap.dedent(code) + "\nimport sys\nprint('\\nLOADED', *sorted(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.rpartition("\nLOADED ")[2].split())


RUN = """
    from sovereign.cli import main
    try:
        main({arguments!r})
    except SystemExit as ended:
        assert ended.code == {code}, ended.code
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    heavy = {"pydantic", "tantivy", "jinja2", "cryptography", "yaml", "sqlite3", "httpx", "sovereign.records"}
    assert loaded(RUN.format(arguments=arguments, code=0)) & heavy == set()


def test_importing_sovereign_is_light() -> None:
    assert loaded("import sovereign") & {"pydantic", "tantivy", "jinja2", "cryptography", "click"} == set()


def test_check_loads_only_what_a_reader_of_records_needs() -> None:
    ours = {
        name.split(".")[1]
        for name in loaded(RUN.format(arguments=["check", "/nonexistent"], code=3))
        if name.startswith("sovereign.")
    }
    assert ours <= CHECK_NEEDS | {"cli", "_version"}
    assert "check" in ours
