"""`routelab score`: a result file against a benchmark's public files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from routelab._errors import BadData
from routelab.data import files
from routelab.scoring import mmbench, seed, visual7w, vqav2
from routelab.scoring._report import Report

BENCHMARKS = ("vqav2", "visual7w", "seed", "mmbench")
_FILE = click.Path(dir_okay=False, path_type=Path)


def report_of(
    benchmark: str,
    results: Path,
    *,
    questions: Path | None = None,
    annotations: Path | None = None,
    protocol: str | None = None,
    split: str = "val",
    normalise: str = "official",
) -> Report:
    """The report of any benchmark; each takes the files that its public release has.

    Raises:
        BadData: a file that the benchmark needs was not given, or one does not fit.
    """
    if benchmark == "vqav2":
        if annotations is None:
            raise BadData("vqav2 needs --annotations", "the file v2_mscoco_*_annotations.json")
        rule = _one_of(protocol, vqav2.CREDIT)
        return vqav2.score_files(annotations, results, questions, normalise=normalise, rule=rule)
    if questions is None:
        raise BadData(f"{benchmark} needs --questions", "the benchmark's file, which holds questions and answers")
    if benchmark == "visual7w":
        mode = _one_of(protocol, ("mc", "open"))
        return visual7w.score_files(questions, results, split, mode=mode)
    if benchmark == "seed":
        return seed.score_files(questions, results, _one_of(protocol, seed.PROTOCOLS))
    if benchmark == "mmbench":
        return mmbench.score_files(questions, results, _one_of(protocol, ("circular", "vanilla")))
    raise BadData(f"benchmark {benchmark!r} is not known", f"one of {', '.join(BENCHMARKS)}")


def _one_of(protocol: str | None, known: tuple[str, ...]) -> str:
    """The protocol asked for, or the benchmark's own."""
    if protocol is None:
        return known[0]
    if protocol not in known:
        raise BadData(f"--protocol is {protocol!r}", f"one of {', '.join(known)}")
    return protocol


def table(report: Report) -> str:
    """The report as lines for people."""
    overall = report.overall
    lines = [
        f"{report.benchmark} ({report.protocol})",
        f"  overall {overall.percent:6.2f} %  ({overall.total:.10g} of {overall.count})",
    ]
    for kind, groups in report.groups.items():
        lines.append(f"  by {kind}")
        width = max(len(name) for name in groups)
        for name, tally in groups.items():
            lines.append(f"    {name:<{width}} {tally.percent:6.2f} %  ({tally.total:.10g} of {tally.count})")
    return "\n".join([*lines, *(f"  note: {note}" for note in report.notes)])


@click.command()
@click.option("--benchmark", type=click.Choice(BENCHMARKS), required=True, help="Whose files and rules.")
@click.option("--results", type=_FILE, required=True, help="The answers to score; every question needs one.")
@click.option("--questions", type=_FILE, help="Questions, dataset.json, SEED JSON or TSV (vqav2: may be left out).")
@click.option("--annotations", type=_FILE, help="vqav2: the ten answers of each question.")
@click.option(
    "--protocol",
    help="vqav2: leave_one_out or simplified. visual7w: mc or open. seed: likelihood or letter. "
    "mmbench: circular or vanilla. The first is what runs without this option.",
)
@click.option("--split", type=click.Choice(("train", "val", "test")), default="val", help="visual7w: which split.")
@click.option("--normalise", type=click.Choice(vqav2.NORMALISE), default="official", help="vqav2: whose normalisation.")
@click.option("--output", type=_FILE, help="Write the report with each question's credit to this JSON file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, without the single questions.")
def score(
    benchmark: str,
    results: Path,
    questions: Path | None,
    annotations: Path | None,
    protocol: str | None,
    split: str,
    normalise: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Score a result file by a benchmark's official rules.

    A file that is cut short, of another schema or that leaves questions out is refused and named; nothing is scored.
    """
    report = report_of(
        benchmark,
        results,
        questions=questions,
        annotations=annotations,
        protocol=protocol,
        split=split,
        normalise=normalise,
    )
    document: dict[str, Any] = report.to_json()
    if output is not None:
        files.write_json(output, document)
    if as_json:
        click.echo(json.dumps({name: value for name, value in document.items() if name != "outcomes"}, indent=2))
    else:
        click.echo(table(report))
