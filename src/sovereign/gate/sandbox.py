"""The port behind which a sandbox stands: four calls, and the values that they exchange.

A provider proves itself (`probe`), runs one job to its end (`run`), gives out the job's files (`collect`) and takes
everything away (`destroy`). A caller runs nothing in a provider whose probe is not `ok`: no sandbox, no run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True)
class Limits:
    """What a job may use. Every provider says in its probe which of these bite on this host.

    `memory_mb` (MiB) holds for each process and for all of them together; `output_mb` (MiB) for each file, for each
    writable folder, for what is printed and for what is collected.
    """

    seconds: float = 60.0
    cpu_seconds: int = 61
    memory_mb: int = 512
    output_mb: int = 8
    processes: int = 16
    open_files: int = 256


@dataclass(frozen=True)
class Job:
    """One script and its files (name -> bytes), read-only to it, and the names of the files that it should leave."""

    files: Mapping[str, bytes]
    script: str
    limits: Limits = Limits()
    outputs: tuple[str, ...] = ("results.json",)
    environment: Mapping[str, str] = field(default_factory=dict)


class Ending(StrEnum):
    """How a job came to its end."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    OUT_OF_TIME = "out of time"
    OUT_OF_MEMORY = "out of memory"
    PRINTED_TOO_MUCH = "printed too much"
    LOST = "lost"


@dataclass
class Finished:
    """A job that ended. `log` is the head of what it printed; `parcel` holds its files as the provider packed them."""

    ending: Ending
    code: int | None
    log: str
    seconds: float
    parcel: bytes
    outputs: tuple[str, ...]
    max_bytes: int

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

    `grade` names the provider and every limit that does not bite: `bubblewrap/full`, `bubblewrap/no-process-limit`.
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


class Sandbox(Protocol):
    """A provider of isolation."""

    @property
    def name(self) -> str:
        """Its name, the first part of every grade."""

    def probe(self) -> SandboxReport:
        """Test this very host: what is refused, what is invisible, which limits bite. Never raises for a failure."""

    def run(self, job: Job) -> Finished:
        """Run a job to its end, whatever ends it; when this returns or raises, no process of it is left.

        Raises:
            SandboxUnavailable: the sandbox could not be set up; the script was not started.
        """

    def collect(self, finished: Finished) -> dict[str, bytes]:
        """The files that the job left under the names it declared, those that exist.

        Raises:
            PackFailed: one of them is no regular file, is too large, or the parcel is not what we packed.
        """

    def destroy(self, finished: Finished) -> None:
        """Free what is still held for a finished job. Calling it twice does no harm."""
