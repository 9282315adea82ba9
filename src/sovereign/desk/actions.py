"""What the owner can do at the desk: decide on a record, ask, go on with a run; through the same doors as the verbs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sovereign.records import BadInput, EventType, Policy
from sovereign.records.event import CORRECTION_TYPES
from sovereign.workflow import begin_again, begin_ask, begin_revision, review
from sovereign.workspace import Workspace

DECISIONS = {
    "approve": EventType.APPROVED,
    "reject": EventType.REJECTED,
    "correct": EventType.CORRECTED,
    "retract": EventType.RETRACTED,
}
#: Sends a record back: no event of its own, but a run whose version is opened by one.
REVISE = "revise"
#: Standing of a record -> what can be decided, in the order of the page.
POSSIBLE = {
    "draft": ("approve", "reject", REVISE),
    "rejected": ("approve", REVISE),
    "published": ("correct", "retract", REVISE),
    "corrected": ("correct", "retract", REVISE),
    "retracted": (),
}
#: What each does, in the words of the page.
MEANING = {
    "approve": "signs it as approved and publishes it",
    "reject": "signs it as rejected; it stays, and can be approved later",
    REVISE: "asks the library for what the note names and makes a new draft; the question stays as it is",
    "correct": "signs what was wrong and what holds; the version stays as it is",
    "retract": "signs that it no longer stands; it stays readable",
}
_NEEDS_NOTE = {"correct", "retract", REVISE}
_LONGEST_NOTE = 4000


@dataclass(frozen=True)
class Decision:
    """A decision as the form gives it. `seen` is how many events the page showed that it was made on."""

    action: str
    note: str
    seen: int
    kind: str = ""


def read_decision(form: Mapping[str, str]) -> Decision:
    """The decision in a form.

    Raises:
        BadInput: it names no action, no number of events, or its note is too long.
    """
    action = form.get("action", "")
    if action not in MEANING:
        raise BadInput(f"there is no decision {action[:40]!r}", "use a button of the page")
    return Decision(action, read_note(form), read_seen(form), form.get("kind", "").upper())


def read_seen(form: Mapping[str, str]) -> int:
    """How many events the page showed. Raises BadInput."""
    seen = form.get("seen", "")
    if not (seen.isascii() and seen.isdigit()) or len(seen) > 9:
        raise BadInput("the form does not say what you have seen", "load the page again")
    return int(seen)


def read_note(form: Mapping[str, str]) -> str:
    """The note of a form, without white space around it. Raises BadInput for one that is too long."""
    note = form.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > _LONGEST_NOTE:
        raise BadInput(f"the note has {len(note):,} characters; {_LONGEST_NOTE:,} are the most", "shorten it")
    return note


def must_be_as_seen(workspace: Workspace, record_id: str, seen: int) -> None:
    """Raises BadInput if the record has other events than the owner saw."""
    archive = workspace.archive()
    if archive.state(record_id).events != seen:
        last = archive.events(record_id)[-1]
        raise BadInput(f"the record was {last.type.value} at {last.at} while you looked at it", "look at it again")


def decide(workspace: Workspace, record_id: str, decision: Decision) -> str | None:
    """Sign the decision on a record, if the record is still as the owner saw it; or begin a revision, and give its run.

    Raises:
        BadInput: a note is missing, the decision does not fit the record's standing, or somebody else was faster.
        Busy: a run for the record's next version is under way already.
    """
    must_be_as_seen(workspace, record_id, decision.seen)
    archive = workspace.archive()
    state = archive.state(record_id)
    if decision.action in _NEEDS_NOTE and not decision.note:
        what = "what to look for" if decision.action == REVISE else "why"
        raise BadInput(f"to {decision.action} a record, say {what}", "write a note: it is signed, and shown to readers")
    if decision.action == REVISE:
        run = begin_revision(workspace, state.record, decision.note, after=decision.seen)
        start(workspace, run)
        return run
    policy = archive.load(record_id).decision.policy
    if decision.action == "approve" and policy in (Policy.QUARANTINE, Policy.REJECT) and not decision.note:
        raise BadInput(f"the policy says {policy.value}", "write down why you publish it all the same, or reject it")
    details: dict[str, object] = {}
    if decision.action == "correct":
        if decision.kind not in CORRECTION_TYPES:
            raise BadInput("say what is corrected", f"one of {', '.join(CORRECTION_TYPES).lower()}")
        details = {"correction_type": decision.kind, "affected_fields": []}
    review(workspace, state.record, DECISIONS[decision.action], decision.note, details=details, after=decision.seen)
    return None


def start_ask(workspace: Workspace, question: str) -> str:
    """Begin to answer a question in a process of its own, which goes on when the desk is closed; the run's id.

    Raises:
        BadInput: the question cannot be asked, or the policy or key cannot be used.
    """
    run = begin_ask(workspace, question)
    start(workspace, run)
    return run


def start_again(workspace: Workspace, record_id: str, seen: int) -> str:
    """Begin to ask a record's question again, with what the owner's hand says now; the run. Raises BadInput, Busy."""
    must_be_as_seen(workspace, record_id, seen)
    run = begin_again(workspace, record_id, after=seen)
    start(workspace, run)
    return run


def start_resume(workspace: Workspace, run: str) -> str:
    """Go on with a run that was cut off, in a process of its own. Raises NotFound for a run that there is not."""
    with workspace.journal(create=False) as journal:
        run = journal.show(run).id
    start(workspace, run)
    return run


def start(workspace: Workspace, run: str) -> None:
    """Carry out a run of the journal in a process of its own. Killed before that, it waits to be gone on with."""
    command = [sys.executable, "-m", "sovereign", "resume", "--workspace", str(workspace.path), "--", run]
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ.copy(),
    )
