"""The owner's hand at the desk: marks are signed and taken in by the next version; refusals keep what was written."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.publish.html_tools import Page

from sovereign import workflow
from sovereign.check import check_path
from sovereign.desk import actions
from sovereign.hand import listed
from sovereign.records import EventType

from .conftest import Owner


def fields(owner: Owner, action: str, **more: str) -> dict[str, str]:
    seen = owner.workspace.archive().state(owner.record.id).events
    return {"key": owner.guard.form_key, "seen": str(seen), "action": action, "note": "I read it", **more}


def send(owner: Owner, form: dict[str, str], what: str = "hand", **more: Any) -> Any:
    return owner.client.post(f"{owner.page}{what}", data=form, follow_redirects=False, **more)


def alert(answer: Any) -> str:
    return next(tag.text for tag in Page(answer.text).named("p") if tag.attributes.get("role") == "alert")


def kinds(owner: Owner) -> list[str]:
    return [line.kind.value for line in listed(owner.workspace, owner.record.id)]


def test_every_mark_is_signed_shown_and_taken_in_by_the_next_version(owner: Owner) -> None:
    first = owner.record.claims[0]
    quoted = owner.record.claims[-1].quotes[0]
    unread = owner.record.sources[-1].id
    marks = [
        fields(owner, "wrong", claim=first.id),
        fields(owner, "facet", claim=owner.record.claims[-1].id, facet="condition", written="batch size 7; on a train"),
        fields(owner, "add", source=quoted.source, quote=quoted.text, cell=owner.record.cells[0].id),
        fields(owner, "pin", source=unread),
        fields(owner, "ban", source=owner.record.sources[-2].id),
    ]
    for number, form in enumerate(marks, 1):
        form["seen"] = str(owner.workspace.archive().state(owner.record.id).events)
        answer = send(owner, form)
        assert answer.status_code == 303, alert(answer)
        assert len(kinds(owner)) == number
    assert kinds(owner) == ["wrong", "facets", "added", "pinned", "banned"]
    page = Page(owner.client.get(f"{owner.page}hand?done").text)
    assert page.faults == [] and "It is signed." in page.text and len(page.ids) == len(set(page.ids))
    assert first.text.split(".")[0][:40] in page.text
    assert send(owner, fields(owner, "withdraw", number="4")).status_code == 303
    begun = send(owner, fields(owner, ""), "again")
    assert begun.status_code == 303
    grown = Page(owner.client.get(begun.headers["location"]).text)
    assert "Done." in grown.text
    archive = owner.workspace.archive()
    record = archive.load(owner.record.id)
    assert record.version == 2
    assert [one.entry.kind.value for one in record.hand] == ["wrong", "facets", "added", "banned"]
    assert first.id not in {name for cell in record.cells for name in cell.claims}
    assert owner.record.sources[-2].id not in {source.id for source in record.sources}
    report = check_path(archive.path(owner.record.id), trust=[owner.workspace.key().fingerprint])
    assert report.exit_code == 0, report.faults


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"action": "burn"}, "no mark"),
        ({"action": "wrong", "claim": "c-0000000000"}, "has no claim"),
        ({"action": "wrong", "claim": "", "note": ""}, "says why"),
        ({"action": "pin", "source": "work:nowhere"}, "no source"),
        ({"action": "ban", "source": ""}, "no source"),
        ({"action": "add", "source": "note:2604.23996", "quote": "words of nobody", "set-metric": "x"}, "stand"),
        ({"action": "facet", "facet": "colour", "written": "red"}, "no facet"),
        ({"action": "withdraw", "number": "9"}, "no entry"),
        ({"action": "withdraw", "number": "x"}, "which entry"),
        ({"action": "pin", "source": "x", "seen": "99"}, ""),
        ({"action": "pin", "source": "x", "note": "y" * 4001}, "4,000"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_marked_signs_nothing_and_what_was_written_is_kept(
    owner: Owner, form: dict[str, str], words: str
) -> None:
    given = {**fields(owner, ""), "claim": owner.record.claims[0].id, **form}
    answer = send(owner, given)
    assert answer.status_code == 409 and words in alert(answer) and kinds(owner) == []
    page = Page(answer.text)
    assert page.faults == []
    if given["action"] in ("add", "pin", "ban", "wrong", "facet"):
        box = next(tag for tag in page.named("textarea") if tag.attributes.get("id") == f"note-{given['action']}")
        assert box.text == given["note"]


def test_a_retracted_record_takes_no_marks_and_the_note_is_shown_again(owner: Owner) -> None:
    for kind in (EventType.APPROVED, EventType.RETRACTED):
        workflow.review(owner.workspace, owner.record.id, kind, "read")
    answer = send(owner, fields(owner, "wrong", claim=owner.record.claims[0].id, note="my long note"))
    assert answer.status_code == 409 and Page(answer.text).named("textarea")[0].text == "my long note"
    assert send(owner, fields(owner, ""), "again").status_code == 409


@pytest.mark.parametrize(
    ("one", "other"), [("wrong", "wrong"), ("wrong", "ban"), ("pin", "ban"), ("withdraw", "withdraw"), ("add", "facet")]
)
def test_of_two_owners_at_once_one_is_told(owner: Owner, one: str, other: str) -> None:
    claim, quoted = owner.record.claims[0], owner.record.claims[-1].quotes[0]
    if one == "withdraw":
        send(owner, fields(owner, "wrong", claim=claim.id))
    before = len(kinds(owner))
    more = {
        "claim": claim.id, "source": quoted.source, "quote": quoted.text, "set-metric": "latency", "number": "1",
        "facet": "benchmark", "written": "MMMU",
    }  # fmt: skip
    forms = [fields(owner, action, **more) for action in (one, other)]
    answers: list[Any] = [None, None]

    def act(number: int) -> None:
        answers[number] = send(owner, forms[number])

    threads = [threading.Thread(target=act, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert len(kinds(owner)) == before + 1
    assert not check_path(owner.workspace.records_path / owner.record.folder).faults


def test_two_owners_ask_again_at_once_and_one_run_is_begun(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    monkeypatch.setattr(actions, "start", lambda _, run: held.append(run))
    first, second = (send(owner, fields(owner, ""), "again") for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 409) and len(held) == 1 and held[0] in alert(second)


def test_a_form_of_another_site_or_without_its_key_marks_nothing(owner: Owner) -> None:
    form = fields(owner, "wrong", claim=owner.record.claims[0].id)
    for what in ("hand", "again"):
        assert send(owner, form, what, headers={"origin": "https://example.org"}).status_code == 403
        assert send(owner, {**form, "key": "0" * 64}, what).status_code == 400
        assert owner.client.post(f"{owner.page}{what}", data=form, headers={"host": "example.org"}).status_code == 421
    assert kinds(owner) == []


def test_hostile_marks_stay_text(owner: Owner) -> None:
    hostile = "</textarea><script>alert(1)</script><img src=x onerror=alert(1)>"
    assert send(owner, fields(owner, "wrong", claim=owner.record.claims[0].id, note=hostile)).status_code == 303
    refused = send(owner, fields(owner, "add", source=f'">{hostile}', quote=hostile, **{"set-metric": hostile}))
    for page in (Page(refused.text), Page(owner.client.get(f"{owner.page}hand?claim={hostile}").text)):
        assert page.faults == [] and page.named("script", "img") == []
