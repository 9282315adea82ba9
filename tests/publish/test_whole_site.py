"""The site of a real archive: several versions, long lists, several processes, and no link of it into nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.publish import sample
from tests.publish.html_tools import Page

from sovereign.archive import Archive
from sovereign.judge import assess
from sovereign.publish import _listing, _workers, archive_metrics, write_list, write_site
from sovereign.publish._disk import as_json
from sovereign.publish.metrics import run_metrics, spread
from sovereign.records import EventType, Evidence, SourceCause, SourceOutdated, StorageError
from sovereign.seal import Key

KEY = Key.generate()
EXTRA = "A text that was read for the same question, and says nothing of it.\n\nIt has two paragraphs."


def texts(digest: str) -> str | None:
    return EXTRA if digest == sample.digest(EXTRA) else sample.texts(digest)


def evidence(question: str, *, more: bool = False) -> Evidence:
    document = sample.evidence().to_json()
    document["reproductions"] = []
    document["claims"][4]["reproduction"] = "none"
    document["provenance"]["audit_head"] = None
    document["question"]["text"] = question
    unread = {**document["sources"][0], "id": "note:unquoted", "sha256": sample.digest(EXTRA), "title": "Unquoted <b>"}
    document["sources"].append(unread)
    if more:
        document["limitations"] = [*document["limitations"], "asked a second time"]
    return Evidence.model_validate(document)


def write(archive: Archive, record_id: str, version: int, found: Evidence, day: int) -> None:
    archive.write_version(
        record_id, version, found, assess(found, texts), texts=texts, audit_lines=(), artifacts={}, key=KEY,
        now=f"2026-03-{day:02}T12:00:00Z",
    )  # fmt: skip


def sign(archive: Archive, number: int, kind: EventType, day: int, note: str = "", **details: Any) -> None:
    archive.append_event(named(number), kind, key=KEY, now=f"2026-03-{day:02}T13:00:00Z", note=note, details=details)


def named(number: int) -> str:
    return f"SRCH:{number:08X}"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Seven records: 1 has two public versions, 2 a draft over a public one, 3 is retracted, 7 is a draft."""
    held = Archive(tmp_path / "records")
    for number in range(1, 8):
        write(held, named(number), 1, evidence(f"Does part {number} help?"), number)
        if number < 7:
            sign(held, number, EventType.APPROVED, number)
    write(held, named(1), 2, evidence("Does part 1 help?", more=True), 9)
    sign(held, 1, EventType.APPROVED, 9)
    write(held, named(2), 2, evidence("Does part 2 help?", more=True), 9)
    sign(held, 3, EventType.RETRACTED, 9, "its source was withdrawn")
    return held


def dead_links(root: Path) -> tuple[list[str], int]:
    """Every href, src, use and JSON address of the site that leads into nothing, and how many were followed."""
    shown = {path: Page(path.read_text(encoding="utf-8")) for path in root.rglob("*.html")}
    dead, followed = [], 0
    for path, page in shown.items():
        assert page.faults == [] and len(page.ids) == len(set(page.ids)), path
        named = [tag.attributes.get(name) for tag in page.tags for name in ("href", "src")]
        for href in named:
            if href is None or href.startswith(("https://", "http://")):
                continue
            place, _, fragment = href.partition("#")
            target = (path.parent / place).resolve() if place else path
            lands = target.is_file() and target.is_relative_to(root)
            if lands and fragment and target in shown:
                lands = fragment in shown[target].ids
            dead += [] if lands else [f"{path.relative_to(root)}: {href}"]
            followed += 1
    for path in root.glob("srch-*/**/*.json"):
        for href in addresses(json.loads(path.read_text(encoding="utf-8"))):
            place, _, fragment = href.partition("#")
            target = (path.parent / place).resolve()
            lands = target.is_file() and (not fragment or target not in shown or fragment in shown[target].ids)
            dead += [] if lands else [f"{path.relative_to(root)}: {href}"]
            followed += 1
    return dead, followed


def addresses(told: Any, name: str = "") -> list[str]:
    """The relative addresses in a twin or a contract: of its anchors, pages, artifacts and contracts."""
    if isinstance(told, dict):
        return [href for key, part in told.items() if key != "record" for href in addresses(part, key)]
    if isinstance(told, list):
        return [href for part in told for href in addresses(part, name)]
    if not isinstance(told, str):
        return []
    return [told] if ".html" in told or (".json" in told and name.endswith("url")) else []


def test_no_link_of_the_whole_site_leads_into_nothing(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listing, "TOGETHER", 3)
    monkeypatch.setattr(_listing, "PAGE", 2)
    for drafts in (False, True):
        write_site(archive, tmp_path / "site", public_only=not drafts)
        dead, followed = dead_links(tmp_path / "site")
        assert dead == [] and followed > 800
    (tmp_path / "site" / "srch-00000001" / "v1" / "index.html").unlink()
    dead, _ = dead_links(tmp_path / "site")
    assert "srch-00000001/index.html: v1/index.html" in dead, "the negative control"


def test_an_earlier_public_version_keeps_its_pages_and_names_the_later_one(archive: Archive, tmp_path: Path) -> None:
    write_site(archive, tmp_path, public_only=True)
    folder = tmp_path / "srch-00000001"
    now, before = (Page((folder / name).read_text(encoding="utf-8")) for name in ("index.html", "v1/index.html"))
    assert "A later version exists" in before.text and "../index.html" in before.links
    assert "A later version exists" not in now.text and "v1/index.html" in now.links
    assert "noindex" in (folder / "v1/index.html").read_text() and "noindex" not in (folder / "index.html").read_text()
    twin = json.loads((folder / "v1/index.json").read_text(encoding="utf-8"))
    assert twin["record"]["version"] == 1 and twin["pages"] == {"1": "index.html", "2": "../index.html"}
    told = json.loads((folder / "corrections.json").read_text(encoding="utf-8"))
    assert told["known_superseded_manifest_urls"] == ["v1/manifest.json"]
    old = json.loads((folder / "v1/corrections.json").read_text(encoding="utf-8"))
    assert old["correction_state"] == "SUPERSEDED" and old["manifest"]["current_manifest_url"] == "../manifest.json"
    assert not (tmp_path / "srch-00000002" / "v2").exists() and not (tmp_path / "srch-00000002" / "v1").exists()


def test_a_version_that_was_never_public_is_on_no_public_site(archive: Archive, tmp_path: Path) -> None:
    write(archive, named(7), 2, evidence("Does part 7 help?", more=True), 10)
    sign(archive, 7, EventType.APPROVED, 11)
    write_site(archive, tmp_path / "public", public_only=True)
    write_site(archive, tmp_path / "own")
    assert not (tmp_path / "public" / "srch-00000007" / "v1").exists()
    assert (tmp_path / "own" / "srch-00000007" / "v1" / "index.html").is_file()
    shutil.copytree(tmp_path / "own", tmp_path / "both")
    write_site(archive, tmp_path / "both", public_only=True)
    assert not (tmp_path / "both" / "srch-00000007" / "v1").exists()


def test_a_retraction_is_told_on_the_pages_of_all_versions(archive: Archive, tmp_path: Path) -> None:
    sign(archive, 1, EventType.RETRACTED, 12, "its data were made up")
    write_site(archive, tmp_path, public_only=True)
    for name in ("index.html", "v1/index.html"):
        assert "its data were made up" in Page((tmp_path / "srch-00000001" / name).read_text(encoding="utf-8")).text


def test_a_notice_after_a_later_draft_is_on_the_version_that_is_public(archive: Archive, tmp_path: Path) -> None:
    source = archive.load(named(2), 1).sources[1]
    said = SourceOutdated(
        version=1, source=source.id, sha256=source.sha256, cause=SourceCause.RETRACTED, what="it was retracted",
        read_at="a list",
    )  # fmt: skip
    sign(archive, 2, EventType.OUTDATED, 12, said.what, **said.to_json())
    write_site(archive, tmp_path, public_only=True)
    page = Page((tmp_path / "srch-00000002" / "index.html").read_text(encoding="utf-8"))
    assert "Retracted source. it was retracted" in " ".join(page.text.split()).replace(" .", ".")
    twin = json.loads((tmp_path / "srch-00000002" / "index.json").read_text(encoding="utf-8"))
    assert [notice["cause"] for notice in twin["notices"]] == ["retracted"] and twin["record"]["version"] == 1
    assert "Source outdated" in (tmp_path / "feed.xml").read_text(encoding="utf-8")
    assert "1 outdated source" in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text


def test_texts_that_no_claim_quotes_stand_on_one_page_exactly_as_stored(archive: Archive, tmp_path: Path) -> None:
    write_site(archive, tmp_path)
    folder = tmp_path / "srch-00000001"
    html = (folder / "sources" / "others.html").read_text(encoding="utf-8")
    assert f">{EXTRA}<" in html, "with its empty line"
    assert Page(html).named("b") == [], "the title is no markup"
    assert not (folder / "sources" / f"{sample.digest(EXTRA)}.html").exists()
    links = Page((folder / "index.html").read_text(encoding="utf-8")).links
    assert f"sources/others.html#t-{sample.digest(EXTRA)[:20]}" in links


def test_several_processes_write_what_one_writes(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(archive, tmp_path / "one", public_only=True)
    monkeypatch.setattr(_workers, "_WORTH", 1)
    monkeypatch.setattr(_workers.os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert _workers.processes(6) == 3
    done = write_site(archive, tmp_path / "three", public_only=True)
    assert done.written == 6
    one, three = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")
         if path.is_file()}
        for name in ("one", "three")
    )  # fmt: skip
    assert one == three


def test_what_another_process_meets_is_raised_here(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_workers, "_WORTH", 1)
    monkeypatch.setattr(_workers.os, "sched_getaffinity", lambda _: {0, 1})
    edited = archive.path(named(2), 1) / "record.json"
    edited.write_bytes(edited.read_bytes().replace(b"Does part 2", b"Did part 22"))
    with pytest.raises(StorageError, match=r"srch-00000002.*was edited or is damaged"):
        write_site(archive, tmp_path / "site", public_only=True)
    assert (tmp_path / "site" / "srch-00000001" / "index.html").is_file(), "what was sound is written"


def test_a_long_list_is_cut_by_age_so_that_a_new_record_moves_no_other(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listing, "TOGETHER", 3)
    monkeypatch.setattr(_listing, "PAGE", 2)
    write_site(archive, tmp_path, public_only=True)
    by_age = ("index.html", "index-2.html", "index-1.html")
    before = {name: (tmp_path / name).read_bytes() for name in by_age}
    listed = [link for name in by_age for link in Page(before[name].decode()).links if link.startswith("srch-")]
    assert len(listed) == len(set(listed)) == 6
    sign(archive, 7, EventType.APPROVED, 13)
    write_site(archive, tmp_path, public_only=True)
    rows = {name: [link for link in Page((tmp_path / name).read_text()).links if link.startswith("srch-")]
            for name in by_age}  # fmt: skip
    assert [len(rows[name]) for name in by_age] == [3, 2, 2] and "srch-00000007/index.html" in rows["index.html"]
    for name in by_age[1:]:
        assert rows[name] == [link for link in Page(before[name].decode()).links if link.startswith("srch-")]
    assert not list(tmp_path.glob("index-3.html"))
    sign(archive, 7, EventType.RETRACTED, 14, "no")
    monkeypatch.setattr(_listing, "TOGETHER", 250)
    write_site(archive, tmp_path, public_only=True)
    assert not list(tmp_path.glob("index-*.html")), "pages of the list that are no longer made are removed"


def test_metrics_are_counted_from_the_records(archive: Archive, tmp_path: Path) -> None:
    write_site(archive, tmp_path / "public", public_only=True)
    found = json.loads((tmp_path / "public" / "metrics.json").read_text(encoding="utf-8"))
    shown = [archive.load(named(number), 1 if number == 2 else None) for number in range(1, 7)]
    assert found["records"] == 6 and found["claims"]["all"] == sum(len(record.claims) for record in shown)
    assert found["searches"]["all"] == sum(len(record.searches) for record in shown)
    assert sum(found["sources"]["drops_by_rule"].values()) == sum(len(record.dropped) for record in shown)
    for name in ("grounding", "agreement", "reproduction"):
        assert sum(found["claims"][name].values()) == found["claims"]["all"]
    assert [len(item["scores"]) for item in found["scores"]["changed"]] == [2]
    assert sum(item["records"] for item in found["scores"]["histogram"]) == 6
    whole = archive_metrics(archive, tmp_path / "nowhere")
    write_site(archive, tmp_path / "own")
    assert archive_metrics(archive, tmp_path / "own") == whole, "from summaries as from the records themselves"
    assert whole["records"] == 7 and whole["runs"] == run_metrics(())


def test_a_summary_of_before_stays_in_the_list_and_is_made_again(archive: Archive, tmp_path: Path) -> None:
    write_site(archive, tmp_path, public_only=True)
    path = tmp_path / "srch-00000004" / "summary.json"
    row = json.loads(path.read_text(encoding="utf-8"))
    old = {name: value for name, value in row.items() if name not in ("measures", "scores", "notices")}
    path.write_text(json.dumps(old | {"made_from": "0" * 64}), encoding="utf-8")
    listed = Page(write_list(tmp_path).read_text(encoding="utf-8")).links
    assert "srch-00000004/index.html" in listed
    assert write_site(archive, tmp_path, public_only=True).written == 1
    assert json.loads(path.read_text(encoding="utf-8")) == row


def test_spread_and_json() -> None:
    assert spread([])["median"] is None
    assert spread([3, 1, 2, 4]) == {"number": 4, "median": 2.5, "p95": 4, "min": 1, "max": 4}
    told = {"b": [1, {"z": "ä", "a": [True, None, {}]}], "a": {}, "c": (1.5, [])}
    assert json.loads(as_json(told)) == json.loads(json.dumps(told))
    assert list(json.loads(as_json(told))) == ["a", "b", "c"]
