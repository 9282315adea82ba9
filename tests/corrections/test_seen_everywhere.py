"""A correction, a retraction, an outdated source, a mark of the owner's hand: each seen on the page, in its JSON twin,
in the feed and by `check`, from the verb that signs it to the site that a reader opens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.publish.html_tools import Page
from tests.support.zebra import HEARSAY, claim_saying

from sovereign.check import check_path

from .conftest import Crossref, Published, update

ATOM = "{http://www.w3.org/2005/Atom}"
NOTE = "the figure was measured at batch size 1 alone"
DOI = "10.5555/zebra.2"


def verb(published: Published, *arguments: str, code: int = 0) -> Any:
    """A verb as a person calls it, in a process of its own."""
    call = [sys.executable, "-m", "sovereign", *arguments, "--workspace", str(published.workspace.path), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def values(told: Any) -> Iterator[Any]:
    """Every value in a JSON document, the objects too."""
    yield told
    for part in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from values(part)


class Seen:
    """The four places where a reader looks."""

    def __init__(self, published: Published) -> None:
        folder = published.site() / published.record.folder
        self.page = " ".join(Page((folder / "index.html").read_text(encoding="utf-8")).text.split())
        self.twin = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        feed = ElementTree.parse(published.folder / "site" / "feed.xml").getroot()
        entries = feed.iter(f"{ATOM}entry")
        self.feed = [f"{one.findtext(f'{ATOM}title')} {one.findtext(f'{ATOM}summary')}" for one in entries]
        archive, key = published.workspace.archive(), published.workspace.key()
        export = archive.export(published.record.id, published.folder / "x.zip", key=key, force=True)
        reports = [check_path(published.path), check_path(export)]
        assert [report.faults for report in reports] == [[], []]
        self.check = [" ".join(report.notes) for report in reports]

    def everywhere(self, words: str) -> dict[str, bool]:
        twin = any(isinstance(value, str) and words in value for value in values(self.twin))
        return {
            "page": words in self.page,
            "twin": twin,
            "feed": any(words in entry for entry in self.feed),
            "check of the folder": words in self.check[0],
            "check of an export": words in self.check[1],
        }


def correct(published: Published) -> str:
    verb(published, "review", "correct", published.record.id, "--type", "claim", "--note", NOTE,
         "--affects", published.record.claims[0].id)  # fmt: skip
    return NOTE


def retract(published: Published) -> str:
    verb(published, "review", "retract", published.record.id, "--note", NOTE)
    return NOTE


def outdated_by_a_file(published: Published) -> str:
    path = published.folder / "rw.csv"
    head = "Record ID,OriginalPaperDOI,RetractionNature,RetractionDate,Reason\n"
    path.write_text(f"{head}1,{DOI},Retraction,7/12/2026 0:00,+Unreliable Results;\n", encoding="utf-8")
    verb(published, "outdated", "--retractions", str(path), "--sign", code=11)
    return f"{HEARSAY} was retracted: retraction of {DOI} (Unreliable Results)"


def mark(published: Published) -> str:
    claim = claim_saying(published.record, "20%")
    verb(published, "hand", "wrong", published.record.id, claim.id, "--note", NOTE)
    return NOTE


@pytest.mark.parametrize("act", [correct, retract, outdated_by_a_file, mark], ids=lambda act: act.__name__)
def test_it_is_seen_in_all_four_places_and_was_in_none_before(
    published: Published, act: Callable[[Published], str]
) -> None:
    before = Seen(published)
    words = act(published)
    assert not any(before.everywhere(words).values()), "the negative control"
    found = Seen(published).everywhere(words)
    assert all(found.values()), found


def test_an_outdated_source_has_a_banner_that_says_what_rests_on_it(published: Published) -> None:
    outdated_by_a_file(published)
    seen = Seen(published)
    notice = next(value for value in values(seen.twin) if isinstance(value, dict) and value.get("cause") == "retracted")
    assert (notice["source"], notice["date"]) == (HEARSAY, "2026-07-12")
    assert "2026-07-12" in seen.page
    assert any("retracted" in entry.lower() for entry in seen.feed)


def test_crossref_s_notice_comes_all_the_way(published: Published, crossref: Crossref) -> None:
    crossref.updates[DOI] = [update("retraction", (2026, 7, 12))]
    verb(published, "outdated", "--crossref", "--sign", code=11)
    found = Seen(published).everywhere(f"{HEARSAY} was retracted: retraction of {DOI}")
    assert all(found.values()), found


def test_a_restored_source_is_seen_as_that_and_its_banner_is_gone(published: Published) -> None:
    words = outdated_by_a_file(published)
    path = published.folder / "rw.csv"
    path.write_text(path.read_text() + f"2,{DOI},Reinstatement,8/1/2026 0:00,\n", encoding="utf-8")
    verb(published, "outdated", "--retractions", str(path), "--sign")
    seen = Seen(published)
    back = seen.everywhere(f"{HEARSAY} is no longer retracted")
    assert back["page"] and back["feed"] and back["twin"]
    assert words not in seen.check[0], "check tells what holds now"


def test_what_is_seen_stays_after_the_next_version(published: Published) -> None:
    """The site shows the published version until the next is approved: its notices stay with it."""
    words = outdated_by_a_file(published)
    verb(published, "ask", "--again", published.record.id, "--fresh")
    found = Seen(published).everywhere(words)
    assert all(found.values()), found


def test_every_file_of_the_record_is_as_it_was_written(published: Published) -> None:
    """Whatever is signed on top: no byte of a version, and no event before, is another one."""

    def held() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in published.path.rglob("*") if path.is_file()}

    for act in (correct, outdated_by_a_file, mark, retract):
        before = held()
        act(published)
        after = held()
        assert before.items() <= after.items() and len(after) == len(before) + 1
