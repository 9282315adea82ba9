"""`sovereign library`: add sources, search them, see what is there, merge, remove, refresh, export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sovereign.fetching import Brought, fetch
from sovereign.library.connectors import is_identifier
from sovereign.records import BadInput, NotFound

from ._console import Console, verb
from ._text import shorten, table

_SHOWN_FAILURES = 10


@click.group()
def library() -> None:
    """Add sources, search them, see what is there."""


@library.command()
@click.argument("names", nargs=-1, required=True, metavar="PATH|ID...")
@verb
def add(console: Console, names: tuple[str, ...]) -> None:
    """Add notes, papers, collections, or folders of them; or fetch a work by `arxiv:ID` or `doi:ID`.

    What cannot be read is listed with its reason; the rest is added. Stopped half-way, the same command goes on.
    Exit 2 when nothing of what was named could be read.

    \b
    Example:
      sovereign library add notes/ arxiv-metadata.jsonl.gz
      sovereign library add arxiv:2604.23996
    """
    workspace = console.workspace()
    wanted = [name for name in names if is_identifier(name) and not Path(name).exists()]
    paths = [Path(name) for name in names if name not in wanted]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise NotFound(f"there is no {missing[0]}", "nothing was added; check the path")
    added = updated = unchanged = 0
    failed = []
    with workspace.library() as opened:
        for path in paths:
            console.progress(f"adding {path}")
            report = opened.add(path, progress=lambda seen: console.progress(f"{seen:,} documents read"))
            added, updated, unchanged = added + report.added, updated + report.updated, unchanged + report.unchanged
            failed += list(report.failed)
        fetched = fetch(workspace, opened, wanted, console.progress) if wanted else Brought()
        added, updated = added + fetched.report.added, updated + fetched.report.updated
        unchanged += fetched.report.unchanged
        failed += list(fetched.report.failed)
        size = opened.size
    value = {
        "fetched": [asdict(one) for one in fetched.works],
        "added": added,
        "updated": updated,
        "unchanged": unchanged,
        "failed": [asdict(failure) for failure in failed],
        "sources": size,
    }
    lines = [f"added {added}, updated {updated}, unchanged {unchanged}, failed {len(failed)}; {size} sources in all"]
    lines += [line for one in fetched.works for line in one.lines()]
    lines += [f"  not read: {failure.where}: {failure.reason}" for failure in failed[:_SHOWN_FAILURES]]
    if len(failed) > _SHOWN_FAILURES:
        lines.append(f"  and {len(failed) - _SHOWN_FAILURES} more; see `sovereign library status --json`")
    console.emit(value, lines)
    if failed and not added + updated + unchanged:
        click.get_current_context().exit(fetched.exit_code or BadInput.exit_code)


@library.command()
@click.argument("sources", nargs=-1, required=True, metavar="ID...")
@verb
def remove(console: Console, sources: tuple[str, ...]) -> None:
    """Remove sources by their ids: all that are named, or none if one is not there.

    Records keep the texts that they quote. A source whose file is added again comes back.

    \b
    Example:
      sovereign library remove arxiv:2401.00001 note:my-note
    """
    with console.workspace().library() as opened:
        opened.remove(*sources)
        size = opened.size
    removed = sorted(set(sources))
    console.emit({"removed": removed, "sources": size}, f"removed {len(removed)}; {size} sources left")


@library.command()
@click.option("--apply", "applied", is_flag=True, help="Merge what is shown.")
@verb
def dedupe(console: Console, applied: bool) -> None:
    """Show which sources are one work, and why; with --apply make one source of each.

    The best text is kept, both identifiers lead to it, and the cards of all versions are listed in it.

    \b
    Example:
      sovereign library dedupe
      sovereign library dedupe --apply
    """
    with console.workspace().library() as opened:
        console.progress(f"comparing {opened.size:,} sources")
        found = opened.duplicates()
        titles = opened.get_many(group.keep for group in found)
        if applied:
            console.progress(f"merging {len(found)} works")
            opened.merge(found)
        size = opened.size
    value = {
        "works": [{**asdict(group), "title": titles[group.keep].title} for group in found],
        "applied": applied,
        "sources": size,
    }
    lines = []
    for group in found:
        lines += [f"{group.keep}: {shorten(titles[group.keep].title, 90)}"]
        lines += [f"  {'took in' if applied else 'is also'} {', '.join(group.others)}: {'; '.join(group.reasons)}"]
    last = f"{len(found)} works merged; {size} sources left" if applied else f"{len(found)} works in several sources"
    if found and not applied:
        last += "; --apply merges them"
    console.emit(value, [*lines, last])


@library.command()
@click.option("--live", is_flag=True, help="Also ask services again for the works that they told of.")
@verb
def refresh(console: Console, live: bool) -> None:
    """Read again the files that changed since they were added, or whose reader did.

    A file that is gone is named; its sources stay until `library remove`. Without --live no connection is made.

    \b
    Example:
      sovereign library refresh
      sovereign library refresh --live
    """
    workspace = console.workspace()
    with workspace.library() as opened:
        report, gone = opened.refresh(progress=lambda seen: console.progress(f"{seen:,} documents read"))
        asked = opened.told_by_services() if live else []
        fetched = fetch(workspace, opened, asked, console.progress) if asked else Brought()
    added, updated = report.added + fetched.report.added, report.updated + fetched.report.updated
    failed = [*report.failed, *fetched.report.failed]
    value = {
        "asked": len(asked),
        "added": added,
        "updated": updated,
        "unchanged": report.unchanged + fetched.report.unchanged,
        "failed": [asdict(failure) for failure in failed],
        "gone": gone,
    }
    lines = [f"added {added}, updated {updated}, failed {len(failed)}, files gone {len(gone)}, asked for {len(asked)}"]
    lines += [f"  not read: {failure.where}: {failure.reason}" for failure in failed[:_SHOWN_FAILURES]]
    lines += [f"  gone: {file}" for file in gone[:_SHOWN_FAILURES]]
    console.emit(value, lines)


@library.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["bibtex", "ris", "csl-json"]),
    default="bibtex",
    show_default=True,
    help="Which format.",
)
@click.option("--record", metavar="ID", help="Only the works that this record read.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@verb
def export(console: Console, form: str, record: str | None, output: Path | None) -> None:
    """Write the works of the library, or of one record, as a bibliography.

    \b
    Example:
      sovereign library export --format bibtex -o library.bib
      sovereign library export --format csl-json --record SRCH:2603ABC8
    """
    workspace = console.workspace()
    cited = workspace.archive().load(record).sources if record is not None else None
    with workspace.library() as opened:
        text = opened.bibliography(form, cited)
    if output is None:
        console.emit({"format": form, "text": text}, text.rstrip("\n"))
        return
    output.write_text(text, encoding="utf-8")
    console.emit({"format": form, "output": str(output)}, f"wrote {output}")


@library.command()
@click.argument("query")
@click.option("-k", "limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many to show.")
@verb
def search(console: Console, query: str, limit: int) -> None:
    """Search titles and texts for the terms of QUERY, best first.

    \b
    Example:
      sovereign library search "expert prefetching hit rate" -k 5
    """
    with console.workspace().library() as opened:
        hits = opened.search(query, k=limit)
        stored = opened.get_many(hit.source for hit in hits)
    found = [
        {"rank": hit.rank, "source": hit.source, "kind": stored[hit.source].kind, "title": stored[hit.source].title}
        for hit in hits
        if hit.source in stored
    ]
    if not found:
        console.emit([], "nothing found")
        return
    rows = [[str(one["rank"]), str(one["source"]), str(one["kind"]), shorten(str(one["title"]), 90)] for one in found]
    console.emit(found, table(["rank", "source", "kind", "title"], rows))


@library.command()
@verb
def status(console: Console) -> None:
    """Say what the library holds, what could not be read, and its digest.

    \b
    Example:
      sovereign library status
    """
    with console.workspace().library() as opened:
        value = opened.status()
    console.emit(value, [f"{name:<14}{_shown(entry)}" for name, entry in value.items()])


def _shown(entry: object) -> str:
    if isinstance(entry, dict):
        return ", ".join(f"{name} {_shown(count)}" for name, count in entry.items()) or "none"
    if isinstance(entry, list | tuple):
        more = f"; and {len(entry) - _SHOWN_FAILURES} more" if len(entry) > _SHOWN_FAILURES else ""
        return "; ".join(str(one) for one in entry[:_SHOWN_FAILURES]) + more if entry else "none"
    return str(entry)
