"""A record sent back with a remark: its next version, once, whoever else sends it back or is cut off meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.support.calls import QUESTION, make_workspace

from sovereign import workflow
from sovereign.check import check_path
from sovereign.inquiry.runs import RunState
from sovereign.records import BadInput, Busy, EventType, Record, SovereignError
from sovereign.workspace import Workspace

REMARK = "Look at ExpertFlow as well, and at the memory that it takes."


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w")


@pytest.fixture
def record(space: Workspace) -> Record:
    return workflow.ask(space, QUESTION)


def test_the_next_version_carries_the_remark_and_is_a_draft_again(space: Workspace, record: Record) -> None:
    workflow.review(space, record.id, EventType.APPROVED)
    second = workflow.revise(space, record.id, f"  {REMARK}\n")
    assert (second.id, second.version, second.question) == (record.id, 2, record.question)
    assert second.revision is not None and second.revision.remarks == (REMARK,)
    archive = space.archive()
    state, event = archive.state(record.id), archive.events(record.id)[-1]
    assert (state.standing, state.version) == ("draft", 2)
    assert (event.type, event.note, event.details["remark"]) == (EventType.REVISED, REMARK, REMARK)
    assert archive.load(record.id, 1) == record, "the version before is as it was"
    report = check_path(archive.path(record.id), trust=[space.key().fingerprint])
    assert report.exit_code == 0, report.faults


def test_remarks_stay_in_force_when_the_question_is_asked_again(space: Workspace, record: Record) -> None:
    workflow.revise(space, record.id, REMARK)
    third = workflow.judge_again(space, record.id, purpose="again")
    assert third.version == 3 and third.revision is not None and third.revision.remarks == (REMARK,)
    fourth = workflow.revise(space, record.id, "And Lynx.")
    assert fourth.revision is not None and fourth.revision.remarks == (REMARK, "And Lynx.")


def test_a_begun_revision_can_be_gone_on_with_and_no_second_one_begins(space: Workspace, record: Record) -> None:
    run = workflow.begin_revision(space, record.id, REMARK)
    with space.journal() as journal:
        assert journal.show(run).state is RunState.INTERRUPTED
    with pytest.raises(Busy, match=run):
        workflow.begin_revision(space, record.id, "Another remark.")
    done = workflow.resume(space, run)
    assert isinstance(done, Record) and done.version == 2
    assert workflow.begin_revision(space, record.id, "Another remark.") != run


def test_of_many_owners_at_once_one_begins(space: Workspace, record: Record) -> None:
    said: list[str | SovereignError] = []

    def begin(number: int) -> None:
        try:
            said.append(workflow.begin_revision(space, record.id, f"Remark number {number}.", after=1))
        except SovereignError as error:
            said.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, str) for one in said) == 1
    assert all(isinstance(one, str | Busy) for one in said)
    with space.journal() as journal:
        assert len([run for run in journal.list() if run.purpose == workflow.REVISE]) == 1


@pytest.mark.parametrize("remark", ["", "x" * 2001, "a\u202eb c", "\x1b[2J go"])
def test_a_remark_that_cannot_be_used_starts_nothing(space: Workspace, record: Record, remark: str) -> None:
    with pytest.raises(BadInput):
        workflow.revise(space, record.id, remark)
    with space.journal() as journal:
        assert len(journal.list()) == 1


def test_a_record_that_changed_meanwhile_or_is_retracted_is_not_revised(space: Workspace, record: Record) -> None:
    workflow.review(space, record.id, EventType.APPROVED)
    with pytest.raises(BadInput, match="while you looked"):
        workflow.revise(space, record.id, REMARK, after=1)
    workflow.review(space, record.id, EventType.RETRACTED, "wrong")
    with pytest.raises(BadInput, match="retracted"):
        workflow.revise(space, record.id, REMARK)
    assert space.archive().state(record.id).version == 1
