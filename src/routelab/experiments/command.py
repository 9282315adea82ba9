"""The verbs of experiments: list, train, run, report, publish."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from routelab._errors import BadData, LabError
from routelab.experiments._registry import EXPERIMENTS, entry, plan_of
from routelab.experiments.result import SIZES, Result, read_result, require_result

_OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of units, weights, results and drawn questions.",
)
_SIZE = click.option("--size", type=click.Choice(SIZES), default="smoke", show_default=True, help="How much of it.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
_PROCESSES = click.option(
    "--processes", type=click.IntRange(1), default=2, show_default=True, help="Units at a time, one thread each."
)


class UnitsFailed(LabError):
    """Units of a plan ended with an error; what they had done is kept."""


def result_file(out: Path, experiment: str, size: str) -> Path:
    return out / experiment / size / "result.json"


@click.command("list")
@_OUT
@_JSON
def list_(out: Path, as_json: bool) -> None:
    """List the experiments and what is there of each; then the routers."""
    from routelab.experiments.runner import missing
    from routelab.routing import STRATEGIES

    rows = []
    for name, about in EXPERIMENTS.items():
        row: dict[str, Any] = {"experiment": name, "title": about.title, "trains": about.trains}
        for size in SIZES:
            file = result_file(out, name, size)
            row[size] = read_result(file).to_dict()["outcome"] if file.exists() else None
        if about.trains:
            plan = plan_of(name, "full")
            row["units"] = len(list(plan.units()))
            row["units_missing"] = len(missing(plan, out))
        rows.append(row)
    if as_json:
        click.echo(json.dumps({"experiments": rows, "routers": list(STRATEGIES)}, indent=1))
        return
    for row in rows:
        click.echo(f"{row['experiment']}  {row['title']}")
        if row["trains"]:
            click.echo(f"    full: {row['units'] - row['units_missing']} of {row['units']} units in {out}")
        for size in SIZES:
            if row[size]:
                said = ", ".join(f"{criterion}: {outcome}" for criterion, outcome in row[size].items())
                click.echo(f"    {size}: {said}" + (" (not a result)" if size == "smoke" else ""))
    click.echo(f"Routers: {', '.join(STRATEGIES)}")


@click.command()
@click.argument("experiments", nargs=-1, required=True)
@_SIZE
@_OUT
@_PROCESSES
@click.option("--take-published", is_flag=True, help="Begin with the units that came with the package.")
@_JSON
def train(
    experiments: tuple[str, ...], size: str, out: Path, processes: int, take_published: bool, as_json: bool
) -> int:
    """Train and evaluate what EXPERIMENTS need, in their order (`all`: every one that trains).

    What is finished is not done again; a unit that was stopped, by whatever, goes on from its last checkpoint. Ctrl-C
    stops all processes. Nothing is judged: `routelab run` does that.
    """
    from routelab.experiments.publish import take_units
    from routelab.experiments.runner import missing, run_plan

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, for whoever runs this in the background
    names = [n for n in named(experiments) if entry(n).trains or experiments != ("all",)]
    for name in names if take_published else ():
        taken = [path for path in take_units(name, out) if path.suffix == ".json"]
        _progress(as_json)(f"{name}: {len(taken)} published units taken")
    plans = [plan_of(name, size) for name in names]
    failed = []
    for plan in plans:
        failed += run_plan(plan, out, processes=processes, progress=_progress(as_json))
    if as_json:
        there = {p.experiment: {"units": len(list(p.units())), "missing": len(missing(p, out))} for p in plans}
        click.echo(json.dumps({"size": size, "experiments": there, "failed": [u.name for u in failed]}, indent=1))
    if failed:
        raise UnitsFailed(f"{len(failed)} units failed, {failed[0].name} first", "read their logs, then run it again")
    return 0


@click.command()
@click.argument("experiments", nargs=-1, required=True)
@_SIZE
@_OUT
@_PROCESSES
@click.option("--no-train", is_flag=True, help="Time and judge what is there; train nothing.")
@_JSON
def run(
    experiments: tuple[str, ...], size: str, out: Path, processes: int, no_train: bool, as_json: bool
) -> int:
    """Run EXPERIMENTS (`all`: every one): train or measure what is missing, judge by the frozen criteria.

    A smoke run takes minutes, tries every path, and is not a result.
    """
    documents = {}
    for name in named(experiments):
        at_once = 0 if no_train and entry(name).trains else processes
        result = entry(name).run(size, out, processes=at_once, progress=_progress(as_json))
        result.write(result_file(out, name, size))
        documents[name] = result.to_dict()
        if not as_json:
            _show(result)
    if as_json:
        click.echo(json.dumps(documents, indent=1, default=str))
    return 0


@click.command()
@click.argument("experiments", nargs=-1, required=True)
@_OUT
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of the report; by default beside the results.",
)
@_JSON
def report(experiments: tuple[str, ...], out: Path, to: Path | None, as_json: bool) -> int:
    """Write tables (Markdown) and plots (SVG, PNG) of whole full runs of EXPERIMENTS.

    A smoke run and a run with units missing are refused.
    """
    from routelab.experiments.report import write_report

    written = []
    for name in named(experiments):
        result = require_result(_read(out, name))
        written += write_report(result, to or out / "report")
    _say_files(written, as_json)
    return 0


@click.command()
@click.argument("experiments", nargs=-1, required=True)
@_OUT
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder of published results; by default the package's own.",
)
@click.option("--units", is_flag=True, help="Units and checkpoints that are there, and no result.")
@_JSON
def publish(experiments: tuple[str, ...], out: Path, to: Path | None, units: bool, as_json: bool) -> int:
    """Judge whole full runs of EXPERIMENTS that train anew, and copy result, outcomes and checkpoints to `published`.

    Nothing is trained. A run that lacks a unit which a criterion needs is refused, unless `--units` asks for what is
    there and for no result.
    """
    from routelab.experiments.publish import publish as whole
    from routelab.experiments.publish import publish_units

    copy = publish_units if units else whole

    written = []
    for name in named(experiments):
        written += copy(name, out, to)
    _say_files(written, as_json)
    return 0


def named(experiments: tuple[str, ...]) -> list[str]:
    """Names of experiments; `all` is every one.

    Raises:
        BadData: one is not known.
    """
    if experiments == ("all",):
        return list(EXPERIMENTS)
    for name in experiments:
        entry(name)
    return list(experiments)


def _read(out: Path, name: str) -> Result:
    """The full result, or what there is instead of it: a smoke run, which the caller refuses."""
    full, smoke = result_file(out, name, "full"), result_file(out, name, "smoke")
    if full.exists():
        return read_result(full)
    if smoke.exists():
        return read_result(smoke)
    raise BadData(f"{out} holds no result of {name}", f"make it: routelab run {name} --size full --out {out}")


def _progress(as_json: bool) -> Callable[[str], None]:
    def say(line: str) -> None:
        click.echo(line, err=as_json)

    return say


def _show(result: Result) -> None:
    if result.size == "smoke":
        click.echo(f"{result.experiment}: a smoke run, not a result.")
    for finding in result.findings:
        click.echo(f"{result.experiment} {finding.criterion}: {finding.outcome}. {finding.because}")
    for note in result.notes:
        click.echo(f"  {note}")


def _say_files(written: list[Path], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"files": [str(path) for path in written]}, indent=1))
    for path in [] if as_json else written:
        digest = f"  sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" if path.suffix == ".pt" else ""
        click.echo(f"{path}{digest}")
