"""What the owner does at the desk: each decision, what is refused and why, texts that stay text, two owners at once."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from tests.publish.html_tools import Page

from sovereign.check import check_path
from sovereign.inquiry import STAGE_MODULES
from sovereign.workflow import judge_again

from .conftest import QUESTION, Owner


def test_the_queue_shows_what_awaits_a_decision_with_its_evidence(owner: Owner) -> None:
    queue = Page(owner.client.get("/").text)
    assert queue.faults == [] and "1 record awaits your decision" in queue.text
    assert owner.page in queue.links
    page = Page(owner.client.get(owner.page).text)
    assert page.faults == [] and len(page.ids) == len(set(page.ids))
    for claim in owner.record.claims:
        assert claim.id in page.ids
    labels = {tag.attributes["for"] for tag in page.named("label")}
    assert {"note"} <= labels
    assert [tag.text for tag in page.named("button")] == ["Approve", "Reject", "Revise"]
    beside = page.text.partition("What it rests on")[2].partition("Evidence matrix")[0]
    cited = {name for sentence in owner.record.answer.sentences for name in sentence.claims}
    assert cited
    for claim in owner.record.claims:
        if claim.id in cited:
            assert " ".join(claim.quotes[0].text.split())[:60] in " ".join(beside.split())


def test_every_link_of_a_record_leads_somewhere(owner: Owner) -> None:
    owner.send(owner.fields("approve"))
    page = Page(owner.client.get(owner.page).text)
    hrefs = {href.partition("#")[0] for href in page.links if not href.startswith("https://")}
    for href in hrefs - {""}:
        answer = owner.client.get(href if href.startswith("/") else owner.page + href)
        assert answer.status_code == 200, href
    text = next(href for href in hrefs if href.startswith("sources/"))
    back = [href for href in Page(owner.client.get(owner.page + text).text).links if href.startswith("../index.html")]
    assert back and owner.client.get(owner.page + "index.html").status_code == 200


def test_approve_correct_retract_are_signed_and_check_holds(owner: Owner) -> None:
    assert owner.send(owner.fields("approve", note="read it")).status_code == 303
    assert owner.standing == "published"
    corrected = owner.fields("correct", note="for batch size 1 only", kind="claim")
    assert owner.send(corrected).status_code == 303
    assert owner.standing == "corrected"
    assert owner.send(owner.fields("retract", note="its source was withdrawn")).status_code == 303
    assert owner.standing == "retracted"
    events = owner.workspace.archive().events(owner.record.id)
    assert [event.note for event in events[1:]] == ["read it", "for batch size 1 only", "its source was withdrawn"]
    assert events[2].details["correction_type"] == "CLAIM"
    assert not check_path(owner.workspace.records_path / owner.record.folder).faults
    assert Page(owner.client.get(owner.page).text).named("button") == []


def test_reject_and_then_approve(owner: Owner) -> None:
    owner.send(owner.fields("reject", note="off the subject"))
    assert owner.standing == "rejected"
    owner.send(owner.fields("approve"))
    assert owner.standing == "published"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "publish"}, "no decision"),
        ({"action": ""}, "no decision"),
        ({"action": "retract", "note": ""}, "say why"),
        ({"action": "retract", "note": "x"}, "cannot be retracted"),
        ({"seen": "zero"}, "what you have seen"),
        ({"seen": "99"}, "while you looked"),
        ({"note": "x" * 4001}, "4,000 are the most"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_and_the_note_kept(owner: Owner, changes: dict[str, str], words: str) -> None:
    answer = owner.send({**owner.fields("approve", note="my note"), **changes})
    assert answer.status_code == 409
    page = Page(answer.text)
    alert = next(tag for tag in page.named("p") if tag.attributes.get("role") == "alert")
    assert words in alert.text
    assert page.named("textarea")[0].text == changes.get("note", "my note")
    assert owner.standing == "draft"


def test_a_hostile_note_and_question_stay_text(owner: Owner) -> None:
    hostile = "</textarea><script>alert(1)</script>\u202e <img src=x onerror=alert(1)>"
    owner.send(owner.fields("approve", note=hostile))
    page = Page(owner.client.get(owner.page).text)
    assert page.faults == [] and page.named("script", "img") == []
    assert "alert(1)" in page.text and "\u202e" not in page.text
    kept = Page(owner.send(owner.fields("retract", note=" ")).text)
    assert kept.faults == []


def test_two_owners_at_once_one_is_told(owner: Owner) -> None:
    seen = [owner.fields("approve", note="first"), owner.fields("reject", note="second")]
    answers: list[Any] = [None, None]

    def act(number: int) -> None:
        answers[number] = owner.send(seen[number])

    threads = [threading.Thread(target=act, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert "while you looked at it" in loser.text
    assert len(owner.workspace.archive().events(owner.record.id)) == 2
    assert not check_path(owner.workspace.records_path / owner.record.folder).faults


def test_a_run_that_was_begun_at_the_desk_is_shown_and_ends_in_the_queue(owner: Owner) -> None:
    key = owner.fields("approve")["key"]
    for bad in ("", "one", "x" * 2001):
        assert owner.client.post("/ask", data={"key": key, "question": bad}).status_code == 400
    question = "How does expert choice routing change the throughput of mixture-of-experts models?"
    begun = owner.client.post("/ask", data={"key": key, "question": question}, follow_redirects=False)
    assert begun.status_code == 303
    grown = Page(owner.client.get(begun.headers["location"]).text)  # ends when the run does
    assert grown.faults == [] and question in grown.text
    assert [item.text.split()[0] for item in grown.named("li") if " done at " in item.text] == list(STAGE_MODULES)
    assert "Done." in grown.text and any(href.startswith("/records/srch-") for href in grown.links)
    assert question in Page(owner.client.get("/runs").text).text
    assert "2 records await your decision" in Page(owner.client.get("/").text).text


def test_an_interrupted_run_can_be_gone_on_with(owner: Owner) -> None:
    with owner.workspace.journal() as journal:
        with journal.start(QUESTION, record=owner.workspace.archive().new_id(), version=1) as run:
            name = run.id
    page = owner.client.get("/runs").text
    assert f"/runs/{name}/resume" in page
    key = owner.fields("approve")["key"]
    assert owner.client.post("/runs/run-none/resume", data={"key": key}).status_code == 404
    assert owner.client.post(f"/runs/{name}/resume", data={"key": key}, follow_redirects=False).status_code == 303


def test_a_record_that_is_damaged_is_an_error_with_its_remedy(owner: Owner) -> None:
    path = owner.workspace.records_path / owner.record.folder / "v1" / "record.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["tribunal"]["score"] = 10.0
    path.write_text(json.dumps(document), encoding="utf-8")
    answer = owner.client.get(owner.page)
    assert answer.status_code == 507 and "sovereign check" in answer.text


def test_metrics_and_earlier_versions_are_at_the_desk(owner: Owner) -> None:
    page = Page(owner.client.get("/metrics").text)
    assert page.faults == [] and "Time per stage" in page.text
    assert set(STAGE_MODULES) <= {tag.text.strip() for tag in page.named("th")}
    for href in page.links:
        assert owner.client.get(href).status_code == 200, href
    owner.send(owner.fields("approve"))
    judge_again(owner.workspace, owner.record.id, purpose="again")
    now = Page(owner.client.get(owner.page).text)
    assert "v1/index.html" in now.links
    before = Page(owner.client.get(f"{owner.page}v1/index.html").text)
    assert "A later version exists" in before.text
    for href in {href.partition("#")[0] for href in before.links if not href.startswith("https://")} - {""}:
        assert owner.client.get(f"{owner.page}v1/{href}").status_code == 200, href
    assert owner.client.get(f"{owner.page}v9/index.html").status_code == 404
