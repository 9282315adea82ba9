"""The one loop above inquiry and gate: ask -> reproduce -> judge again, each ending in a record with its pages.

Every step can be cut off at any time. A run's record id and version are drawn when the run starts and stored with it; a
version is written together with its event or not at all; pages can be made again. So going on after a kill leaves one
version, one event and one set of pages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovereign.gate import artifacts, missing_inputs
from sovereign.inquiry import investigate
from sovereign.inquiry.journal import Journal
from sovereign.inquiry.question import clean_question
from sovereign.inquiry.runs import Run, RunInfo
from sovereign.living import Live, Told, fetch
from sovereign.measuring import Measured, Prepared, Skipped, matching, measure_in, packs_of, prepare
from sovereign.records import (
    BadInput,
    Busy,
    Document,
    EventType,
    Interrupted,
    NotFound,
    Policy,
    Profile,
    Record,
    State,
    record_id_of,
)
from sovereign.seal import digest

if TYPE_CHECKING:
    from sovereign.archive import Archive
    from sovereign.inquiry.imported import Taken
    from sovereign.library import Library
    from sovereign.records import Evidence, Judgement
    from sovereign.seal import Key
    from sovereign.workspace import Workspace

Progress = Callable[[str], None]

#: The purpose of a journal's run that runs packs; the records that it judges again have runs of their own.
MEASURE = "measure"


def _silent(_: str) -> None:
    return None


def ask(
    workspace: Workspace,
    question: str,
    *,
    fresh: bool = False,
    reuse: bool = False,
    profile: Profile = Profile.SOVEREIGN,
    live: Live | None = None,
    progress: Progress = _silent,
) -> Record:
    """Answer a question from the workspace's library and keep the record as a draft.

    An unfinished run of the same question is gone on with, unless `fresh`. `reuse` lets stages take outputs that other
    runs stored for the same inputs and code. `profile` says by which method: ours, or the reference method. `live` asks
    services first and adds the works that they know of to the library.

    Raises:
        BadInput: the question or the policy cannot be used; nothing was started.
        Interrupted: Ctrl-C; the message names the run to resume.
        StorageError: the disk is full; what was completed is kept.
    """
    question = clean_question(question)
    workspace.policy(), workspace.key()  # what is wrong with them must show before a run exists
    if live is not None and profile is Profile.REFERENCE:
        if set(live.services) - {"arxiv"}:
            raise BadInput("the reference method asks arXiv alone", "leave out --service, or the profile")
        live = Live(("arxiv",), live.offline)
    asked_live = {} if live is None else {"live": live.details(workspace.services())}
    with workspace.journal() as journal:
        for info in () if fresh else journal.unfinished():
            wanted = _profile_of(info) is profile and info.details.get("live") == asked_live.get("live")
            if info.purpose == "ask" and info.question == question and wanted:
                with contextlib.ExitStack() as stack:
                    try:
                        run = stack.enter_context(journal.resume(info.id))
                    except Busy:
                        continue  # somebody else goes on with it at this moment: ours is another run
                    progress(f"going on with {info.id}, which was {info.state.value}")
                    stack.enter_context(_interruptible(workspace, run))
                    return _finish(workspace, run, info, progress)
        record_id = workspace.archive().new_id()
        details = asked_live if profile is Profile.SOVEREIGN else {"profile": profile.value, **asked_live}
        started = journal.start(question, record=record_id, version=1, details=details, reuse=reuse)
        with started as run, _interruptible(workspace, run):
            return _finish(workspace, run, journal.show(run.id), progress)


def import_seeds(workspace: Workspace, texts: Sequence[str], *, progress: Progress = _silent) -> tuple[Record, ...]:
    """Keep texts of the earlier system as records; those on one question are set beside each other.

    Raises:
        BadInput: a text is none of that system's; nothing was started.
    """
    from sovereign.inquiry.imported import Taken, question_of

    questions = [question_of(text) for text in texts]
    workspace.policy(), workspace.key()
    records = []
    with workspace.journal() as journal:
        for text, question in zip(texts, questions, strict=True):
            beside = [other for other, q in zip(texts, questions, strict=True) if q == question and other != text]
            taken = Taken(texts=(text, *dict.fromkeys(beside)))
            progress(f"importing {question[:60]}")
            record_id = workspace.archive().new_id()
            details = {"profile": Profile.IMPORTED.value, "texts": [digest(one) for one in taken.texts]}
            started = journal.start(question, purpose="import", record=record_id, version=1, details=details)
            with started as run, _interruptible(workspace, run):
                records.append(_finish(workspace, run, journal.show(run.id), progress, taken))
    return tuple(records)


def resume(
    workspace: Workspace, run_id: str | None = None, *, progress: Progress = _silent
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
            return _go_on(workspace, journal, info, progress)
        prepared = prepare(workspace, info.details["packs"], inputs=info.details["inputs"], progress=progress)
        with journal.resume(info.id) as run, _interruptible(workspace, run):
            return _measured(workspace, run, info.details, prepared, progress)


class Reproduced(Document):
    """What `reproduce` did: packs that were run, records that were judged again, packs that were skipped and why."""

    measured: tuple[Measured, ...]
    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...] = ()


def measure(
    workspace: Workspace, names: Sequence[str] | None = None, *, progress: Progress = _silent
) -> tuple[Measured, ...]:
    """Run packs, or all that can run here, in the sandbox; sign what came out and add it to the library.

    Raises:
        SandboxUnavailable: no sandbox passes its own test; nothing was run and nothing changed.
        NotFound: there is no pack of that name.
    """
    return _reproduced(workspace, (), prepare(workspace, names, progress=progress), 1, {}, progress).measured


def judge_again(
    workspace: Workspace,
    record_id: str,
    *,
    packs: tuple[str, ...] = (),
    purpose: str = "reproduce",
    progress: Progress = _silent,
) -> Record:
    """Investigate a record's question anew over the library as it is now, as the next version of that record.

    An unfinished run for that version is gone on with. `purpose` is `reproduce` after a measurement, else `again`.
    """
    archive = workspace.archive()
    state = archive.state(record_id)
    version = state.version + 1
    record = archive.load(state.record)
    _must_be_ours(record)
    question = record.question.text
    with workspace.journal() as journal:
        for info in journal.unfinished():
            if (info.purpose, info.record, info.version) == (purpose, state.record, version):
                progress(f"going on with {info.id}, which was {info.state.value}")
                return _go_on(workspace, journal, info, progress)
        details = {"packs": list(packs)} if purpose == "reproduce" else {}
        started = journal.start(question, purpose=purpose, record=state.record, version=version, details=details)
        with started as run, _interruptible(workspace, run):
            return _finish(workspace, run, journal.show(run.id), progress)


def reproduce(
    workspace: Workspace,
    record_id: str | None = None,
    packs: Sequence[str] | None = None,
    *,
    repeat: int = 1,
    inputs: Mapping[str, str | Path] | None = None,
    progress: Progress = _silent,
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
        _must_be_ours(archive.load(due[0]))
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
                with journal.resume(info.id) as run, _interruptible(workspace, run):
                    return _measured(workspace, run, details, prepared, progress)
        with journal.start("", purpose=MEASURE, details=details) as run, _interruptible(workspace, run):
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
                return _go_on(workspace, journal, info, progress)
    return archive.load(record_id, version)


def _must_be_ours(record: Record) -> None:
    if record.provenance.profile is not Profile.SOVEREIGN:
        raise BadInput(
            f"{record.id} was made by the profile {record.provenance.profile.value!r}, which runs nothing",
            "ask its question without --profile, then reproduce that record",
        )


def review(
    workspace: Workspace,
    record_id: str,
    verdict: EventType,
    note: str = "",
    by: str = "",
    details: dict[str, object] | None = None,
    after: int | None = None,
) -> State:
    """Sign the owner's decision (approved, rejected, corrected, retracted) on a record and make its pages again.

    `after` is how many events the owner has seen: with it, a decision on what has changed since is refused.
    """
    archive = workspace.archive()
    state = archive.state(record_id_of(record_id))
    told = {**(details or {}), **({"reviewer": by} if by else {})}
    archive.append_event(
        state.record, verdict, key=workspace.key(), now=_now(), note=note, details=told, version=state.version,
        after=after,
    )  # fmt: skip
    publish(workspace, state.record)
    return archive.state(state.record)


def publish(workspace: Workspace, record_id: str) -> None:
    """Make the pages of a record, and the list of records, from what is stored."""
    from sovereign.publish import publish_record

    publish_record(workspace.archive(), record_id, workspace.site_path)


def _go_on(workspace: Workspace, journal: Journal, info: RunInfo, progress: Progress) -> Record:
    with journal.resume(info.id) as run, _interruptible(workspace, run):
        return _finish(workspace, run, info, progress)


def _finish(
    workspace: Workspace, run: Run, info: RunInfo, progress: Progress, taken: Taken | None = None
) -> Record:
    """From the question of a run to its version, event and pages; every part of it may have been done before."""
    assert info.record is not None and info.version is not None  # start always stores them
    archive = workspace.archive()
    if not _is_written(archive, info.record, info.version):
        _write(workspace, run, info, archive, progress, taken)
    record = archive.load(info.record, info.version)
    if record.decision.policy is Policy.PUBLISH:
        _publish_by_policy(workspace, archive, record)
    progress("making the pages")
    publish(workspace, record.id)
    run.finish()
    return record


def _is_written(archive: Archive, record_id: str, version: int) -> bool:
    try:
        return version in archive.versions(record_id)
    except NotFound:
        return False


def _write(
    workspace: Workspace, run: Run, info: RunInfo, archive: Archive, progress: Progress, taken: Taken | None
) -> None:
    assert info.record is not None and info.version is not None
    with workspace.library() as library, contextlib.ExitStack() as held:
        evidence, judgement, texts = _investigated(workspace, library, run, info, taken, held, progress)
        provenance = evidence.provenance.model_copy(update={"audit_head": run.audit_head})
        progress(f"writing {info.record}, version {info.version}")
        archive.write_version(
            info.record,
            info.version,
            evidence.model_copy(update={"provenance": provenance}),
            judgement,
            texts=texts,
            audit_lines=run.audit_lines(),
            artifacts={
                made.results_sha256: _artifacts(library, made.source, made.results_sha256, workspace.key())
                for made in evidence.reproductions
            },
            key=workspace.key(),
            now=_now(),
            event=EventType.REPRODUCED if info.purpose == "reproduce" else None,
            details=info.details,
        )


def _profile_of(info: RunInfo) -> Profile:
    return Profile(info.details.get("profile", Profile.SOVEREIGN))


def _investigated(
    workspace: Workspace,
    library: Library,
    run: Run,
    info: RunInfo,
    taken: Taken | None,
    held: contextlib.ExitStack,
    progress: Progress,
) -> tuple[Evidence, Judgement, Callable[[str], str | None]]:
    """Evidence and judgement by the profile that the run was started with, and where its texts are.

    A live search holds the library until the record is written, so that it is answered from one state of it.
    """
    profile, policy = _profile_of(info), workspace.policy()
    told: Told = {}
    if "live" in info.details:
        own = _own_queries(info.question) if profile is Profile.REFERENCE else {}
        told = fetch(workspace, library, run, info.question, info.details["live"], held, progress, **own)
    if profile is Profile.IMPORTED:
        from sovereign.inquiry.imported import investigate_imported, take, texts_of

        taken = take(run, info.details["texts"], taken)
        return *investigate_imported(library, taken, policy, run, progress), texts_of(library, taken)
    if profile is Profile.REFERENCE:
        from sovereign.inquiry.reference import investigate_reference

        with workspace.language(progress) as (chat, embedder):
            found = investigate_reference(
                library, info.question, policy, run, progress, chat=chat, embedder=embedder, **told
            )
        return *found, library.text
    found = investigate(library, info.question, policy, run, progress, **told)
    return *found, library.text


def _own_queries(question: str) -> dict[str, Any]:
    from sovereign.inquiry.reference import RESULTS, four_queries

    return {"queries": four_queries(question).queries, "results": RESULTS}


def _artifacts(library: Library, source: str, results_sha256: str, key: Key) -> dict[str, bytes]:
    """What a measurement in the library carries with it: the pack's files, the results, the signed statement."""
    stored = library.get(source)
    if stored.sha256 != results_sha256:
        raise NotFound(f"the results {results_sha256[:12]} of {source} are no longer in the library", "run it again")
    return artifacts(stored.meta, stored.text, key)


def _publish_by_policy(workspace: Workspace, archive: Archive, record: Record) -> None:
    """Carry out a decision to publish, once: an owner who has spoken since is not overruled."""
    state = archive.state(record.id)
    if state.version == record.version and state.standing == "draft":
        archive.append_event(
            record.id,
            EventType.APPROVED,
            key=workspace.key(),
            now=_now(),
            note=f"published by the policy {record.provenance.policy.name!r}: {'; '.join(record.decision.reasons)}",
            version=record.version,
        )


@contextlib.contextmanager
def _interruptible(workspace: Workspace, run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"{run.id} was interrupted; every stage that was completed is kept",
            f"go on with `sovereign resume {run.id} --workspace {workspace.path}`",
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
