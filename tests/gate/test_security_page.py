"""docs/security.md says what the tests show: every escape, every shortfall, every protection that is required."""

from __future__ import annotations

from pathlib import Path

from tests.support.escapes import ESCAPES, table

from sovereign.gate import PROVIDERS, SHORTFALLS
from sovereign.gate._probe import GRADES, REQUIRED

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")


def test_the_table_of_escapes_is_that_of_the_tests() -> None:
    assert table() in PAGE, "run python -m tests.support.escapes and put its table into docs/security.md"
    assert len(ESCAPES) >= 30


def test_every_shortfall_is_documented_and_can_be_found_by_the_probe() -> None:
    for name, meaning in SHORTFALLS.items():
        assert f"| `{name}` | {meaning} |" in PAGE
    assert set(GRADES.values()) | {"devices"} == set(SHORTFALLS)


def test_what_is_required_and_who_provides_it_is_documented() -> None:
    words = " ".join(PAGE.split())
    for name in REQUIRED:
        assert {"root-read-only": "read-only root"}.get(name, name.replace("-", " ")) in words
    for name in PROVIDERS:
        assert f"`{name}`" in PAGE or f"={name}" in PAGE
