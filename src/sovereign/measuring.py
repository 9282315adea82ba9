"""Packs of a workspace: which there are, which of them can be run here, and running them so that no run is lost.

Every run of a pack is a stage of a journal's run: results and their signature are stored together or not at all. So a
kill leaves either nothing of a run or an attested one, and going on repeats no run that was completed. What enters the
library, and from there a record, is made of attested runs alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sovereign.gate import (
    AttestedRun,
    Pack,
    Progress,
    Sandbox,
    SandboxReport,
    Watch,
    attest_together,
    attested,
    available_packs,
    check_environment,
    check_isolation,
    default_sandbox,
    earlier_of,
    measurement_of,
    missing_inputs,
    run_pack,
)
from sovereign.judge import PackMatch, pack_matches
from sovereign.records import BadInput, Document, Evidence, NotFound, SandboxUnavailable, SovereignError

if TYPE_CHECKING:
    from sovereign.inquiry.runs import Run
    from sovereign.library import Library
    from sovereign.workspace import Workspace

Tell = Callable[[str], None]
Inputs = Mapping[str, str | Path]
MOST_RUNS = 100
_TELL_EVERY_SECONDS = 2.0
_MOST_LINES = 200


class Measured(Document):
    """A pack that was run: what its claims came to, and how it was shut in."""

    pack: str
    source: str
    isolation: str
    outcomes: tuple[dict[str, object], ...]
    runs: int = 1
    seconds: float = 0.0
    earlier: int = 0


class Skipped(Document):
    """A pack that was not run, though nothing is wrong with it, and why."""

    pack: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """Packs that can be run here, in a sandbox that passed its own test."""

    packs: tuple[Pack, ...]
    skipped: tuple[Skipped, ...]
    sandbox: Sandbox
    report: SandboxReport

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(pack.spec.name for pack in self.packs)


def packs_of(workspace: Workspace | None) -> dict[str, Pack]:
    """The packs that are installed and those that were added to the workspace, by name."""
    return available_packs(None if workspace is None else workspace.packs_path)


def matching(workspace: Workspace, evidence: Evidence) -> dict[str, tuple[PackMatch, ...]]:
    """For each pack that has to do with a record: the cells, and why; packs that could decide a cell first."""
    found = {name: pack_matches(pack.spec, evidence) for name, pack in packs_of(workspace).items()}
    order = sorted((not any(one.decides for one in matches), name) for name, matches in found.items() if matches)
    return {name: found[name] for _, name in order}


def prepare(
    workspace: Workspace,
    names: Sequence[str] | None,
    *,
    inputs: Inputs | None = None,
    progress: Tell,
    sandbox: Sandbox | None = None,
) -> Prepared:
    """Look at everything that a run needs before any is started.

    Args:
        names: packs that were asked for: each must be able to run. None: all that can run here; the others are skipped,
            each with its reason.

    Raises:
        NotFound: there is no pack of that name, or something that it needs is not installed.
        BadInput: an input is missing, or was named and no pack asks for it.
        SandboxUnavailable: no sandbox passes its own test, or it is less than the pack accepts; nothing was run.
    """
    known = packs_of(workspace)
    for name in names or ():
        if name not in known:
            raise NotFound(f"there is no pack {name!r}", f"the packs are: {', '.join(known) or 'none'}")
    if not known:
        raise NotFound("there is no pack", "make one with `sovereign packs new`")
    given = dict(inputs or {})
    chosen = [known[name] for name in dict.fromkeys(names)] if names is not None else list(known.values())
    asked_for = {one.name for pack in chosen for one in pack.spec.inputs if one.file is None}
    for name in given:
        if name not in asked_for:
            asking = ", ".join(sorted(asked_for)) or "none"
            raise BadInput(f"no pack that is to run asks for an input {name!r}", f"inputs that are asked for: {asking}")
    progress("testing the sandbox")
    provider = sandbox or default_sandbox()
    report = provider.probe()
    if not report.ok:
        raise SandboxUnavailable(report.reason, report.remedy)
    able, skipped = [], []
    for pack in chosen:
        try:
            check_isolation(pack, report)
            check_environment(pack)
            absent = missing_inputs(pack.spec, given)
            if absent and names is None:
                told = absent[0].fetch or absent[0].description
                reason = f"needs --input {absent[0].name}=PATH" + (f": {told}" if told else "")
                skipped.append(Skipped(pack=pack.spec.name, reason=reason))
                continue
        except SovereignError as error:
            if names is not None:
                raise
            skipped.append(Skipped(pack=pack.spec.name, reason=error.message))
            continue
        able.append(pack)
    return Prepared(tuple(able), tuple(skipped), provider, report)


def measure_in(
    workspace: Workspace, run: Run, prepared: Prepared, *, repeat: int, inputs: Inputs, progress: Tell
) -> tuple[Measured, ...]:
    """Run every pack `repeat` times and hand each to the library once all of its runs are there.

    Runs that the journal holds are not repeated.
    """
    if not 1 <= repeat <= MOST_RUNS:
        raise BadInput(f"a pack is run 1 to {MOST_RUNS} times, not {repeat}", "choose --repeat in that range")
    done = []
    for pack in prepared.packs:
        own = {one.name: inputs[one.name] for one in pack.spec.inputs if one.name in inputs}
        runs = tuple(_run(workspace, run, prepared, pack, n, repeat, own, progress) for n in range(1, repeat + 1))
        with workspace.library() as library:
            done.append(_keep(workspace, library, pack, runs))
    return tuple(done)


def _run(
    workspace: Workspace,
    run: Run,
    prepared: Prepared,
    pack: Pack,
    number: int,
    of: int,
    inputs: Inputs,
    progress: Tell,
) -> AttestedRun:
    """One run as a stage: from the start to the signature nothing of it is stored."""
    name = pack.spec.name
    what = f"{name}, run {number} of {of}" if of > 1 else name

    def once() -> AttestedRun:
        expected = pack.spec.expected_seconds
        about = f", about {expected:g} s" if expected else f", at most {pack.spec.limits.seconds:g} s"
        progress(f"running the pack {what} ({prepared.report.grade}{about})")
        watch = watching(what, pack.spec.limits.seconds, progress)
        made = run_pack(pack, prepared.sandbox, inputs=inputs, repetition=number, watch=watch)
        return attested(made, workspace.key(), _now())

    parts = {"pack": pack.digest, "repetition": number, "isolation": prepared.report.grade}
    return run.stage(f"pack {name}", pack.digest, parts, once, AttestedRun)


def _keep(workspace: Workspace, library: Library, pack: Pack, runs: tuple[AttestedRun, ...]) -> Measured:
    key = workspace.key()
    envelope = runs[0].attestation.encode("utf-8") if len(runs) == 1 else attest_together(pack, runs, key, _now())
    try:
        before = library.get(pack.spec.source)
        earlier = earlier_of(before.meta, before.text, pack, runs)
    except NotFound:
        earlier = ()
    given = measurement_of(pack, runs, envelope, earlier)
    library.add_measurement(**given)
    return Measured(
        pack=pack.spec.name,
        source=pack.spec.source,
        isolation=given["meta"]["isolation"],
        outcomes=tuple(given["meta"]["outcomes"]),
        runs=len(runs),
        seconds=sum(one.seconds for one in runs),
        earlier=len(earlier),
    )


def watching(what: str, limit: float, progress: Tell) -> Watch:
    """Tell a person how long a pack has run of the time that it has, and what it prints itself."""
    told = [0.0]
    lines = [0]

    def watch(seen: Progress) -> None:
        for line in seen.lines:
            lines[0] += 1
            if lines[0] <= _MOST_LINES:
                progress(f"{what} | {line[:200]}")
            elif lines[0] == _MOST_LINES + 1:
                progress(f"{what} | (it prints on; no more of it is shown)")
        if seen.elapsed - told[0] >= _TELL_EVERY_SECONDS:
            told[0] = seen.elapsed
            progress(f"{what}: {seen.elapsed:.0f} of {limit:g} s")

    return watch


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
