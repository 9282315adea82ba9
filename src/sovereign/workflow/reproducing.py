"""Measure, then judge again; and go on with whatever run was cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovereign.gate import missing_inputs
from sovereign.inquiry.runs import Run
from sovereign.measuring import Measured, Prepared, Skipped, matching, measure_in, packs_of, prepare
from sovereign.records import Document, NotFound, Profile, Record, record_id_of

from .asking import judge_again
from .finishing import Progress, go_on, interruptible, must_be_ours, silent

if TYPE_CHECKING:
    from sovereign.workspace import Workspace

#: The purpose of a journal's run that runs packs; the records that it judges again have runs of their own.
MEASURE = "measure"


class Reproduced(Document):
    """What `reproduce` did: packs that were run, records that were judged again, packs that were skipped and why."""

    measured: tuple[Measured, ...]
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...] = ()


def resume(
    workspace: Workspace, run_id: str | None = None, *, progress: Progress = silent
) -> Record | Reproduced:
    """Go on with a run; without an id, with the newest that is unfinished. A run that is done is shown again.

    A record that is being judged again belongs to the measurement that asked for it: without an id, that is gone on
    with.

    Raises:
        NotFound: no such run, or nothing is unfinished.
        Busy: another process is at it.
    """
    with workspace.journal(create=False) as journal:
        if run_id is None:
            unfinished = journal.unfinished()
            if not unfinished:
                raise NotFound("no run is unfinished", "see `sovereign runs`")
            newest = unfinished[0]
            asked = (one for one in unfinished if [newest.record, newest.version] in one.details.get("due", ()))
            info = next(asked, newest)
        else:
            info = journal.show(run_id)
        progress(f"going on with {info.id}, which was {info.state.value}")
        if info.purpose != MEASURE:
            return go_on(workspace, journal, info, progress)
        prepared = prepare(workspace, info.details["packs"], inputs=info.details["inputs"], progress=progress)
        with journal.resume(info.id) as run, interruptible(workspace, run):
            return _measured(workspace, run, info.details, prepared, progress)


def measure(
    workspace: Workspace, names: Sequence[str] | None = None, *, progress: Progress = silent
) -> tuple[Measured, ...]:
    """Run packs, or all that can run here, in the sandbox; sign what came out and add it to the library.

    Raises:
        SandboxUnavailable: no sandbox passes its own test; nothing was run and nothing changed.
        NotFound: there is no pack of that name.
    """
    return _reproduced(workspace, (), prepare(workspace, names, progress=progress), 1, {}, progress).measured


def reproduce(
    workspace: Workspace,
    record_id: str | None = None,
    packs: Sequence[str] | None = None,
    *,
    repeat: int = 1,
    inputs: Mapping[str, str | Path] | None = None,
    progress: Progress = silent,
) -> Reproduced:
    """Measure, then judge again: the named record, or without one every record that is still a draft.

    An unfinished run of the same packs, repeats and records is gone on with.

    Args:
        packs: names; None: of a named record those that have to do with its cells, else all that can run here.
        repeat: how often each is run.
        inputs: name -> path of what packs ask their owner for.

    Raises:
        NotFound: no such record or pack, or no pack has to do with the record.
        BadInput: an input is missing or is another one.
        SandboxUnavailable: nothing was run and nothing changed.
    """
    archive = workspace.archive()
    if record_id is None:
        drafts = [name for name in archive.list() if archive.state(name).standing == "draft"]
        due = [name for name in drafts if archive.load(name).provenance.profile is Profile.SOVEREIGN]
    else:
        due = [archive.state(record_id_of(record_id)).record]
        must_be_ours(archive.load(due[0]))
    if packs is None and record_id is not None:
        packs = tuple(matching(workspace, archive.load(due[0])))
        if not packs:
            raise NotFound(f"no pack has to do with a cell of {due[0]}", "see `sovereign packs list`, or name one")
        given = inputs or {}
        able = [name for name in packs if not missing_inputs(packs_of(workspace)[name].spec, given)]
        for name in set(packs) - set(able):
            progress(f"leaving out the pack {name}: it needs an input, see `sovereign packs show {name}`")
        packs = able or packs
    prepared = prepare(workspace, packs, inputs=inputs, progress=progress)
    versions = tuple((name, archive.state(name).version + 1) for name in due)
    places = {name: str(Path(path).absolute()) for name, path in (inputs or {}).items()}
    return _reproduced(workspace, versions, prepared, repeat, places, progress)


def _reproduced(
    workspace: Workspace,
    due: tuple[tuple[str, int], ...],
    prepared: Prepared,
    repeat: int,
    inputs: Mapping[str, str],
    progress: Progress,
) -> Reproduced:
    """A run of the journal for the packs and the records that are due; one that was cut off is gone on with."""
    if not prepared.packs:
        told = "; ".join(f"{one.pack} {one.reason}" for one in prepared.skipped)
        raise NotFound(f"no pack can be run here: {told}", "see `sovereign packs list`")
    workspace.key()
    details: dict[str, Any] = {"packs": list(prepared.names), "repeat": repeat, "inputs": dict(inputs)}
    details["due"] = [list(one) for one in due]
    with workspace.journal() as journal:
        for info in journal.unfinished():
            if info.purpose == MEASURE and info.details == details:
                progress(f"going on with {info.id}, which was {info.state.value}")
                with journal.resume(info.id) as run, interruptible(workspace, run):
                    return _measured(workspace, run, details, prepared, progress)
        with journal.start("", purpose=MEASURE, details=details) as run, interruptible(workspace, run):
            return _measured(workspace, run, details, prepared, progress)


def _measured(
    workspace: Workspace, run: Run, details: Mapping[str, Any], prepared: Prepared, progress: Progress
) -> Reproduced:
    """Packs first, each into the library when all of its runs are attested; then the records, one after another."""
    repeat, inputs = int(details["repeat"]), details["inputs"]
    measured = measure_in(workspace, run, prepared, repeat=repeat, inputs=inputs, progress=progress)
    records = []
    for name, version in details["due"]:
        progress(f"judging {name} again")
        records.append(_judged(workspace, name, version, prepared.names, progress))
    run.finish()
    return Reproduced(measured=measured, records=tuple(records), skipped=prepared.skipped)


def _judged(workspace: Workspace, record_id: str, version: int, packs: tuple[str, ...], progress: Progress) -> Record:
    """A version that is due after a measurement: written, gone on with, or as it was written before a kill."""
    archive = workspace.archive()
    if archive.state(record_id).version < version:
        return judge_again(workspace, record_id, packs=packs, progress=progress)
    with workspace.journal() as journal:
        for info in journal.unfinished():
            if (info.purpose, info.record, info.version) == ("reproduce", record_id, version):
                return go_on(workspace, journal, info, progress)
    return archive.load(record_id, version)
