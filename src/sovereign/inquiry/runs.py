"""The port that durable runs stand behind: what a pipeline and the verbs need, whatever keeps the rows.

The journal over SQLite (`journal.py`) is the one implementation here; an engine on Postgres would be another.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import Field

from sovereign.records import Document

Output = TypeVar("Output", bound=Document)


class RunState(StrEnum):
    """Found from the lock and the rows whenever somebody asks, never stored: a kill cannot leave it wrong."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DONE = "done"


class StageRow(Document):
    """One completed stage. The clock times are for people and stand outside the audit chain."""

    seq: int = Field(ge=1)
    stage: str
    occurrence: int = Field(ge=1, description="1 for the first call of that stage in the run, 2 for the next round's")
    inputs_sha256: str
    code_sha256: str
    output_sha256: str
    reused_from: str | None = Field(default=None, description="the run whose output was reused, when asked for")
    started_at: str
    finished_at: str


class RunEvent(Document):
    """Something that happened to a run and is no completed stage: it failed, or was interrupted, at a stage."""

    at: str
    kind: str = Field(description="failed or interrupted")
    stage: str | None
    message: str
    after_seq: int = Field(ge=0, description="how many stages were complete by then")


class RunInfo(Document):
    """A run as the verbs show it."""

    id: str
    purpose: str = Field(description="ask or reproduce")
    question: str
    record: str | None
    version: int | None
    details: dict[str, Any] = Field(default_factory=dict)
    state: RunState
    created_at: str
    done_at: str | None
    stages: tuple[StageRow, ...]
    events: tuple[RunEvent, ...]


class Run(Protocol):
    """A run that this process holds the lock of."""

    id: str

    def stage(
        self, name: str, code: str, inputs: Document | Any, fn: Callable[[], Output], output_type: type[Output]
    ) -> Output:
        """The output of a stage: the stored one when this stage, input and code were completed, else `fn()`, stored.

        Args:
            name: the stage's name; a second call of one name in a run is its second occurrence (the next round).
            code: digest of the stage's module and of the vocabularies, policy and model ids that it reads.
            inputs: a document or any JSON value; its canonical digest is part of the key.
            fn: computes the output; not called when the output is stored.
            output_type: the stored JSON is validated as this; what is returned always went through that JSON.
        """
        ...

    def completed(self, name: str, code: str, inputs: Document | Any, output_type: type[Output]) -> Output | None:
        """The stored output of a stage that a run calls once, or None: asks without running anything or counting."""
        ...

    @property
    def audit_head(self) -> str | None:
        """SHA-256 of the last row of the audit chain; None before the first stage."""
        ...

    def audit_lines(self) -> tuple[bytes, ...]:
        """The audit chain as canonical JSON rows, in order, without line ends."""
        ...

    def finish(self) -> None:
        """Mark the run as done. Everything that the run was for must stand on disk by then."""
        ...


class Runs(Protocol):
    """Start, resume, list and show runs."""

    def start(
        self,
        question: str,
        *,
        purpose: str = "ask",
        record: str | None = None,
        version: int | None = None,
        details: dict[str, Any] | None = None,
        reuse: bool = False,
    ) -> AbstractContextManager[Run]:
        """Create a run and hold its lock inside the context."""
        ...

    def resume(self, run_id: str) -> AbstractContextManager[Run]:
        """Hold the lock of a run that exists; its completed stages are not repeated. Raises NotFound, Busy."""
        ...

    def list(self) -> tuple[RunInfo, ...]:
        """All runs, newest first. Starts nothing and waits for nothing."""
        ...

    def unfinished(self) -> tuple[RunInfo, ...]:
        """The runs that stopped before they were done and that nobody works on now, newest first."""
        ...

    def show(self, run_id: str) -> RunInfo:
        """One run. Raises NotFound."""
        ...
