"""`sovereign metrics`: what searching, reading and judging came to, and how long the stages of runs took."""

from __future__ import annotations

from typing import Any

import click

from sovereign.records import NotFound

from ._console import Console, verb
from ._text import table


@click.command()
@verb
def metrics(console: Console) -> None:
    """Show searches, drops by rule, claims by status, scores, and time per stage, over all records and runs.

    Drafts count too. The same without the runs, over the public records alone, is a page of the site.

    \b
    Example:
      sovereign metrics --json
    """
    from sovereign.publish import archive_metrics

    workspace = console.workspace()
    try:
        with workspace.journal(create=False) as journal:
            runs = journal.list()
    except NotFound:
        runs = ()
    console.progress("counting records and runs")
    found = archive_metrics(workspace.archive(), workspace.site_path, runs)
    console.emit(found, _lines(found))


def _lines(found: dict[str, Any]) -> list[str]:
    searches, sources, claims, scores = found["searches"], found["sources"], found["claims"], found["scores"]
    cells, runs = found["cells"], found["runs"]
    lines = [
        f"{found['records']} records: {_counts(found['answers'])}",
        f"cells     {cells['all']}, of which {cells['gaps']} are gaps and {cells['reproduced']} were reproduced",
        f"searches  {searches['all']} with {searches['hits']} hits ({_counts(searches['by_connector'])})",
        f"sources   {sources['kept']} kept, {sources['dropped']} dropped ({_counts(sources['drops_by_rule'])})",
        f"claims    {claims['all']}",
        *(f"  {name:13} {_counts(claims[name])}" for name in ("grounding", "agreement", "reproduction")),
        f"scores    median {scores['now']['median']}, from {scores['now']['min']} to {scores['now']['max']} "
        f"({_counts(scores['verdicts'])})",
        f"runs      {runs['runs']} ({_counts(runs['states'])}); a whole run takes {runs['whole_runs_s']['median']} s",
        "",
    ]
    rows = [
        [one["stage"], str(one["number"]), *(_seconds(one[name]) for name in ("median", "p95", "max", "all_s"))]
        for one in runs["stages"]
    ]
    return [*lines, table(["stage", "times", "median s", "p95 s", "max s", "all s"], rows)] if rows else lines


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in counted.items()) or "none"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
