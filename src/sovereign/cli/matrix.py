"""`sovereign matrix`: a record's evidence matrix in the terminal, or as CSV."""

from __future__ import annotations

from pathlib import Path

import click

from sovereign.records import BadInput, StorageError

from ._console import Console, verb
from ._text import shorten, table


@click.command()
@click.argument("record_id", metavar="ID")
@click.option("--version", "number", type=click.IntRange(min=1), metavar="N", help="Which version; else the newest.")
@click.option(
    "--csv",
    "output",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Write CSV; - is stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@verb
def matrix(console: Console, record_id: str, number: int | None, output: Path | None, force: bool) -> None:
    """Show the cells that a question asks for: what fills each, or that it is a gap and what comes near.

    The CSV has a row for each claim in a cell and each nearest claim beside a gap.

    \b
    Example:
      sovereign matrix SRCH:2603ABC8 --csv matrix.csv
    """
    from sovereign.publish import matrix_csv, matrix_rows

    record = console.workspace().archive().load(record_id, number)
    if output is None:
        rows = matrix_rows(record)
        shown = [
            [
                cell.id,
                cell.facets.system or cell.facets.subject or "",
                cell.facets.metric or "",
                cell.facets.benchmark or "",
                "; ".join(cell.facets.condition),
                "not measured" if cell.gap else "measured",
                f"{len(cell.nearest)} nearest" if cell.gap else f"{len(cell.claims)} claims",
            ]
            for cell in record.cells
        ]
        heads = ["cell", "system", "metric", "benchmark", "condition", "state", "holds"]
        text = table(heads, [[shorten(part, 40) for part in row] for row in shown]) if shown else "no cells"
        console.emit(rows, text)
        return
    content = matrix_csv(record)
    if str(output) == "-":
        console.write(content)
        return
    if output.exists() and not force:
        raise BadInput(f"{output} exists", "choose another name, or add --force")
    try:
        output.write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageError(f"{output} cannot be written: {error.strerror or error}", "choose another place") from error
    lines = content.count("\r\n") - 1
    console.emit({"file": str(output), "rows": lines}, f"{output}, {lines} rows")
