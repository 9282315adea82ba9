"""`sovereign export`: a record as one file."""

from __future__ import annotations

from pathlib import Path

import click

from sovereign.records import BadInput

from ._console import Console, verb


@click.command()
@click.argument("record_id", metavar="ID")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The zip to write."
)
@click.option("--license", "license_", default="", metavar="SPDX|URL", help="Your licence; else none is granted.")
@click.option("--author", default="", metavar="NAME", help="Who publishes it; else the holder of the key.")
@click.option("--author-id", default="", metavar="URL", help="Who that is, such as an ORCID's URL.")
@click.option("--organization", is_flag=True, help="The author is an organization.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@verb
def export(
    console: Console,
    record_id: str,
    output: Path,
    license_: str,
    author: str,
    author_id: str,
    organization: bool,
    force: bool,
) -> None:
    """Write a record with all its versions, texts, events and reproductions as one signed zip, a valid RO-Crate 1.2.

    Whoever has it can run `sovereign check FILE`: offline, without a workspace.

    \b
    Example:
      sovereign export SRCH:2603ABC8 --output record.zip --license CC-BY-4.0
    """
    from pydantic import ValidationError

    from sovereign.check import CrateAbout

    try:
        about = CrateAbout(license=license_, author=author, author_id=author_id, organization=organization)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise BadInput(f"{problem['loc'][0]} will not do: {problem['msg']}", "see `sovereign export --help`") from error
    workspace = console.workspace()
    key = workspace.key()
    written = workspace.archive().export(record_id, output, key=key, force=force, about=about)
    console.emit(
        {"file": str(written), "bytes": written.stat().st_size, "signer": key.fingerprint},
        [f"{written}", f"check it with: sovereign check {written} --trust {key.fingerprint}"],
    )
