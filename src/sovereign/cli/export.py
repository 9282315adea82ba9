"""`sovereign export`: a record as one file."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import Console, verb


@click.command()
@click.argument("record_id", metavar="ID")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The zip to write."
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@verb
def export(console: Console, record_id: str, output: Path, force: bool) -> None:
    """Write a record with all its versions, texts, events and reproductions as one signed zip.

    Whoever has it can run `sovereign check FILE`: offline, without a workspace.

    \b
    Example:
      sovereign export SRCH:2603ABC8 --output record.zip
    """
    workspace = console.workspace()
    key = workspace.key()
    written = workspace.archive().export(record_id, output, key=key, force=force)
    console.emit(
        {"file": str(written), "bytes": written.stat().st_size, "signer": key.fingerprint},
        [f"{written}", f"check it with: sovereign check {written} --trust {key.fingerprint}"],
    )
