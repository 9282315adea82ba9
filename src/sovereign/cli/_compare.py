"""Two systems side by side, for `sovereign ask --compare`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sovereign.records import BadInput, StorageError

from ._console import Console
from ._text import shorten, table

if TYPE_CHECKING:
    from sovereign.publish.comparison import Side, SideBySide
    from sovereign.records import Record
    from sovereign.workspace import Workspace


def two_names(names: tuple[str, str] | None) -> None:
    """Raises BadInput where the second name was left out, so that the option after it was taken for one."""
    for name in names or ():
        if name.startswith("-"):
            raise BadInput(f"--compare takes two names, and {name!r} is an option", "name two systems after --compare")


def may_write(output: Path, force: bool) -> None:
    """Raises BadInput if the file is there and may not be overwritten; asked before anything is begun."""
    if output.exists() and not force:
        raise BadInput(f"{output} exists", "choose another name, or add --force")


def show(
    console: Console, workspace: Workspace, record: Record, names: tuple[str, str], output: Path | None
) -> None:
    """Print the two columns, and write them as a page."""
    from sovereign.publish.comparison import comparison_html, side_by_side

    sides = side_by_side(record, *names)
    if output is not None:
        page = os.path.relpath(workspace.site_path / record.folder / "index.html", output.absolute().parent)
        try:
            output.write_text(comparison_html(sides, page.replace(os.sep, "/")), encoding="utf-8")
        except OSError as error:
            cause = f"{output} cannot be written: {error.strerror or error}"
            raise StorageError(cause, "choose another place with --html") from error
    console.emit(sides, _lines(sides, output))


def _lines(sides: SideBySide, output: Path | None) -> list[str]:
    heads = ["asked for", *(system.name for system in sides.systems)]
    rows = []
    for row in sides.rows:
        asked = ", ".join(part for part in (row.metric, row.benchmark, row.baseline, row.condition) if part)
        rows.append([shorten(asked or "any metric", 40), *(shorten(_cell(side), 60) for side in row.sides)])
    lines = [f"{sides.record} version {sides.version}: {sides.status.replace('_', ' ')}", sides.question, ""]
    lines += [f"{system.name}: {system.note}" for system in sides.systems if system.note]
    lines += table(heads, rows).splitlines() if rows else ["no cell asks for either of them"]
    totals = (f"{system.name} {system.measured} of {system.asked}" for system in sides.systems)
    lines += ["", f"measured   {', '.join(totals)}"]
    return [*lines, f"page       {output}"] if output else lines


def _cell(side: Side) -> str:
    if side.state == "not_asked":
        return "not asked"
    if side.state == "gap":
        return f"not measured; {len(side.nearest)} nearest" if side.nearest else "not measured"
    first = side.found[0]
    figure = "" if first.value is None else f"{first.value:.10g} {first.unit or ''} {first.direction or ''}".rstrip()
    value = f"{figure}, " if figure else ""
    more = f" and {len(side.found) - 1} more" if len(side.found) > 1 else ""
    return f"{(side.agreement or '').replace('_', ' ')}: {value}{first.source}{more}"
