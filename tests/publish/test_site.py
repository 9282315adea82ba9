"""Pages on disk: whole or not at all, readable by others, and a list that agrees with what lies there."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from tests.publish import sample
from tests.publish.html_tools import Page

from sovereign.publish import _disk, publish_record, write_list, write_page, write_site
from sovereign.publish.contracts import CONTRACTS
from sovereign.records import Event, EventType, Evidence, Judgement, Record, State, StorageError


class Shelf:
    """Records in memory behind the archive's reading methods."""

    def __init__(self, records: dict[str, tuple[Record, State]]) -> None:
        self._records = records

    def list(self) -> tuple[str, ...]:
        return tuple(sorted(self._records))

    def load(self, record_id: str, version: int | None = None) -> Record:
        return self._records[record_id][0]

    def state(self, record_id: str) -> State:
        return self._records[record_id][1]

    def texts(self, record_id: str, version: int | None = None) -> Any:
        return sample.texts

    def versions(self, record_id: str) -> tuple[int, ...]:
        return (1,)

    def stamp(self, record_id: str) -> str:
        return repr(self.events(record_id))

    def events(self, record_id: str) -> tuple[Event, ...]:
        record, state = self._records[record_id]
        return happened(record.id, state.standing)


def happened(record_id: str, standing: str = "draft") -> tuple[Event, ...]:
    """The events that bring a record to a standing."""
    types = {
        "draft": (),
        "published": (EventType.APPROVED,),
        "corrected": (EventType.APPROVED, EventType.CORRECTED),
        "retracted": (EventType.APPROVED, EventType.RETRACTED),
        "rejected": (EventType.REJECTED,),
        "draft of a second version": (EventType.APPROVED, EventType.REPRODUCED),
    }[standing]
    first = sample.drafted().model_copy(update={"record": record_id})
    later = (
        first.model_copy(
            update={
                "number": number,
                "type": kind,
                "version": 2 if kind is EventType.REPRODUCED else 1,
                "at": f"2026-03-0{number}T00:00:00Z",
                "note": f"why it was {kind.value}",
            }
        )
        for number, kind in enumerate(types, 2)
    )
    return (first, *later)


def named(record_id: str, created_at: str = "2026-03-01T12:30:00Z") -> Record:
    document = sample.record().to_json()
    return Record.model_validate(document | {"id": record_id, "times": {"created_at": created_at}})


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_write_page_writes_page_twin_and_texts(tmp_path: Path) -> None:
    path = write_page(sample.record(), sample.state(), sample.texts, tmp_path, events=(sample.drafted(),))
    assert path == tmp_path / "srch-2603abc8" / "index.html"
    texts = {f"sources/{sample.digest(text)}.html" for text in (sample.NOTE, sample.ABSTRACT, sample.RESULTS)}
    contracts = {file for _, file in CONTRACTS.values()}
    assert files(path.parent) == {"index.html", "index.json", "summary.json", *contracts, *texts}
    assert all(item.stat().st_mode & 0o777 == 0o644 for item in path.parent.rglob("*") if item.is_file())
    assert sample.drafted().by in path.read_text(encoding="utf-8")
    assert json.loads((path.parent / "index.json").read_text(encoding="utf-8"))["record"]["id"] == "SRCH:2603ABC8"


def test_writing_again_changes_nothing_and_drops_texts_no_longer_used(tmp_path: Path) -> None:
    path = write_page(sample.record(), sample.state(), sample.texts, tmp_path)
    before = {name: (path.parent / name).read_bytes() for name in files(path.parent)}
    (path.parent / "sources" / "0123.html").write_text("of an earlier version")
    write_page(sample.record(), sample.state(), sample.texts, tmp_path)
    assert {name: (path.parent / name).read_bytes() for name in files(path.parent)} == before


def test_a_full_disk_leaves_the_page_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_page(sample.record(), sample.state(), sample.texts, tmp_path)
    before = {name: (path.parent / name).read_bytes() for name in files(path.parent)}
    changed = named("SRCH:2603ABC8", "2026-03-02T12:30:00Z")
    real, calls, full_at = _disk.os.fdopen, 0, 0

    def fdopen(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        file = real(*arguments, **options)
        if calls == full_at:
            file.write(b"half a pa")
            file.close()
            raise OSError(errno.ENOSPC, "No space left on device")
        return file

    monkeypatch.setattr(_disk.os, "fdopen", fdopen)
    while full_at < 99:
        full_at, calls = full_at + 1, 0
        try:
            write_page(changed, sample.state(), sample.texts, tmp_path)
        except StorageError as error:
            assert "the disk is full" in error.message and "page can be written again" in error.remedy
        else:
            break
        after = {name: (path.parent / name).read_bytes() for name in files(path.parent)}
        assert set(after) == set(before), "nothing half-written is left"
        assert after["index.html"] == before["index.html"], "the page is replaced last"
    assert 3 < full_at < 99, "every write has met a full disk, and then there was none left to meet it"
    assert path.read_bytes() != before["index.html"]


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be written") as caught:
        write_page(sample.record(), sample.state(), sample.texts, tmp_path / "site")
    assert caught.value.remedy


def test_the_site_lists_all_records_newest_first(tmp_path: Path) -> None:
    shelf: Any = Shelf(
        {
            "SRCH:00000001": (named("SRCH:00000001", "2026-03-01T00:00:00Z"), sample.state(record="SRCH:00000001")),
            "SRCH:00000002": (named("SRCH:00000002", "2026-03-02T00:00:00Z"), sample.state(record="SRCH:00000002")),
        }
    )
    path = write_site(shelf, tmp_path).index
    page = Page(path.read_text(encoding="utf-8"))
    assert page.faults == []
    links = [link for link in page.links if link.startswith("srch-")]
    assert links == ["srch-00000002/index.html", "srch-00000001/index.html"]
    assert all((tmp_path / link).is_file() for link in links)
    assert "2 of 6 cells measured, 0 reproduced" in page.text
    rows = json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))["records"]
    assert [row["id"] for row in rows] == ["SRCH:00000002", "SRCH:00000001"]


def test_public_only_leaves_drafts_out_and_removes_their_pages(tmp_path: Path) -> None:
    public = sample.state(record="SRCH:00000001", public=True, standing="published")
    shelf: Any = Shelf(
        {
            "SRCH:00000001": (named("SRCH:00000001"), public),
            "SRCH:00000002": (named("SRCH:00000002"), sample.state(record="SRCH:00000002")),
        }
    )
    write_site(shelf, tmp_path)
    (tmp_path / "srch-notes").mkdir()
    (tmp_path / "srch-notes" / "mine.txt").write_text("not a record's page")
    write_site(shelf, tmp_path, public_only=True)
    assert not (tmp_path / "srch-00000002").exists()
    assert (tmp_path / "srch-00000001" / "index.html").is_file()
    assert (tmp_path / "srch-notes" / "mine.txt").is_file()
    assert "SRCH:00000002" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_publishing_one_record_keeps_the_others_in_the_list(tmp_path: Path) -> None:
    shelf: Any = Shelf({f"SRCH:0000000{n}": (named(f"SRCH:0000000{n}"), sample.state()) for n in (1, 2)})
    publish_record(shelf, "SRCH:00000001", tmp_path)
    publish_record(shelf, "SRCH:00000002", tmp_path)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert [link for link in page.links if link.startswith("srch-")] == [
        "srch-00000001/index.html",
        "srch-00000002/index.html",
    ]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"folder": "srch-00000009"}', '{"folder": "../../etc"}', "\x00"])
def test_the_list_comes_out_whatever_lies_beside_it(tmp_path: Path, content: str) -> None:
    write_page(sample.record(), sample.state(), sample.texts, tmp_path)
    (tmp_path / "srch-00000009").mkdir()
    (tmp_path / "srch-00000009" / "summary.json").write_text(content, encoding="utf-8")
    page = Page(write_list(tmp_path).read_text(encoding="utf-8"))
    assert [link for link in page.links if link.startswith("srch-")] == ["srch-2603abc8/index.html"]


def test_an_empty_site_says_what_to_do(tmp_path: Path) -> None:
    page = Page(write_list(tmp_path / "site").read_text(encoding="utf-8"))
    assert page.faults == []
    assert "No record yet." in page.text


def test_a_record_of_the_archive_gets_its_page(tmp_path: Path) -> None:
    from sovereign.archive import Archive
    from sovereign.judge import assess
    from sovereign.seal import Key

    def without_runs(document: dict[str, Any]) -> None:
        document["reproductions"] = []
        document["claims"][4]["reproduction"] = "none"
        document["provenance"]["audit_head"] = None

    archive = Archive(tmp_path / "records")
    changed = sample.record(without_runs).evidence()
    evidence = Evidence.model_validate(changed.to_json())
    judgement: Judgement = assess(evidence, sample.texts)
    key = Key.generate()
    archive.write_version(
        "SRCH:2603ABC8", 1, evidence, judgement, texts=sample.texts, audit_lines=(), artifacts={}, key=key,
        now="2026-03-01T12:30:00Z",
    )  # fmt: skip
    path = publish_record(archive, "SRCH:2603ABC8", tmp_path / "site")
    assert "Draft, awaiting its owner" in path.read_text(encoding="utf-8")
    archive.append_event("SRCH:2603ABC8", EventType.APPROVED, key=key, now="2026-03-02T00:00:00Z", note="looks <right>")
    page = Page(publish_record(archive, "SRCH:2603ABC8", tmp_path / "site").read_text(encoding="utf-8"))
    assert "Draft, awaiting" not in page.text
    assert "approved , version 1: looks <right>" in page.text
    assert key.fingerprint in page.text
