"""Runs the units of a plan, some at a time, each in a process of its own; what is finished is not run again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from routelab._errors import LabError
from routelab.experiments.plan import Plan, Unit
from routelab.experiments.unit import read_unit, run_unit

_WAIT = 0.5  # seconds between two looks at the processes


@dataclass
class _Worker:
    unit: Unit
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    told: float = 0.0


def missing(plan: Plan, out: Path) -> list[Unit]:
    """Units without a finished file, in order."""
    return [unit for unit in plan.units() if read_unit(out, unit) is None]


def run_plan(
    plan: Plan, out: Path, *, processes: int = 2, progress: Callable[[str], None] = lambda _line: None
) -> list[Unit]:
    """Train and evaluate what is missing; returns the units that failed. Ctrl-C stops all and loses nothing.

    A smoke run is one process. In a full one each process has one thread, and writes to
    `<out>/<experiment>/<size>/logs/<unit>.log`.

    Raises:
        LabError: `processes` is below 1.
    """
    if processes < 1:
        raise LabError(f"{processes} processes", "give at least 1")
    waiting = missing(plan, out)
    total = len(list(plan.units()))
    progress(f"{plan.experiment} {plan.size}: {total - len(waiting)} of {total} units are there")
    if plan.size == "smoke":  # seconds each: a process of its own would take longer to start
        for unit in waiting:
            run_unit(unit, out, progress)
        return []
    running: list[_Worker] = []
    failed: list[Unit] = []
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                running.append(_start(waiting.pop(0), out))
                progress(f"{running[-1].unit.name}: started")
            time.sleep(_WAIT)
            for worker in list(running):
                code = worker.process.poll()
                if code is None:
                    _tell(worker, out, progress)
                    continue
                running.remove(worker)
                worker.log.close()
                if code:
                    failed.append(worker.unit)
                    progress(f"{worker.unit.name}: failed ({_log(out, worker.unit)}): {_last_line(out, worker.unit)}")
                else:
                    progress(f"{worker.unit.name}: done, {len(waiting) + len(running)} to go")
    finally:
        for worker in running:
            worker.process.terminate()  # not SIGINT, which processes started in the background ignore
        for worker in running:
            worker.process.wait()
            worker.log.close()
    return failed


def _start(unit: Unit, out: Path) -> _Worker:
    path = _log(out, unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.open("wb")
    command = [sys.executable, "-m", "routelab.experiments._worker"]
    command += [unit.experiment, unit.size, unit.arm.name, str(unit.seed), str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
    )
    return _Worker(unit, process, log)


def _tell(worker: _Worker, out: Path, progress: Callable[[str], None]) -> None:
    """Pass the worker's last line on, once it has written another."""
    changed = _log(out, worker.unit).stat().st_mtime
    if changed > worker.told:
        worker.told = changed
        line = _last_line(out, worker.unit)
        if line:
            progress(line)


def _log(out: Path, unit: Unit) -> Path:
    return out / unit.experiment / unit.size / "logs" / f"{unit.name}.log"


def _last_line(out: Path, unit: Unit) -> str:
    lines = _log(out, unit).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
