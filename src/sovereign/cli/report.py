"""`sovereign report`: a record as a PDF for people who read on paper."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import click

from sovereign.records import BadInput, StorageError

from ._console import Console, verb


@click.command()
@click.argument("record_id", metavar="ID")
@click.option(
    "--output", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The PDF to write."
)
@click.option("--version", "number", type=click.IntRange(min=1), metavar="N", help="Which version; else the newest.")
@click.option(
    "--fonts",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of fonts for scripts that the built-in ones do not cover, such as Chinese.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@verb
def report(
    console: Console, record_id: str, output: Path, number: int | None, fonts: Path | None, force: bool
) -> None:
    """Write a record as a PDF report.

    It states the answer, how it was sought, the evidence matrix, every claim with its source, what is uncertain, and
    how to check the record. Built twice, it is the same file to the byte. Needs the extra `pdf`.

    \b
    Example:
      sovereign report SRCH:2603ABC8 --output report.pdf
    """
    from sovereign.publish import render_report

    if output.is_dir():
        raise BadInput(f"{output} is a folder", "name a file, such as report.pdf")
    if output.exists() and not force:
        raise BadInput(f"{output} exists", "choose another name, or add --force")
    archive = console.workspace().archive()
    record = archive.load(record_id, number)
    events = archive.events(record.id)
    console.progress(f"setting the report of {record.id}, version {record.version}")
    made = render_report(
        record,
        archive.state(record.id),
        texts=archive.texts(record.id, record.version),
        events=events,
        versions=archive.versions(record.id),
        signer=events[-1].by if events else None,
        fonts=fonts,
    )
    for notice in made.notices:
        console.progress(f"note: {notice}")
    _write(output, made.pdf)
    value = {
        "file": str(output),
        "bytes": len(made.pdf),
        "pages": made.pages,
        "sha256": hashlib.sha256(made.pdf).hexdigest(),
        "notices": list(made.notices),
    }
    console.emit(value, f"{output}, {made.pages} pages")


def _write(output: Path, content: bytes) -> None:
    """The file whole or not at all."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=output.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(output)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(
            f"{output} cannot be written: {error.strerror or error}", "choose a folder that exists and has room"
        ) from error
