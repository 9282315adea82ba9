"""Reports: a page of tables for each experiment, and its plots, from the result file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from routelab.experiments._registry import entry
from routelab.experiments.result import Result, require_result

_ROLES = {"arm": "routed", "floor": "floor", "dense": "dense", "control": "control"}


def write_report(result: Result, folder: Path) -> list[Path]:
    """Write `<experiment>.md` and the plots beside it; returns the files.

    Raises:
        NotAResult: the result is of a smoke run, or units are missing.
    """
    require_result(result)
    folder.mkdir(parents=True, exist_ok=True)
    plots = _plots(result, folder)
    path = folder / f"{result.experiment}.md"
    images = [f"![{plot.stem}]({plot.name})" for plot in plots if plot.suffix == ".svg"]
    path.write_text("\n".join([*page(result), *images]) + "\n", encoding="utf-8")
    return [path, *plots]


def page(result: Result) -> list[str]:
    """The lines of an experiment's page."""
    lines = [f"# {result.experiment}: {entry(result.experiment).title}", ""]
    seeds = ", ".join(map(str, result.seeds))
    lines += [f"Tier {result.tier}, seeds {seeds}, criteria `{result.criteria_sha256[:12]}`."]
    lines += ["", "| criterion | outcome | why |", "|---|---|---|"]
    for found in result.findings:
        lines.append(f"| {found.criterion} | **{str(found.outcome).replace('_', ' ')}** | {found.because} |")
    lines += ["", "What was tested:", ""] + [f"- {found.criterion}: {found.claim}" for found in result.findings]
    lines += _own_tables(result)
    if "arms" in result.values:
        for table in (_accuracy_table, _family_table, _routing_table):
            lines += ["", *table(result.values)]
    if result.values.get("one_more_expert"):
        lines += ["", *_one_more_table(result.values["one_more_expert"])]
    if result.values.get("choice"):
        lines += ["", *_choice_table(result.values["choice"])]
    if result.ratios:
        lines += ["", "| ratio | value | interval | numerator | denominator | unit |", "|---|---|---|---|---|---|"]
        for ratio in result.ratios:
            ends = "-" if ratio.low is None or ratio.high is None else f"{ratio.low:.3f} to {ratio.high:.3f}"
            operands = f"{ratio.numerator:.4g} | {ratio.denominator:.4g}"
            lines.append(f"| {ratio.name} | {ratio.value:.3f} | {ends} | {operands} | {ratio.unit} |")
    lines += [""] + [f"Note: {note}." for note in result.notes]
    versions = ", ".join(f"{name} {number}" for name, number in sorted(result.versions.items()))
    lines += ["", f"Made with {versions} on {result.machine.get('processor', 'a processor without a name')}.", ""]
    return lines


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _spread(numbers: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    if len(numbers) < 2:
        return f"{_mean(numbers):.1f}"
    middle = _mean(numbers)
    deviation = (sum((n - middle) ** 2 for n in numbers) / (len(numbers) - 1)) ** 0.5
    return f"{middle:.1f} ± {deviation:.1f}"


def _accuracy_table(values: Mapping[str, Any]) -> list[str]:
    """Accuracy of every arm at every evaluation, floors and dense models in the same table."""
    arms = values["arms"]
    names = list(dict.fromkeys(name for arm in arms.values() for name in arm["evaluations"]))
    head = "| arm | kind | seeds | parameters | " + " | ".join(names) + " |"
    lines = ["Accuracy in percent, mean and standard deviation over seeds, by evaluation:", "", head]
    lines.append("|---|---|---|---|" + "---|" * len(names))
    for name, arm in arms.items():
        cells = []
        for evaluation in names:
            found = arm["evaluations"].get(evaluation)
            cells.append("-" if found is None else "void" if "void" in found else _spread(found["accuracy"]))
        about = f"{name} | {_ROLES[arm['role']]} | {len(arm['seeds'])} | {arm['parameters'] / 1e6:.2f} M"
        lines.append(f"| {about} | " + " | ".join(cells) + " |")
    if values.get("majority") is not None:
        empty = " | ".join([f"{values['majority']:.1f}", *["-"] * (len(names) - 1)])
        lines.append(f"| the commonest answer | floor | - | 0 | {empty} |")
    return lines


def _family_table(values: Mapping[str, Any]) -> list[str]:
    """Accuracy by question family, level of difficulty and modality, at the first evaluation of each arm."""
    arms = values["arms"]
    columns = [
        (group, name)
        for group in ("family", "difficulty", "modality")
        for name in next(iter(next(iter(arms.values()))["evaluations"].values()))[group]
    ]
    titles = [f"level {name}" if group == "difficulty" else name for group, name in columns]
    lines = ["Accuracy in percent by what is asked:", "", "| arm | " + " | ".join(titles) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    for name, arm in arms.items():
        found = next(iter(arm["evaluations"].values()))
        if "void" in found:
            continue
        cells = [f"{_mean(found[group][column]):.1f}" for group, column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _routing_table(values: Mapping[str, Any]) -> list[str]:
    """What was run: mean real experts by modality, distinct experts, balance, specialisation, spread of importance."""
    lines = ["What the routers did, at the first evaluation of each arm, as they were then set:", ""]
    lines.append("| arm | real experts | text | vision | distinct per batch | load CV | dead | MSI | std(w) |")
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name, arm in values["arms"].items():
        found = next(iter(arm["evaluations"].values()))
        routing = found.get("routing")
        if not routing:
            continue
        by = routing["mean_real_by_modality"]
        importance = f"{_mean(routing['importance_std']):.3f}" if "importance_std" in routing else "-"
        cells = [
            f"{_mean(routing['mean_real']):.2f}",
            f"{_mean([each['text'] for each in by]):.2f}",
            f"{_mean([each['vision'] for each in by]):.2f}",
            f"{_mean(routing['distinct_experts_mean']):.1f}",
            f"{_mean(routing['load_cv']):.2f}",
            f"{_mean(routing['dead_experts']):.1f}",
            f"{_mean(routing['msi']):.3f}",
            importance,
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _own_tables(result: Result) -> list[str]:
    """Lines that the experiment's own module of plots adds, if it has any."""
    try:
        own: Any = import_module(f"routelab.experiments.{result.experiment.lower()}_plots")
    except ModuleNotFoundError:
        return []
    lines: list[str] = own.tables(result) if hasattr(own, "tables") else []
    return lines


def _one_more_table(by_seed: Mapping[str, Any]) -> list[str]:
    """Whether importance knows which tokens gain from one more expert."""
    lines = ["One more expert for one token: rank correlation of its importance with the fall of the loss:", ""]
    lines += ["| seed | all | text | vision | gain in thirds of importance (millinats) |", "|---|---|---|---|---|"]
    for seed, found in by_seed.items():
        cells = []
        for part in ("all", "text", "vision"):
            r = found["spearman"][part]
            known = r["estimate"] is not None
            cells.append(f"{r['estimate']:+.3f} ({r['low']:+.3f} to {r['high']:+.3f})" if known else "-")
        thirds = ", ".join(f"{gain:+.2f}" for gain in found["gain_in_thirds_of_importance_millinats"])
        lines.append(f"| {seed} | " + " | ".join(cells) + f" | {thirds} |")
    return lines


def _choice_table(by_arm: Mapping[str, Any]) -> list[str]:
    """Accuracy on SEED-Bench and MMBench files, by protocol."""
    columns = ("seed_letter", "seed_likelihood", "mmbench_vanilla", "mmbench_circular", "mmbench_gap")
    lines = ["Multiple choice on ShapeQA in the public formats, by the official rules, in percent (first seed):", ""]
    lines.append("| arm | " + " | ".join(name.replace("_", " ") for name in columns) + " |")
    lines.append("|---|" + "---|" * len(columns))
    for arm, found in by_arm.items():
        lines.append(f"| {arm} | " + " | ".join(f"{found[name]:.1f}" for name in columns) + " |")
    return lines


def _plots(result: Result, folder: Path) -> list[Path]:
    """The experiment's own plots if it has a module of them, else accuracy against real experts, and loss curves."""
    name = result.experiment.lower()
    try:
        own: Any = import_module(f"routelab.experiments.{name}_plots")
    except ModuleNotFoundError:
        if "arms" not in result.values:
            return []
        own = import_module("routelab.experiments._arm_plots")
    made: list[Path] = own.plots(result, folder)
    return made
