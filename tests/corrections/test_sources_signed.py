"""What became of a source, signed: by Retraction Watch, by Crossref, by the library; once, and taken back."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import zebra
from tests.support.zebra import BREAD, HEARSAY, OWN, TWELVE

from sovereign.archive import Archive
from sovereign.judge import source_notices
from sovereign.library.connectors import Services, doi_of, read_updates, updates_request
from sovereign.net import Answer, BadAnswer
from sovereign.outdated import Known, Notice, ask_crossref, outdated, read_retractions, sign_notices, standing
from sovereign.records import EventType, SourceCause
from sovereign.workflow import judge_again, review
from sovereign.workspace import Workspace

from .conftest import Crossref, Published, update

DOI = "10.5555/zebra.2"
HEADER = "Record ID,OriginalPaperDOI,RetractionNature,RetractionDate,Reason\n"


def watch(published: Published, *rows: str) -> Known:
    """Retraction Watch's file with these rows, read."""
    path = published.folder / "rw.csv"
    path.write_text(HEADER + "".join(f"{number},{row}\n" for number, row in enumerate(rows, 1)), encoding="utf-8")
    return read_retractions(path)


def held(published: Published) -> dict[str, set[str]]:
    """Source -> the causes that hold for the published version."""
    found: dict[str, set[str]] = {}
    events = published.workspace.archive().events(published.record.id)
    for notice in source_notices(published.record.evidence(), events):
        found.setdefault(notice.details.source, set()).add(notice.details.cause.value)
    return found


def test_a_retraction_is_signed_once_with_cause_place_and_date(published: Published) -> None:
    known = watch(published, f"{DOI},Retraction,7/12/2026 0:00,+Unreliable Results;")
    (signed,) = sign_notices(published.workspace, known=known)
    details = signed.details
    assert (details.source, details.cause, details.date, details.doi) == (HEARSAY, "retracted", "2026-07-12", DOI)
    assert "Unreliable Results" in details.what
    assert details.read_at.startswith("Retraction Watch, the file rw.csv (SHA-256")
    assert details.claims and details.version == 1
    assert published.events == ["drafted", "approved", "outdated"]
    assert sign_notices(published.workspace, known=known) == ()
    assert published.workspace.archive().state(published.record.id).standing == "published"
    (note,) = (note for note in published.notes() if HEARSAY in note)
    assert "is retracted (2026-07-12)" in note and "the answer rests on it" in note


def test_a_reinstatement_takes_it_back_and_silence_does_not(published: Published) -> None:
    retracted = f"{DOI},Retraction,7/12/2026 0:00,x"
    sign_notices(published.workspace, known=watch(published, retracted))
    assert sign_notices(published.workspace, known=Known()) == (), "a file that is silent takes nothing back"
    back = watch(published, retracted, f"{DOI},Reinstatement,8/1/2026 0:00,x")
    (signed,) = sign_notices(published.workspace, known=back)
    assert (signed.details.cause, signed.details.takes_back) == ("restored", ("retracted",))
    assert held(published) == {} and sign_notices(published.workspace, known=back) == ()
    again = watch(published, retracted, f"{DOI},Reinstatement,8/1/2026 0:00,x", f"{DOI},Retraction,9/1/2026 0:00,again")
    assert len(sign_notices(published.workspace, known=again)) == 1 and held(published) == {HEARSAY: {"retracted"}}
    assert published.notes()


def test_a_text_that_changed_or_is_gone_and_comes_back(published: Published) -> None:
    zebra.fill(published.workspace, published.folder / "works", own=f"Mixture-of-experts, otherwise. {TWELVE}")
    sign_notices(published.workspace)
    assert held(published) == {OWN: {"changed"}}
    with published.workspace.library() as library:
        library.remove(HEARSAY)
    sign_notices(published.workspace)
    assert held(published) == {OWN: {"changed"}, HEARSAY: {"gone"}}
    zebra.fill(published.workspace, published.folder / "again")
    signed = sign_notices(published.workspace)
    assert {one.details.takes_back for one in signed} == {("changed",), ("gone",)}
    assert held(published) == {} and sign_notices(published.workspace) == ()
    assert BREAD not in held(published) and published.notes() is not None


def test_a_notice_on_a_text_holds_for_the_versions_that_read_that_text(published: Published) -> None:
    zebra.fill(published.workspace, published.folder / "works", own=f"Mixture-of-experts, otherwise. {TWELVE}")
    sign_notices(published.workspace)
    newer = judge_again(published.workspace, published.record.id, purpose="again")
    events = published.workspace.archive().events(published.record.id)
    assert source_notices(newer.evidence(), events) == () and held(published) == {OWN: {"changed"}}
    assert sign_notices(published.workspace) == (), "the public version has its notice, the newest needs none"
    assert any(note.startswith("v1: the source") for note in published.notes())


def test_the_public_version_is_told_of_even_if_a_draft_reads_the_source_no_more(published: Published) -> None:
    from sovereign import hand

    hand.ban(published.workspace, published.record.id, HEARSAY, "to see")
    newer = judge_again(published.workspace, published.record.id, purpose="again")
    assert newer.source(HEARSAY) is None
    (signed,) = sign_notices(published.workspace, known=watch(published, f"{DOI},Retraction,7/12/2026 0:00,x"))
    assert (signed.details.version, newer.version) == (1, 2)
    assert held(published) == {HEARSAY: {"retracted"}} and published.notes()


def _die_at_the_second(path: Path, known: Known) -> None:
    put, done = Archive._put_event, []

    def dying(*args: object, **more: object) -> None:
        if done:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(put(*args, **more))  # type: ignore[arg-type,func-returns-value]

    Archive._put_event = dying  # type: ignore[method-assign,assignment]
    sign_notices(Workspace.open(path), known=known)


def test_signing_that_is_killed_goes_on_and_says_nothing_twice(published: Published) -> None:
    corrected = "10.48550/arXiv.2601.00001,Correction,7/13/2026 0:00,y"
    known = watch(published, f"{DOI},Retraction,7/12/2026 0:00,x", corrected)
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_die_at_the_second, args=(published.workspace.path, known))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL and published.events.count("outdated") == 1
    assert len(sign_notices(published.workspace, known=known)) == 1
    assert held(published) == {HEARSAY: {"retracted"}, OWN: {"corrected"}}
    assert published.events.count("outdated") == 2 and published.notes()


def test_a_retracted_record_takes_no_more_events(published: Published) -> None:
    review(published.workspace, published.record.id, EventType.RETRACTED, "over")
    assert sign_notices(published.workspace, known=watch(published, f"{DOI},Retraction,7/12/2026 0:00,x")) == ()


def test_crossref_is_asked_for_each_doi_and_arxiv_s_are_not(published: Published, crossref: Crossref) -> None:
    crossref.updates[DOI] = [update("correction", (2025, 1, 2)), update("retraction", (2026, 7, 12)),
                             update("new_version", (2026, 1, 1))]  # fmt: skip
    known = ask_crossref(published.workspace, [published.record])
    assert crossref.asked == [DOI] and known.unanswered == {}
    assert [(one.cause.value, one.date) for one in known.of(DOI)] == [
        ("corrected", "2025-01-02"), ("retracted", "2026-07-12"),
    ]  # fmt: skip
    (first, second) = sign_notices(published.workspace, known=known)
    assert {first.details.cause.value, second.details.cause.value} == {"corrected", "retracted"}
    assert "/works/10.5555%2Fzebra.2, answered 20" in second.details.read_at
    assert "notice 10.5555/notice.1, told by retraction-watch" in second.details.what
    assert held(published) == {HEARSAY: {"corrected", "retracted"}} and published.notes()


def test_no_answer_never_means_not_retracted(published: Published, crossref: Crossref) -> None:
    crossref.updates[DOI] = None
    known = ask_crossref(published.workspace, [published.record])
    assert known.notices == {} and "web page" in known.unanswered[DOI]
    (found,) = outdated(published.workspace, known=known)
    (cause,) = found.causes
    assert cause.kind == "not known" and not cause.serious and DOI in cause.what
    assert sign_notices(published.workspace, known=known) == ()
    crossref.updates.clear()
    unknown = ask_crossref(published.workspace, [published.record])
    assert (unknown.unanswered, unknown.notices) == ({}, {}), "that Crossref does not know it is an answer"
    offline = ask_crossref(published.workspace, [published.record], offline=True)
    assert "network is off" in offline.unanswered[DOI]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'{"message": "x"}', b'{"message-type": "work", "message": {"DOI": "10.1/other"}}',
        b'{"message-type": "work-list", "message": {"DOI": "10.5555/zebra.2"}}',
        b'{"message-type": "work", "message": {"DOI": "10.5555/zebra.2", "updated-by": {"type": "retraction"}}}',
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    answer = Answer(200, {}, body, "https://api.crossref.org/works/x", "2026-01-01T00:00:00Z")
    with pytest.raises(Exception) as refused:
        read_updates(DOI, answer)
    assert isinstance(refused.value, BadAnswer) or "says" in str(refused.value)


def test_hostile_fields_of_an_answer_become_plain_values() -> None:
    updates = [{"type": "Retraction!<script>", "updated": "soon", "DOI": 7, "source": ["x"]}, {"type": 4}, "no"]
    message = {"DOI": DOI.upper(), "updated-by": updates}
    body = json.dumps({"message-type": "work", "message": message}).encode()
    (only,) = read_updates(DOI, Answer(200, {}, body, "u", "t")) or ()
    assert (only.kind, only.notice, only.date, only.told_by) == ("retraction_script_", None, None, "publisher")


def test_the_recorded_exchanges_of_crossref_are_read() -> None:
    """Real answers: the one with a correction gives it, all others give none or are no answer of this kind."""
    sample = Path(__file__).resolve().parents[3] / "shared" / "data" / "api-wire-samples" / "interactions.jsonl.gz"
    if not sample.is_file():
        pytest.skip("../shared/data/api-wire-samples is not here")
    read, told = 0, []
    with gzip.open(sample, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            head, _, tail = row["url"].partition("/works/")
            doi = doi_of(tail.partition("?")[0].replace("%2F", "/")) if head == "https://api.crossref.org" else None
            if doi is None or row["status"] != 200 or "message-type" not in row["body"]:
                continue
            updates = read_updates(doi, Answer(200, {}, row["body"].encode(), row["url"], "t")) or ()
            read, told = read + 1, [*told, *((doi, one.kind, one.date) for one in updates)]
    assert read >= 5
    assert ("10.1073/pnas.1414271111", "correction", "2015-05-04") in told


def test_the_request_names_the_paper_and_no_address_of_ours() -> None:
    request = updates_request(Services(contact="me@example.org"), "10.1002/(sici)1097<1::aid>3.0.co;2-a")
    assert request.url == "https://api.crossref.org/works/10.1002%2F%28sici%291097%3C1%3A%3Aaid%3E3.0.co%3B2-a"
    assert "example.org" not in request.url and request.secret == {"mailto": "me@example.org"}


def test_the_order_of_notices_decides_and_two_origins_are_one(published: Published) -> None:
    known = watch(published, f"{DOI},Reinstatement,8/1/2026 0:00,x", f"{DOI},Retraction,7/12/2026 0:00,x")
    assert standing(known.of(DOI)) == ({}, True)
    other = Notice(doi=DOI, nature="retraction", cause=SourceCause.RETRACTED, date="2026-07-12", read_at="Crossref")
    both = known.with_(Known(notices={DOI: (other,)}))
    assert len(both.of(DOI)) == 2 and standing(both.of(DOI))[0] == {}
    later = other.model_copy(update={"date": "2026-09-09"})
    assert standing(known.with_(Known(notices={DOI: (later,)})).of(DOI))[0] == {SourceCause.RETRACTED: later}


def test_the_verb_asks_signs_and_says_so(published: Published, crossref: Crossref) -> None:
    crossref.updates[DOI] = [update("expression_of_concern", (2026, 3, 4))]
    call = [sys.executable, "-m", "sovereign", "outdated", published.record.id, "--workspace",
            str(published.workspace.path), "--crossref", "--sign", "--json"]  # fmt: skip
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 11, done.stderr
    (told,) = json.loads(done.stdout)
    assert [cause["kind"] for cause in told["causes"]] == ["source of concern"]
    assert [one["details"]["cause"] for one in told["signed"]] == ["concern"]
    (again,) = json.loads(subprocess.run(call, capture_output=True, text=True).stdout)
    assert again["signed"] == [] and published.events.count("outdated") == 1
