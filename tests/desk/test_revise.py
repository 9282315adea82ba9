"""A record sent back from the desk: a run that is seen to go on, a new draft, one revision at a time, refusals said."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.publish.html_tools import Page

from sovereign.check import check_path
from sovereign.desk import actions
from sovereign.inquiry.runs import RunState

from .conftest import Owner

REMARK = "Look at Lynx too, and at the memory that it takes."


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that were to be carried out: kept here, so that a test decides when."""
    runs: list[str] = []
    monkeypatch.setattr(actions, "start", lambda _, run: runs.append(run))
    return runs


def alert(page: Page) -> str:
    return next(tag.text for tag in page.named("p") if tag.attributes.get("role") == "alert")


def test_a_record_is_sent_back_and_its_next_version_awaits_a_decision(owner: Owner) -> None:
    begun = owner.send(owner.fields("revise", note=f"{REMARK}\r\nAnd why."))
    assert begun.status_code == 303 and begun.headers["location"].endswith("?begun")
    page = Page(owner.client.get(begun.headers["location"]).text)
    assert page.faults == [] and REMARK in page.text and f"Version 2 of {owner.record.id}" in page.text
    archive = owner.workspace.archive()
    record = archive.load(owner.record.id)
    assert record.revision is not None and record.revision.remarks == (f"{REMARK} And why.",)
    assert archive.state(owner.record.id).standing == "draft"
    assert archive.load(owner.record.id, 1) == owner.record
    assert not check_path(archive.path(owner.record.id)).faults
    page = Page(owner.client.get(owner.page).text)
    assert page.faults == [] and "Sent back by its owner" in page.text and REMARK in page.text
    assert "No further round was held: the tribunal accepts it" in page.text


@pytest.mark.parametrize("standing", ["rejected", "published", "corrected"])
def test_it_can_be_sent_back_from_any_standing_but_retracted(owner: Owner, held: list[str], standing: str) -> None:
    way = {"rejected": ["reject"], "published": ["approve"], "corrected": ["approve", "correct"]}[standing]
    for action in way:
        owner.send(owner.fields(action, note="read", kind="claim"))
    assert owner.standing == standing
    assert owner.send(owner.fields("revise", note=REMARK)).status_code == 303 and len(held) == 1
    assert owner.standing == standing, "nothing changes before the next version is written"


@pytest.mark.parametrize(
    ("note", "words"),
    [("", "what to look"), (" \n", "what to look"), ("x" * 2001, "2,000"), ("a\u202eb", "U+202E"), ("...", "say")],
)
def test_what_cannot_be_taken_in_starts_nothing_and_the_note_is_kept(
    owner: Owner, held: list[str], note: str, words: str
) -> None:
    answer = owner.send(owner.fields("revise", note=note))
    assert answer.status_code == 409 and words in alert(Page(answer.text)) and held == []
    with owner.workspace.journal() as journal:
        assert len(journal.list()) == 1


def test_a_retracted_record_is_not_sent_back(owner: Owner, held: list[str]) -> None:
    owner.send(owner.fields("approve"))
    owner.send(owner.fields("retract", note="wrong"))
    answer = owner.send({**owner.fields("retract"), **hidden(owner), "action": "revise", "note": REMARK})
    assert answer.status_code == 409 and "retracted" in alert(Page(answer.text)) and held == []


def hidden(owner: Owner) -> dict[str, str]:
    state = owner.workspace.archive().state(owner.record.id)
    return {"key": owner.guard.form_key, "seen": str(state.events)}


def test_a_second_revision_waits_for_the_first_and_the_page_says_which(owner: Owner, held: list[str]) -> None:
    owner.send(owner.fields("revise", note=REMARK))
    page = Page(owner.client.get(owner.page).text)
    assert f"{held[0]} makes version 2 (interrupted)" in page.text and f"/runs/{held[0]}" in page.links
    answer = owner.send(owner.fields("revise", note="Another remark."))
    assert answer.status_code == 409 and held[0] in alert(Page(answer.text)) and len(held) == 1
    shown = Page(owner.client.get(f"/runs/{held[0]}").text)
    assert [tag.text for tag in shown.named("button")] == ["Go on with it"]


@pytest.mark.parametrize("other", ["revise", "approve", "reject"])
def test_two_owners_at_once_leave_one_effect_or_two_whole_ones(owner: Owner, held: list[str], other: str) -> None:
    """Revising adds no event of its own: beside a decision both may hold, in either order; two revisions never do."""
    forms = [owner.fields("revise", note="first"), owner.fields(other, note="second")]
    answers: list[Any] = [None, None]

    def act(number: int) -> None:
        answers[number] = owner.send(forms[number])

    threads = [threading.Thread(target=act, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [answer.status_code for answer in answers]
    if other == "revise":
        assert sorted(codes) == [303, 409] and len(held) == 1
    else:
        assert codes[1] == 303 and codes[0] in (303, 409) and len(held) == (codes[0] == 303)
    with owner.workspace.journal() as journal:
        states = [run.state for run in journal.list() if run.purpose == "revise"]
    assert states == [RunState.INTERRUPTED] * len(held)
    assert not check_path(owner.workspace.records_path / owner.record.folder).faults


def test_a_hostile_remark_stays_text(owner: Owner) -> None:
    hostile = "</p><script>alert(1)</script> <img src=x onerror=alert(1)> {{ 7*7 }}"
    begun = owner.send(owner.fields("revise", note=hostile))
    for address, shown in ((begun.headers["location"], True), ("/runs", False), (owner.page, True), ("/", False)):
        page = Page(owner.client.get(address).text)
        assert page.faults == [] and page.named("script", "img") == []
        assert ("<script>alert(1)</script>" in page.text and "{{ 7*7 }}" in page.text) or not shown


def test_a_run_that_fails_says_why_on_its_page(owner: Owner) -> None:
    begun = owner.send(owner.fields("revise", note=REMARK))
    owner.client.get(begun.headers["location"])
    owner.workspace.policy_path.write_text("max_revisions = -1\n", encoding="utf-8")
    answer = owner.send(owner.fields("revise", note="Another remark."))
    assert answer.status_code == 409 and "max_revisions" in alert(Page(answer.text)), "said before a run is begun"
    owner.workspace.policy_path.write_text("", encoding="utf-8")
    question = owner.record.question.text
    with owner.workspace.journal() as journal:
        with journal.start(question, record="SRCH:00000000", version=2, purpose="revise") as run:
            name = run.id
    owner.workspace.policy_path.write_text("max_revisions = -1\n", encoding="utf-8")
    key = hidden(owner)["key"]
    again = owner.client.post(f"/runs/{name}/resume", data={"key": key}, follow_redirects=False)
    page = Page(owner.client.get(again.headers["location"]).text)
    assert "Failed." in page.text and "max_revisions" in page.text
