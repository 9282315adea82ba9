"""Ask a question, anew or again: every run ends in one version of a record, with its pages."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sovereign.inquiry.question import clean_question
from sovereign.living import Live
from sovereign.records import BadInput, Busy, Profile, Record
from sovereign.seal import digest

from .finishing import Progress, finish, go_on, interruptible, must_be_ours, profile_of, silent

if TYPE_CHECKING:
    from sovereign.workspace import Workspace


def ask(
    workspace: Workspace,
    question: str,
    *,
    fresh: bool = False,
    reuse: bool = False,
    profile: Profile = Profile.SOVEREIGN,
    live: Live | None = None,
    progress: Progress = silent,
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
            wanted = profile_of(info) is profile and info.details.get("live") == asked_live.get("live")
            if info.purpose == "ask" and info.question == question and wanted:
                with contextlib.ExitStack() as stack:
                    try:
                        run = stack.enter_context(journal.resume(info.id))
                    except Busy:
                        continue  # somebody else goes on with it at this moment: ours is another run
                    progress(f"going on with {info.id}, which was {info.state.value}")
                    stack.enter_context(interruptible(workspace, run))
                    return finish(workspace, run, info, progress)
        record_id = workspace.archive().new_id()
        details = asked_live if profile is Profile.SOVEREIGN else {"profile": profile.value, **asked_live}
        started = journal.start(question, record=record_id, version=1, details=details, reuse=reuse)
        with started as run, interruptible(workspace, run):
            return finish(workspace, run, journal.show(run.id), progress)


def begin_ask(workspace: Workspace, question: str) -> str:
    """Put a run into the journal that answers a question, and give its id; `resume` carries it out.

    An unfinished run of the same question is taken instead. What is wrong with question, policy or key shows here.

    Raises:
        BadInput: the question or the policy cannot be used; nothing was started.
    """
    question = clean_question(question)
    workspace.policy(), workspace.key()
    with workspace.journal() as journal:
        for info in journal.unfinished():
            if info.purpose == "ask" and info.question == question and not info.details:
                return info.id
        with journal.start(question, record=workspace.archive().new_id(), version=1) as run:
            return run.id


def judge_again(
    workspace: Workspace,
    record_id: str,
    *,
    packs: tuple[str, ...] = (),
    purpose: str = "reproduce",
    progress: Progress = silent,
) -> Record:
    """Investigate a record's question anew over the library as it is now, as the next version of that record.

    An unfinished run for that version is gone on with. `purpose` is `reproduce` after a measurement, else `again`.
    """
    archive = workspace.archive()
    state = archive.state(record_id)
    version = state.version + 1
    record = archive.load(state.record)
    must_be_ours(record)
    question = record.question.text
    with workspace.journal() as journal:
        for info in journal.unfinished():
            if (info.purpose, info.record, info.version) == (purpose, state.record, version):
                progress(f"going on with {info.id}, which was {info.state.value}")
                return go_on(workspace, journal, info, progress)
        details: dict[str, Any] = {"packs": list(packs)} if purpose == "reproduce" else {}
        if record.revision is not None and record.revision.remarks:  # what the owner asked for stays asked for
            details["remarks"] = list(record.revision.remarks)
        started = journal.start(question, purpose=purpose, record=state.record, version=version, details=details)
        with started as run, interruptible(workspace, run):
            return finish(workspace, run, journal.show(run.id), progress)


def import_seeds(workspace: Workspace, texts: Sequence[str], *, progress: Progress = silent) -> tuple[Record, ...]:
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
            with started as run, interruptible(workspace, run):
                records.append(finish(workspace, run, journal.show(run.id), progress, taken))
    return tuple(records)
