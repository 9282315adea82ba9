"""What the owner can do at the desk: decide on a record, ask, go on with a run; through the same doors as the verbs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sovereign.inquiry.question import clean_question
from sovereign.records import BadInput, EventType, Policy, State
from sovereign.records.event import CORRECTION_TYPES
from sovereign.workflow import review
from sovereign.workspace import Workspace

DECISIONS = {
    "approve": EventType.APPROVED,
    "reject": EventType.REJECTED,
    "correct": EventType.CORRECTED,
    "retract": EventType.RETRACTED,
}
#: Standing of a record -> what can be decided, in the order of the page.
POSSIBLE = {
    "draft": ("approve", "reject"),
    "rejected": ("approve",),
    "published": ("correct", "retract"),
    "corrected": ("correct", "retract"),
    "retracted": (),
}
_NEEDS_NOTE = {"correct", "retract"}
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
    action, seen = form.get("action", ""), form.get("seen", "")
    if action not in DECISIONS:
        raise BadInput(f"there is no decision {action[:40]!r}", "use a button of the page")
    if not seen.isdigit() or len(seen) > 9:
        raise BadInput("the form does not say what you have seen", "load the page again")
    note = form.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > _LONGEST_NOTE:
        raise BadInput(f"the note has {len(note):,} characters; {_LONGEST_NOTE:,} are the most", "shorten it")
    return Decision(action, note, int(seen), form.get("kind", "").upper())


def decide(workspace: Workspace, record_id: str, decision: Decision) -> State:
    """Sign the decision on a record, if the record is still as the owner saw it.

    Raises:
        BadInput: a note is missing, the decision does not fit the record's standing, or somebody else was faster.
    """
    archive = workspace.archive()
    state = archive.state(record_id)
    if state.events != decision.seen:
        last = archive.events(record_id)[-1]
        raise BadInput(f"the record was {last.type.value} at {last.at} while you looked at it", "look at it again")
    if decision.action in _NEEDS_NOTE and not decision.note:
        raise BadInput(f"to {decision.action} a record, say why", "write a note: it is signed, and shown to readers")
    policy = archive.load(record_id).decision.policy
    if decision.action == "approve" and policy in (Policy.QUARANTINE, Policy.REJECT) and not decision.note:
        raise BadInput(f"the policy says {policy.value}", "write down why you publish it all the same, or reject it")
    details: dict[str, object] = {}
    if decision.action == "correct":
        if decision.kind not in CORRECTION_TYPES:
            raise BadInput("say what is corrected", f"one of {', '.join(CORRECTION_TYPES).lower()}")
        details = {"correction_type": decision.kind, "affected_fields": []}
    return review(
        workspace, state.record, DECISIONS[decision.action], decision.note, details=details, after=decision.seen
    )


def start_ask(workspace: Workspace, question: str) -> None:
    """Begin to answer a question in a process of its own, which goes on when the desk is closed.

    Raises:
        BadInput: the question cannot be asked.
    """
    _start(workspace, "ask", "--", clean_question(question))


def start_resume(workspace: Workspace, run: str) -> None:
    """Go on with a run that was cut off, in a process of its own. Raises NotFound for a run that there is not."""
    with workspace.journal(create=False) as journal:
        _start(workspace, "resume", "--", journal.show(run).id)


def _start(workspace: Workspace, verb: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "sovereign", verb, "--workspace", str(workspace.path), *arguments]
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ.copy(),
    )
