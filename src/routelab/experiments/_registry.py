"""The experiments by name: what each asks, what it trains, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from routelab._errors import BadData
from routelab.experiments.plan import Plan
from routelab.experiments.result import SIZES, Result

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """An experiment.

    Attributes:
        module: where its `run(size, out, *, processes, progress) -> Result` is. trains: whether it has a `plan(size)`
            of units; the others measure in one go.
    """

    title: str
    module: str
    trains: bool

    def run(self, size: str, out: Path, *, processes: int, progress: Progress) -> Result:
        module: Any = import_module(self.module)
        found: Result = module.run(checked_size(size), out, processes=processes, progress=progress)
        return found


EXPERIMENTS: dict[str, Entry] = {
    "E1": Entry("Does importance-driven allocation beat equal budgets?", "routelab.experiments.e1", True),
    "E3": Entry("Does SMoES specialise experts at no cost, and what does that save?", "routelab.experiments.e3", True),
    "E6": Entry("What does a lower k/E cost in accuracy, and what predicts time?", "routelab.experiments.e6", True),
    "E2": Entry("What does on-demand routing cost, by batch size?", "routelab.experiments.e2", False),
    "E7": Entry("Do sparse classifier heads pay, and from what width on?", "routelab.experiments.e7", False),
    "E8": Entry("What do precision and batch do to dense and sparse layers?", "routelab.experiments.e8", False),
}
#: Those that need a GPU: by name, and not among `all`.
ON_GPU: dict[str, Entry] = {
    "E2G": Entry("E2 on a GPU, at the layer shapes of real models", "routelab.experiments.e2_gpu", False),
}


def entry(name: str) -> Entry:
    """The experiment of a name.

    Raises:
        BadData: there is none.
    """
    known = {**EXPERIMENTS, **ON_GPU}
    if name not in known:
        raise BadData(f"there is no experiment {name!r}", f"choose one of: {', '.join(known)}")
    return known[name]


def plan_of(name: str, size: str) -> Plan:
    """The units of an experiment at a size.

    Raises:
        BadData: there is no such experiment or size, or it trains nothing.
    """
    found = entry(name)
    if not found.trains:
        raise BadData(f"{name} trains nothing", f"measure it: routelab run {name}")
    module: Any = import_module(found.module)
    plan: Plan = module.plan(checked_size(size))
    return plan


def checked_size(size: str) -> str:
    """The size itself.

    Raises:
        BadData: it is not one of `SIZES`.
    """
    if size not in SIZES:
        raise BadData(f"there is no size {size!r}", f"choose one of: {', '.join(SIZES)}")
    return size
