"""Two owners at once, each in a process of its own: one of two decisions that exclude each other is made, the other is
told; of those that do not, none is lost; the chain of events is whole."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from tests.support.zebra import HEARSAY, OTHER_QUESTION

from sovereign import hand
from sovereign.check import check_path
from sovereign.outdated import Known, Notice, sign_notices
from sovereign.records import BadInput, EventType, SourceCause
from sovereign.workflow import ask, judge_again, review
from sovereign.workspace import Workspace

from .conftest import Published

FORK = multiprocessing.get_context("fork")
NOTICE = Notice(doi="10.5555/zebra.2", nature="retraction", cause=SourceCause.RETRACTED, date="2026-07-12", read_at="x")


def _act(path: Path, record: str, act: str, after: int | None, gate: Any, said: Any) -> None:
    workspace = Workspace.open(path)
    gate.wait(60)
    try:
        if act == "notice":
            sign_notices(workspace, [record], known=Known(notices={NOTICE.doi: (NOTICE,)}))
        elif act == "ban":
            hand.ban(workspace, record, HEARSAY, "at once", after=after)
        elif act == "again":
            judge_again(workspace, record, purpose="again")
        else:
            review(workspace, record, EventType(act), f"{act} at once", after=after)
        said.put((act, ""))
    except BadInput as error:
        said.put((act, f"{error.message} / {error.remedy}"))


def at_once(published: Published, record: str, acts: list[str], after: int | None) -> dict[str, list[str]]:
    """Let all begin in the same moment: what each was told, empty for one that was done."""
    gate, said = FORK.Barrier(len(acts)), FORK.Queue()
    args = (published.workspace.path, record)
    owners = [FORK.Process(target=_act, args=(*args, act, after, gate, said)) for act in acts]
    for owner in owners:
        owner.start()
    found: dict[str, list[str]] = {}
    for _ in acts:
        act, told = said.get(timeout=300)
        found.setdefault(act, []).append(told)
    for owner in owners:
        owner.join(60)
        assert owner.exitcode == 0
    return found


@pytest.mark.parametrize(
    "acts", [["approved", "rejected"], ["approved", "approved", "rejected"], ["rejected", "ban"]], ids=" and ".join
)
def test_of_two_that_saw_the_same_one_is_told(published: Published, acts: list[str]) -> None:
    draft = ask(published.workspace, OTHER_QUESTION)
    told = at_once(published, draft.id, acts, after=1)
    results = [one for ones in told.values() for one in ones]
    assert results.count("") == 1, told
    assert all("look at it again" in one for one in results if one)
    archive = published.workspace.archive()
    assert len(archive.events(draft.id)) == 2
    assert check_path(published.workspace.records_path / draft.folder).faults == []


def test_of_two_that_say_the_same_one_does(published: Published) -> None:
    told = at_once(published, published.record.id, ["retracted", "retracted"], after=None)
    assert sorted(bool(one) for one in told["retracted"]) == [False, True], told
    assert published.events == ["drafted", "approved", "retracted"] and published.notes()


def test_what_does_not_exclude_each_other_is_all_kept(published: Published) -> None:
    """Corrections, a mark, a notice, the same notice again, and a new version: in some order, each once."""
    acts = ["corrected", "corrected", "ban", "ban", "notice", "notice"]
    told = at_once(published, published.record.id, acts, after=None)
    assert told["corrected"] == ["", ""] and sorted(map(bool, told["ban"])) == [False, True]
    assert sorted(published.events[2:]) == ["corrected", "corrected", "marked", "outdated"]
    assert len([note for note in published.notes() if HEARSAY in note and "retracted" in note]) == 1
    assert len(published.workspace.hand().entries()) == 1
    again = judge_again(published.workspace, published.record.id, purpose="again")
    assert len(again.hand) == 1 and published.notes()


def test_a_correction_while_a_version_is_being_made(published: Published) -> None:
    told = at_once(published, published.record.id, ["again", "corrected"], after=None)
    events = published.workspace.archive().events(published.record.id)
    done = [event.type.value for event in events]
    assert told["again"] == [""] and "revised" in done
    if told["corrected"] == [""]:
        assert done.index("corrected") < done.index("revised"), "a draft is revised, not corrected"
    else:
        assert "cannot be corrected" in told["corrected"][0] or "has come since" in told["corrected"][0]
    assert check_path(published.path).faults == []
