"""Markup and marks that turn text around, in titles, notices, corrections: plain text on page, feed, PDF and desk."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.publish.html_tools import Page
from tests.support.inquire import work, write_works
from tests.support.zebra import QUESTION, TWELVE, claim_saying

from sovereign import hand
from sovereign.check import check_path
from sovereign.outdated import read_retractions, sign_notices
from sovereign.publish import render_report, write_site
from sovereign.records import EventType, Record
from sovereign.workflow import ask, judge_again, review
from sovereign.workspace import Workspace

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")
TITLE = f"ZebraRoute: {MARKUP} routing \u202eexperts\u202c by \u200fstripes"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Record]:
    folder = tmp_path_factory.mktemp("hostile")
    workspace = Workspace.create(folder / "w", starter=False)
    abstract = f"We study mixture-of-experts models. {TWELVE} {MARKUP} \u202eturned\u202c."
    second = work("2601.00002", "Routing <b>again</b>", f"Mixture-of-experts models. {TWELVE}")
    with workspace.library() as library:
        library.add(write_works(folder / "works", [work("2601.00001", TITLE, abstract), second]))
    first = ask(workspace, QUESTION)
    hand.mark_wrong(workspace, first.id, claim_saying_first(first), f"it says {MARKUP}")
    record = judge_again(workspace, first.id, purpose="again")
    review(workspace, record.id, EventType.APPROVED, f"read {MARKUP}")
    review(workspace, record.id, EventType.CORRECTED, f"not \u202eso {MARKUP}", details={"correction_type": "CLAIM"})
    hand.ban(workspace, record.id, "arxiv:2601.00002", f"</textarea>{MARKUP}")
    rows = folder / "rw.csv"
    reason = f'"+{MARKUP} \u202ereasons;"'
    rows.write_text(
        "OriginalPaperDOI,RetractionNature,RetractionDate,Reason\n"
        f"10.48550/arXiv.2601.00001,Retraction,<b>7/12</b>,{reason}\n",
        encoding="utf-8",
    )
    assert len(sign_notices(workspace, known=read_retractions(rows))) == 1
    return workspace, record


def claim_saying_first(record: Record) -> str:
    return next(claim.id for claim in record.claims if claim.quotes[0].source == "arxiv:2601.00002")


def harmless(html: str, where: object) -> None:
    page = Page(html)
    assert page.faults == [], where
    assert page.named("img") == [], where
    scripts = [tag for tag in page.named("script") if tag.attributes.get("type") != "application/ld+json"]
    assert scripts == [] and not any(name.startswith("on") for tag in page.tags for name in tag.attributes), where
    assert not TURNING.search(html), where


def test_every_page_of_the_site_and_the_feed(hostile: tuple[Workspace, Record], tmp_path: Path) -> None:
    workspace, record = hostile
    write_site(workspace.archive(), tmp_path / "site", public_only=True, base_url="https://records.example.org/")
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= 6
    for path in pages:
        harmless(path.read_text(encoding="utf-8"), path)
    main = Page((tmp_path / "site" / record.folder / "index.html").read_text(encoding="utf-8")).text
    assert main.count("alert(1)") >= 4, "title, correction, notice and mark are there to read"
    feed = (tmp_path / "site" / "feed.xml").read_text(encoding="utf-8")
    assert ElementTree.fromstring(feed) is not None and not TURNING.search(feed) and "<script" not in feed
    assert "alert(1)" in feed
    for name in ("llms.txt", "sitemap.xml"):
        assert not TURNING.search((tmp_path / "site" / name).read_text(encoding="utf-8"))


def test_the_workspace_s_own_pages(hostile: tuple[Workspace, Record]) -> None:
    workspace, _ = hostile
    for path in workspace.site_path.rglob("*.html"):
        harmless(path.read_text(encoding="utf-8"), path)


def test_the_pdf(hostile: tuple[Workspace, Record]) -> None:
    pytest.importorskip("typst", reason="the extra [pdf] is not installed")
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed, so the text of a PDF cannot be read")
    workspace, record = hostile
    archive = workspace.archive()
    texts, events = archive.texts(record.id), archive.events(record.id)
    made = render_report(record, archive.state(record.id), texts=texts, events=events)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made.pdf)).pages)
    assert "alert(1)" in text.replace("\n", "") and not TURNING.search(text)
    assert "The owner’s hand" in text or "The owner's hand" in text, "what it did is among the parameters"


def test_the_desk(hostile: tuple[Workspace, Record]) -> None:
    pytest.importorskip("starlette", reason="the extra [desk] is not installed")
    from starlette.testclient import TestClient

    from sovereign.desk import desk
    from sovereign.desk.guard import Guard

    workspace, record = hostile
    guard = Guard("127.0.0.1", 8765)
    with TestClient(desk(workspace, guard), base_url=guard.origin) as client:
        client.get(guard.entrance)
        for address in ("/", f"/records/{record.folder}/"):
            answer = client.get(address)
            assert answer.status_code == 200
            harmless(answer.text, address)
        assert "alert(1)" in Page(answer.text).text


def test_check_and_the_verbs_show_no_turning_mark(
    hostile: tuple[Workspace, Record], capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.support.calls import Call

    workspace, record = hostile
    assert check_path(workspace.records_path / record.folder).faults == []
    call = Call(workspace.path, capsys)
    for verb in ("review show", "hand list", "diff", "matrix"):
        answer = call(*verb.split(), record.id)
        assert answer.code == 0 and not TURNING.search(answer.out), verb
    capsys.readouterr()
    assert claim_saying(record, "12%").text
