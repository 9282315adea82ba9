"""`sovereign backup` and `sovereign restore`: a workspace in one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import Console, verb


@click.command()
@click.argument("output", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--with-keys", is_flag=True, help="The private keys too: whoever has the file can sign as you.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@verb
def backup(console: Console, output: Path, with_keys: bool, force: bool) -> None:
    """Write the workspace into one zip, while it is in use: library, journal, agenda, records, settings, packs.

    The search index, pages and kept answers of services are left out: they are made again.

    \b
    Example:
      sovereign backup workspace-2026-03-01.zip
    """
    from sovereign.backup import back_up

    made = back_up(console.workspace(), output, with_keys=with_keys, force=force, progress=console.progress)
    lines = [f"{made.file}: {made.files} files, {made.records} records, {made.bytes:,} bytes"]
    if not with_keys:
        lines.append("without private keys; keep them apart, or add --with-keys")
    console.emit(made, lines)


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@verb
def restore(console: Console, source: Path, target: Path) -> None:
    """Make a workspace in DIR, new or empty, from a backup whose digests all hold.

    \b
    Example:
      sovereign restore workspace-2026-03-01.zip workspace
    """
    from sovereign.backup import restore as unpack

    made = unpack(source, target, progress=console.progress)
    lines = [f"{target}: {made.files} files, {made.records} records"]
    if not made.with_keys:
        lines.append("no private key was in it: put yours into keys/owner.pem, or make a new one with `sovereign init`")
    console.emit(made, lines)
