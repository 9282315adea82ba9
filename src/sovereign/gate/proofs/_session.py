"""One sandboxed session of a prover: files in, commands run, files out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import PackFailed
from ..sandbox import Ending, Job, Limits, Sandbox
from .spec import ProofLimits

_STEPS = "steps.json"


@dataclass(frozen=True)
class Step:
    """A command that ended: its exit status, and what it printed (`cut` when that was more than we keep)."""

    code: int
    said: str
    cut: bool

    @property
    def ok(self) -> bool:
        """Whether it ended well and said no more than we could read."""
        return self.code == 0 and not self.cut

    @property
    def tail(self) -> str:
        """The last of what it said, on one line, as it may stand in a message."""
        return " ".join(self.said.split())[-500:]


@dataclass(frozen=True)
class Session:
    """What a session came to: its steps, the files it left, and, where the sandbox ended it, why."""

    steps: tuple[Step, ...]
    files: Mapping[str, bytes]
    ended: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every step of it ended well."""
        return not self.ended and bool(self.steps) and all(step.ok for step in self.steps)

    def why(self) -> str:
        """Why it did not end well, in words."""
        if self.ended:
            return self.ended
        bad = next((step for step in self.steps if not step.ok), None)
        if bad is None:
            return "it left no account of its steps"
        return "it printed more than can be read" if bad.cut else bad.tail or f"exit status {bad.code}"


def run_session(
    sandbox: Sandbox,
    limits: ProofLimits,
    files: Mapping[str, bytes],
    commands: Sequence[Sequence[str]],
    outputs: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    read_only: Mapping[str, str] | None = None,
) -> Session:
    """Run commands in the sandbox, in a folder that holds `files`; stop at the first that fails.

    Args:
        outputs: names of files to bring back, where they exist.
        read_only: name inside -> folder of this host, for a prover that lies outside the system's folders.
    """
    plan = {
        "files": list(files),
        "steps": [{"argv": list(command)} for command in commands],
        "environment": dict(environment or {}),
    }
    handed = {
        **files,
        "plan.json": json.dumps(plan).encode(),
        "drive.py": Path(__file__).with_name("_drive.py").read_bytes(),
    }
    stated = Limits(
        seconds=limits.seconds,
        cpu_seconds=int(limits.seconds) + 1,
        memory_mb=limits.memory_mb,
        output_mb=limits.output_mb,
        processes=limits.processes,
    )
    extra = {"read_only": dict(read_only)} if read_only else {}
    finished = sandbox.run(Job(handed, "drive.py", stated, (_STEPS, *outputs), **extra))  # type: ignore[arg-type]
    try:
        if not finished.ok:
            limit = {
                Ending.OUT_OF_TIME: f" (limit {limits.seconds:g} s)",
                Ending.OUT_OF_MEMORY: f" (limit {limits.memory_mb} MiB)",
            }
            said = " ".join(finished.log.split())[-300:]
            why = f"the prover ended: {finished.said()}{limit.get(finished.ending, '')}"
            return Session((), {}, f"{why}; {said}" if said else why, finished.seconds)
        try:
            left = dict(sandbox.collect(finished))
        except PackFailed as error:
            return Session((), {}, f"what it left cannot be used: {error.message}", finished.seconds)
    finally:
        sandbox.destroy(finished)
    try:
        steps = tuple(Step(int(s["code"]), str(s["said"]), bool(s["cut"])) for s in json.loads(left.pop(_STEPS)))
    except (KeyError, ValueError, TypeError, RecursionError):
        return Session((), {}, "it left no account of its steps", finished.seconds)
    return Session(steps, left, "", finished.seconds)
