"""`sovereign publish`: the public records as a site that works from a folder."""

from __future__ import annotations

from pathlib import Path

import click

from ._console import Console, verb


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder of the site; else `public` in the workspace.",
)
@click.option("--base-url", metavar="URL", help="Where the site will stand; for the sitemap and for whole addresses.")
@click.option("--title", default="Sovereign", show_default=True, help="The site's name.")
@click.option("--drafts", is_flag=True, help="Show drafts and rejected records too, marked as what they are.")
@click.option("--fresh", is_flag=True, help="Write every page anew, also those that did not change.")
@verb
def publish(
    console: Console, output: Path | None, base_url: str | None, title: str, drafts: bool, fresh: bool
) -> None:
    """Write the public records as a static site: open its index.html, or copy it to any host.

    It has an index, a page and JSON documents for each record, the rules, all corrections, a feed. Only what changed is
    written again. Records that are no longer public are removed from it; a retracted one stays and says so.

    \b
    Example:
      sovereign publish --output site --base-url https://example.org/records/
    """
    from sovereign.publish import write_site

    workspace = console.workspace()
    out = output or workspace.path / "public"
    done = write_site(
        workspace.archive(),
        out,
        public_only=not drafts,
        base_url=base_url,
        title=title,
        fresh=fresh,
        progress=console.progress,
    )
    shown = done.written + done.unchanged
    console.emit(
        {
            "index": str(done.index),
            "records": shown,
            "written": done.written,
            "unchanged": done.unchanged,
            "removed": done.removed,
        },
        [
            f"{done.index}",
            f"{shown} records: {done.written} written, {done.unchanged} unchanged, {done.removed} removed",
            *([] if shown else ["no record is public yet; approve one with `sovereign review approve ID`"]),
        ],
    )
