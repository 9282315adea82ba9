"""`sovereign keys`: the keys that sign this workspace's records. Private keys are never printed."""

from __future__ import annotations

import click

from sovereign.records import NotFound
from sovereign.workspace import Workspace

from ._console import Console, verb
from ._text import table


@click.group()
def keys() -> None:
    """Show the keys that sign your records."""


@keys.command("list")
@verb
def list_keys(console: Console) -> None:
    """List the workspace's keys by fingerprint.

    \b
    Example:
      sovereign keys list
    """
    found = _found(console.workspace())
    rows = [[name, fingerprint] for name, fingerprint, _ in found]
    value = [{"name": name, "fingerprint": fingerprint} for name, fingerprint, _ in found]
    console.emit(value, table(["name", "fingerprint"], rows) if rows else "no keys; make one with `sovereign init`")


@keys.command()
@click.argument("name", default="owner")
@verb
def show(console: Console, name: str) -> None:
    """Print the public half of a key as a keys.json, which others hand to `sovereign check --trust`.

    \b
    Example:
      sovereign keys show > my-public-key.json
    """
    from sovereign.seal import canonical, key_ring

    for known, _, public in _found(console.workspace()):
        if known == name:
            console.write(canonical(key_ring([public])))  # exact bytes: `check` takes canonical files only
            return
    raise NotFound(f"there is no key {name!r}", "see `sovereign keys list`")


def _found(workspace: Workspace) -> list[tuple[str, str, bytes]]:
    from sovereign.seal import Key

    found = []
    for path in sorted(workspace.keys_path.glob("*.pem")):
        key = Key.load(path)
        found.append((path.stem, key.fingerprint, key.public_bytes))
    return found
