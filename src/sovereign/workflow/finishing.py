"""From the question of a run to its version, event and pages, whatever of it was done before a kill."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sovereign.gate import artifacts
from sovereign.inquiry import investigate
from sovereign.inquiry.journal import Journal
from sovereign.inquiry.runs import Run, RunInfo
from sovereign.living import Told, fetch
from sovereign.records import BadInput, EventType, Interrupted, NotFound, Policy, Profile, Record

if TYPE_CHECKING:
    from sovereign.archive import Archive
    from sovereign.inquiry.imported import Taken
    from sovereign.library import Library
    from sovereign.records import Evidence, Judgement
    from sovereign.seal import Key
    from sovereign.workspace import Workspace

Progress = Callable[[str], None]


def silent(_: str) -> None:
    return None


def go_on(workspace: Workspace, journal: Journal, info: RunInfo, progress: Progress) -> Record:
    with journal.resume(info.id) as run, interruptible(workspace, run):
        return finish(workspace, run, info, progress)


def finish(
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
            now=now(),
            event=EventType.REPRODUCED if info.purpose == "reproduce" else None,
            note=info.details.get("remark", ""),
            details=info.details,
            hand=workspace.hand().envelopes(evidence.hand),
            others=workspace.hand().keys_of(evidence.hand),
        )


def profile_of(info: RunInfo) -> Profile:
    return Profile(info.details.get("profile", Profile.SOVEREIGN))


def must_be_ours(record: Record) -> None:
    if record.provenance.profile is not Profile.SOVEREIGN:
        raise BadInput(
            f"{record.id} was made by the profile {record.provenance.profile.value!r}, which runs nothing",
            "ask its question without --profile, then reproduce that record",
        )


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
    profile, policy = profile_of(info), workspace.policy()
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
    remarks = tuple(info.details.get("remarks", ()))
    hand = workspace.hand().in_force(info.question)
    found = investigate(library, info.question, policy, run, progress, remarks=remarks, hand=hand, **told)
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
            now=now(),
            note=f"published by the policy {record.provenance.policy.name!r}: {'; '.join(record.decision.reasons)}",
            version=record.version,
        )


def publish(workspace: Workspace, record_id: str) -> None:
    """Make the pages of a record, and the list of records, from what is stored."""
    from sovereign.publish import publish_record

    publish_record(workspace.archive(), record_id, workspace.site_path)


@contextlib.contextmanager
def interruptible(workspace: Workspace, run: Run) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"{run.id} was interrupted; every stage that was completed is kept",
            f"go on with `sovereign resume {run.id} --workspace {workspace.path}`",
        ) from error


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
