"""`sovereign ask`: a question in, a draft record out."""

from __future__ import annotations

from pathlib import Path

import click

from sovereign import workflow
from sovereign.living import Live
from sovereign.records import BadInput, Foil, Profile, Record
from sovereign.seal import canonical
from sovereign.workspace import Workspace

from . import _compare
from ._console import Console, verb
from ._live import live_options


@click.command()
@click.argument("question", required=False, default="")
@click.option("--again", metavar="ID", help="Ask a record's question again as its next version, if it may be outdated.")
@click.option("--compare", nargs=2, metavar="A B", help="Set two systems side by side; QUESTION: what in, if given.")
@click.option("--html", "output", type=click.Path(path_type=Path), metavar="FILE", help="With --compare: a page too.")
@click.option("--force", is_flag=True, help="With --html: overwrite FILE.")
@click.option("--fresh", is_flag=True, help="Start a new run even if one of this question is unfinished.")
@click.option("--reuse", is_flag=True, help="Let stages take outputs that other runs stored for equal input and code.")
@click.option(
    "--profile",
    type=click.Choice(["sovereign", "reference"]),
    default="sovereign",
    help="The method: ours, or the earlier system's as a foil, which answers nothing.",
)
@click.option("--reproduce", is_flag=True, help="Then run the packs that have to do with its cells; judge it again.")
@live_options
@verb
def ask(
    console: Console,
    question: str,
    again: str | None,
    compare: tuple[str, str] | None,
    output: Path | None,
    force: bool,
    fresh: bool,
    reuse: bool,
    profile: str,
    reproduce: bool,
    live: Live | None,
) -> None:
    """Answer QUESTION from the library. The record is a draft that waits for its owner (`sovereign review`).

    With --json, prints the record.json itself, byte for byte. With --compare the question is made of the two names and
    of QUESTION ("latency on VQAv2"), or of the metrics that the library's sources on either speak of, and what is
    printed are two columns.

    \b
    Example:
      sovereign ask "How does AnyExperts compare to top-k routing in latency on VQAv2?"
      sovereign ask --compare AnyExperts SMoES "latency and throughput"
      sovereign ask --live --service arxiv "How does SMoES compare to soft routing?"
    """
    _compare.two_names(compare)  # before the workspace: an option taken for a name may have been the workspace's
    workspace = console.workspace()
    if again is not None:
        if question or reuse or compare or live is not None or profile != "sovereign":
            raise BadInput("--again takes the record's own question and method", "leave out what stands beside it")
        record = _asked_again(console, workspace, again, fresh)
        show_record(console, workspace, _reproduced(console, workspace, record) if reproduce else record)
        return
    if output is not None and compare is None:
        raise BadInput("--html is of --compare", "a record has a page of its own: see `sovereign publish`")
    if compare is not None:
        if profile != "sovereign":
            raise BadInput("--compare is answered by our own method", "leave out --profile")
        if output is not None:
            _compare.may_write(output, force)
        with workspace.library() as library:
            question = workflow.comparison_question(library, *compare, question)
        console.progress(question)
    record = workflow.ask(
        workspace,
        question,
        fresh=fresh,
        reuse=reuse,
        profile=Profile(profile),
        live=live,
        progress=console.progress,
    )
    if reproduce:
        record = _reproduced(console, workspace, record)
    if compare is not None:
        _compare.show(console, workspace, record, compare, output)
        return
    show_record(console, workspace, record)


def _asked_again(console: Console, workspace: Workspace, record_id: str, fresh: bool) -> Record:
    """The next version of a record; the record as it is where nothing that it rests on has changed."""
    from sovereign.outdated import outdated

    state = workspace.archive().state(record_id)
    (found,) = outdated(workspace, (state.record,))
    for cause in found.causes:
        console.progress(f"{cause.kind}: {cause.what}")
    if not found.causes and not fresh:
        console.progress("nothing that it rests on has changed; --fresh asks it all the same")
        return workspace.archive().load(state.record)
    return workflow.judge_again(workspace, state.record, purpose="again", progress=console.progress)


def _reproduced(console: Console, workspace: Workspace, record: Record) -> Record:
    """The record judged again over the packs that match it; as it is where none does. Says first which, and why."""
    from .reproduce import match_lines

    matches = match_lines(workspace, record)
    if not matches:
        console.progress("no pack has to do with a cell of this record: nothing is run")
        return record
    for line in matches:
        console.progress(line)
    done = workflow.reproduce(workspace, record.id, progress=console.progress)
    return done.records[-1] if done.records else record


def show_record(console: Console, workspace: Workspace, record: Record) -> None:
    """The record itself with --json; else its answer and where to read on."""
    if console.as_json:
        console.write(canonical(record))
        return
    console.emit(None, summary(workspace, record))


def summary(workspace: Workspace, record: Record) -> list[str]:
    """Status, answer, what was judged, and where the page lies."""
    status = record.answer.status.value.replace("_", " ")
    lines = [f"{record.id} version {record.version}: {status}", ""]
    lines += [f"  {sentence.text}" for sentence in record.answer.sentences]
    if record.foil is not None:
        lines += foil_lines(record.foil)
    counts = record.counts
    lines += [
        "",
        f"cells      {counts.cells} ({counts.gaps} not measured); {record.gate_verdict.reason}",
        f"sources    {counts.sources} ({counts.works} works, {counts.notes} notes, {counts.measurements} measurements)",
    ]
    if record.missing_systems:
        lines.append(f"missing    {', '.join(system.name for system in record.missing_systems)}: named but not found")
    lines += [
        f"tribunal   {record.tribunal.score:g} of 10, {record.tribunal.verdict.value}",
        f"policy     {record.decision.policy.value}: {'; '.join(record.decision.reasons)}",
        f"gate       {record.gate_verdict.status.value}",
        f"page       {page_of(workspace, record)}",
    ]
    return lines


def foil_lines(foil: Foil) -> list[str]:
    """What the method or the imported text prints, and where an imported one does not hold."""
    ticked = sum(row.tick for row in foil.claims)
    lines = ["", f"prints     {foil.results}"] if foil.results else [""]
    lines.append(f"claims     {len(foil.claims)} in its table, {ticked} ticked by shared words")
    return lines + [
        f"{'holds' if finding.holds else 'not so':<11}{finding.name}: it states {finding.stated}; {finding.found}"
        for finding in foil.findings
    ]


def page_of(workspace: Workspace, record: Record) -> str:
    """Where the record's page lies."""
    return str(workspace.site_path / record.folder / "index.html")
