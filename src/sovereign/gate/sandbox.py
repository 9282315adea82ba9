"""The port behind which a sandbox stands: four calls, and the values that they exchange.

A provider proves itself (`probe`), runs one job to its end (`run`), gives out the job's files (`collect`) and takes
everything away (`destroy`). A caller runs nothing in a provider whose probe is not `ok`: no sandbox, no run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from sovereign.records import BadInput

#: Where a job's own files, its working folder and its named host folders are, inside every provider.
PACK, WORK, DATA = "/pack", "/work", "/data"

#: What a grade says where a protection does not hold on this host, and what it means. A grade is the provider's name
#: and `full`, or those that are missing: `bubblewrap/full`, `bubblewrap/no-process-limit+memory-per-process`.
SHORTFALLS: Mapping[str, str] = {
    "no-syscall-filter": "every system call of this kernel is open to a script",
    "no-memory-limit": "one process may take more memory than its limit",
    "memory-per-process": "processes may together take more memory than the limit",
    "no-kernel-memory-limit": "memory that the kernel holds for a script (pipes, sockets) is not counted",
    "no-process-limit": "the number of processes is not bounded",
    "no-file-size-limit": "one file may grow beyond the limit",
    "no-disk-limit": "the writable folders may grow beyond the limit",
    "no-file-count-limit": "the number of files is not bounded",
    "no-open-files-limit": "the number of open files is not bounded",
    "no-cpu-limit": "processor time is bounded by the clock only",
    "nested-namespaces": "a script may make user namespaces of its own",
    "devices": "the job was given a device of the host, and with it a way into that device's driver",
}

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MOST_FILES, _MOST_DEPTH = 4096, 16


@dataclass(frozen=True)
class Limits:
    """What a job may use. Every provider says in its probe which of these bite on this host.

    `memory_mb` (MiB) holds for each process and for all of them together; `output_mb` (MiB) for each file, for each
    writable folder, for what is printed and for what is collected; `files` for the number of files and folders in each
    writable folder.
    """

    seconds: float = 60.0
    cpu_seconds: int = 61
    memory_mb: int = 512
    output_mb: int = 8
    processes: int = 16
    open_files: int = 256
    files: int = 4096


@dataclass(frozen=True)
class Job:
    """One script and its files (relative name -> bytes; sub-folders are made), read-only to it under `/pack`, and the
    names of the files that it should leave in its working folder `/work` (also in sub-folders of it).

    `read_only` shows folders of the host under `/data/NAME`; `packages` shows the packages installed for this Python,
    so that a script may import them; `edited` names distributions whose code is shown too if they were installed to be
    edited, elsewhere on the disk; `devices` lets named graphics devices through (`nvidia0`, `dri/renderD128`).
    `arguments` follow the script on its command line.
    Whatever of the host a job was shown is in `Finished.passed_through`, by name.

    Raises:
        BadInput: a name that leaves its folder, is too long or is given twice; a variable that is no plain name, or
            that would change how the interpreter or the loader starts.
    """

    files: Mapping[str, bytes]
    script: str
    limits: Limits = Limits()
    outputs: tuple[str, ...] = ("results.json",)
    environment: Mapping[str, str] = field(default_factory=dict)
    read_only: Mapping[str, str | Path] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    packages: bool = False
    edited: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_names("file", self.files)
        _check_names("output", self.outputs)
        if self.script not in self.files:
            raise BadInput(f"the script {self.script!r} is not among the job's files", "hand it in with the others")
        for name in self.environment:
            if not _VARIABLE.fullmatch(name) or name.startswith(("PYTHON", "LD_")) or "\0" in self.environment[name]:
                raise BadInput(f"a job may not set the variable {name!r}", "use a plain name, not PYTHON... or LD_...")
        if any("\0" in argument for argument in self.arguments):
            raise BadInput("an argument of a job holds a zero byte", "take it out")
        for name in self.read_only:
            if not _NAME.fullmatch(name):
                raise BadInput(f"{name!r} cannot name a folder inside the sandbox", "use a-z, 0-9, _ and -")


def _check_names(what: str, names: Mapping[str, bytes] | tuple[str, ...]) -> None:
    given = set(names)
    if len(names) > _MOST_FILES:
        raise BadInput(f"a job of {len(names)} {what}s is over the {_MOST_FILES} that are allowed", "split it")
    folders = {"/".join(name.split("/")[:depth]) for name in given for depth in range(1, name.count("/") + 1)}
    if len(given) < len(names) or given & folders:
        raise BadInput(f"a job's {what}s must differ, and none may be another's folder", "give each its own name")
    for name in names:
        parts = name.split("/")
        bad = any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts) or len(parts) > _MOST_DEPTH
        if bad or not name.isprintable() or "\\" in name:
            raise BadInput(f"{what} {name!r}: no usable name", "use a relative path, with / between its parts, no ..")


@dataclass(frozen=True)
class Progress:
    """A look at a job while it runs: seconds since it was started, and the lines that it printed since the last look
    (control characters replaced, an unfinished line held back until it ends or the job does)."""

    elapsed: float
    lines: tuple[str, ...]


#: Called about four times a second while a job runs. What it raises ends the job and comes out of `run`.
Watch = Callable[[Progress], None]


class Ending(StrEnum):
    """How a job came to its end."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    OUT_OF_TIME = "out of time"
    OUT_OF_MEMORY = "out of memory"
    TOO_MANY_FILES = "too many files"
    PRINTED_TOO_MUCH = "printed too much"
    LOST = "lost"


@dataclass
class Finished:
    """A job that ended. `log` is the head of what it printed; `parcel` holds its files as the provider packed them.

    `grade` is the isolation of this very run: the report's, lowered by what the job was given (`devices`).
    `passed_through` names what of the host it was shown, never where that lies.
    """

    ending: Ending
    code: int | None
    log: str
    seconds: float
    parcel: bytes
    outputs: tuple[str, ...]
    max_bytes: int
    grade: str = "none"
    passed_through: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the script ended by itself, with exit status 0."""
        return self.ending is Ending.EXITED and self.code == 0

    def said(self) -> str:
        """The ending in words."""
        if self.ending is Ending.EXITED:
            return f"exit status {self.code}"
        if self.ending is Ending.SIGNALLED:
            return f"ended by signal {self.code}"
        return self.ending.value


@dataclass(frozen=True)
class ProbeCheck:
    """One protection, attacked. It `holds` if the attack failed and its positive control, the same act where it is
    allowed, succeeded: an attack that could not have worked proves nothing."""

    name: str
    required: bool
    holds: bool
    attack: str
    control: str


@dataclass(frozen=True)
class SandboxReport:
    """What a provider's self-test showed on this host, now.

    `grade` names the provider and every limit that does not bite (`SHORTFALLS`): `bubblewrap/full`,
    `bubblewrap/no-process-limit`; `none` where nothing may be run.
    """

    ok: bool
    grade: str
    checks: tuple[ProbeCheck, ...] = ()
    reason: str = ""
    remedy: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values, as it stands in an attestation."""
        return {**asdict(self), "facts": dict(self.facts), "checks": [asdict(check) for check in self.checks]}


def grade_meets(grade: str, least: str) -> bool:
    """Whether a grade is good enough. `least` is `full` (every limit bites), `isolated` (any shortfall will do), or the
    shortfalls that are allowed, joined by `+` (`no-cpu-limit+memory-per-process`).

    Raises:
        BadInput: `least` names no known shortfall.
    """
    allowed = set(SHORTFALLS) if least == "isolated" else set() if least == "full" else set(least.split("+"))
    if unknown := sorted(allowed - set(SHORTFALLS)):
        raise BadInput(f"{unknown[0]!r} is no isolation grade", f"use full, isolated, or of: {', '.join(SHORTFALLS)}")
    provider, _, missing = grade.partition("/")
    return bool(provider and missing) and (missing == "full" or set(missing.split("+")) <= allowed)


class Sandbox(Protocol):
    """A provider of isolation."""

    @property
    def name(self) -> str:
        """Its name, the first part of every grade."""

    def probe(self) -> SandboxReport:
        """Test this very host: what is refused, what is invisible, which limits bite. Never raises for a failure."""

    def run(self, job: Job, watch: Watch | None = None) -> Finished:
        """Run a job to its end, whatever ends it; when this returns or raises, no process of it is left.

        Args:
            watch: is told about four times a second how long the job has run and what it printed.

        Raises:
            BadInput: a host folder or device that the job names may not be shown, or is not there.
            SandboxUnavailable: the sandbox could not be set up; the script was not started.
        """

    def collect(self, finished: Finished) -> dict[str, bytes]:
        """The files that the job left under the names it declared, those that exist.

        Raises:
            PackFailed: one of them is no regular file, is too large, or the parcel is not what we packed.
        """

    def destroy(self, finished: Finished) -> None:
        """Free what is still held for a finished job. Calling it twice does no harm."""
