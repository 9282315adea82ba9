"""`sovereign config show`: every setting in effect, and where it comes from. Keys and passwords are never shown."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import click

from ._console import Console, verb
from ._text import table

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


@click.group()
def config() -> None:
    """See the settings in effect."""


@config.command()
@click.option("--changed", is_flag=True, help="Only what differs from the defaults.")
@verb
def show(console: Console, changed: bool) -> None:
    """Show every setting in effect: policy, live services, language models, environment; and where each comes from.

    \b
    Example:
      sovereign config show --changed
    """
    from sovereign.language import read_language
    from sovereign.library.connectors import Services
    from sovereign.records import PolicyRules

    workspace = console.workspace()
    root = workspace.path
    named = "--workspace" if console.given else "SOVEREIGN_WORKSPACE" if os.environ.get("SOVEREIGN_WORKSPACE") else ""
    rows = [_row("workspace", "path", str(root), named or "default")]
    rows += _rows("policy", workspace.policy().to_json(), PolicyRules().to_json(), root / "policy.toml")
    rows += _rows("services", workspace.services().to_json(), Services().to_json(), root / "services.toml")
    rows += _rows("language", read_language(root / "language.toml").to_json(), {}, root / "language.toml")
    for name in sorted(name for name in os.environ if name.startswith("SOVEREIGN_")):
        shown = "(set, not shown)" if _SECRET.search(name) else os.environ[name]
        rows.append(_row("environment", name, shown, "environment"))
    rows = [row for row in rows if not changed or row["from"] != "default"]
    text = table(
        ["part", "setting", "value", "from"], [[row["part"], row["setting"], row["value"], row["from"]] for row in rows]
    )
    console.emit(rows, text if rows else "all settings are the defaults")


def _rows(part: str, now: dict[str, Any], defaults: dict[str, Any], file: Path) -> list[dict[str, str]]:
    """A setting's value comes from the file if it stands there, else from the environment if it is not the default."""
    stated = _flat(_read(file))
    due = _flat(defaults)
    rows = []
    for name, value in _flat(now).items():
        origin = file.name if name in stated else "default" if due.get(name) == value else "environment"
        if value is None:
            origin = "default"
        rows.append(_row(part, name, "none" if value is None else str(value), origin))
    return rows


def _row(part: str, setting: str, value: str, origin: str) -> dict[str, str]:
    return {"part": part, "setting": setting, "value": value, "from": origin}


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a broken file has been told of by whoever reads it for its settings
        return {}


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{before}{name}"
        found |= _flat(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return found
