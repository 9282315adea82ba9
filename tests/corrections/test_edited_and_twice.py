"""A record's folder edited by hand, two folders of one id: cause, remedy, nothing lost, nothing rewritten."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.calls import Call
from tests.support.zebra import claim_saying

from sovereign import hand
from sovereign.check import check_path
from sovereign.records import BadInput, EventType, NotFound, StorageError
from sovereign.workflow import review

from .conftest import Published

COPY = "srch-ffff0001"
Edit = Callable[[Path], None]


def _score(folder: Path) -> None:
    path = folder / "v1" / "record.json"
    path.write_bytes(path.read_bytes().replace(b'"verdict":"ACCEPT"', b'"verdict":"REVISE"', 1))


def _claim(folder: Path) -> None:
    path = folder / "v1" / "record.json"
    path.write_bytes(path.read_bytes().replace(b"by 12%", b"by 99%"))


def _no_json(folder: Path) -> None:
    (folder / "v1" / "record.json").write_text("not JSON at all")


def _text(folder: Path) -> None:
    path = next((folder / "v1" / "texts").iterdir())
    path.write_bytes(path.read_bytes() + b"one more line\n")


def _text_gone(folder: Path) -> None:
    next((folder / "v1" / "texts").iterdir()).unlink()


def _event(folder: Path) -> None:
    path = folder / "events" / "0002-approved.json"
    path.write_bytes(path.read_bytes().replace(b"payload", b"Payload", 1))


def _event_gone(folder: Path) -> None:
    (folder / "events" / "0001-drafted.json").unlink()


def _events_gone(folder: Path) -> None:
    shutil.rmtree(folder / "events")


def _version_gone(folder: Path) -> None:
    shutil.rmtree(folder / "v1")


def _manifest(folder: Path) -> None:
    path = folder / "v1" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"record.json", b"recorD.json"))


EDITS = [_score, _claim, _no_json, _text, _text_gone, _event, _event_gone, _events_gone, _version_gone, _manifest]


def held(published: Published) -> dict[str, bytes]:
    """Every file of the workspace that is not made again at will."""
    root = published.workspace.path
    parts = [root / "records", root / "hand", root / "keys"]
    found = [path for part in parts for path in part.rglob("*") if path.is_file() and not path.name.startswith(".lock")]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


@pytest.fixture
def call(published: Published, capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(published.workspace.path, capsys)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__.strip("_"))
def test_nothing_is_signed_on_an_edited_folder_and_nothing_is_put_right_in_silence(
    published: Published, call: Call, edit: Edit
) -> None:
    name, folder = published.record.id, published.path
    claim = claim_saying(published.record, "20%").id
    edit(folder)
    before = held(published)
    assert check_path(folder).faults, "the edit is one that check finds"
    verbs = [
        ("review", "correct", name, "--type", "claim", "--note", "x"),
        ("review", "retract", name, "--note", "x"),
        ("hand", "wrong", name, claim, "--note", "x"),
        ("export", name, "-o", str(published.folder / "x.zip")),
    ]
    for verb in verbs:
        answer = call(*verb)
        assert answer.code in (3, 5, 7), (verb, answer)
        assert str(folder) in answer.err or folder.name in answer.err or name in answer.err, answer.err
        assert "remedy: " in answer.err, answer.err
        after = {path: data for path, data in held(published).items() if not path.startswith("hand/")}
        assert after == {path: data for path, data in before.items() if not path.startswith("hand/")}, verb
    assert not (published.folder / "x.zip").exists()
    assert published.workspace.hand().entries() == (), "an entry is of a record that can be read"


@pytest.mark.parametrize("edit", [_claim, _event, _event_gone, _version_gone])
def test_one_damaged_record_does_not_hide_the_others(published: Published, call: Call, edit: Edit) -> None:
    from tests.support.zebra import OTHER_QUESTION

    from sovereign.workflow import ask

    other = ask(published.workspace, OTHER_QUESTION)
    edit(published.path)
    answer = call("review", "list", "--all")
    assert answer.code == 7 and other.id in answer.out and published.path.name in answer.err
    told = call("review", "list", "--all", "--json").json
    assert [row.get("record") for row in told if "error" not in row] == [other.id]
    assert [bool(row["error"]["remedy"]) for row in told if "error" in row] == [True]


def test_the_site_before_stands_when_a_record_was_edited(published: Published, call: Call) -> None:
    target = str(published.folder / "public")
    assert call("publish", "-o", target).code == 0
    before = {path: path.read_bytes() for path in Path(target).rglob("*.html")}
    _claim(published.path)
    call("publish", "-o", target)  # what did not change by its events is not read again: the pages stand
    answer = call("publish", "-o", target, "--fresh")
    assert answer.code == 7 and "was edited or is damaged" in answer.err
    assert {path: path.read_bytes() for path in Path(target).rglob("*.html")} == before


def test_a_restored_folder_goes_on_where_it_was(published: Published, call: Call) -> None:
    kept = published.folder / "kept"
    shutil.copytree(published.path, kept)
    _claim(published.path)
    assert call("review", "retract", published.record.id, "--note", "x").code == 7
    shutil.rmtree(published.path)
    shutil.copytree(kept, published.path)
    assert call("review", "retract", published.record.id, "--note", "x").code == 0
    assert published.events == ["drafted", "approved", "retracted"] and check_path(published.path).faults == []


def test_two_folders_of_one_record_are_named_and_neither_is_written(published: Published, call: Call) -> None:
    copy = published.workspace.records_path / COPY
    shutil.copytree(published.path, copy)
    before = held(published)
    archive = published.workspace.archive()
    pin = partial(hand.pin, published.workspace, source_id="x", note="y")
    for do in (archive.state, archive.load, archive.events, lambda name: pin(record_id=name)):
        with pytest.raises(StorageError) as refused:
            do("SRCH:FFFF0001")
        assert published.record.id in refused.value.message and COPY in refused.value.message and refused.value.remedy
    retract = ("review", "retract", "SRCH:FFFF0001", "--note", "x")
    for verb in (retract, ("review", "show", "SRCH:FFFF0001"), ("publish", "--fresh")):
        answer = call(*verb)
        assert answer.code == 7 and "two folders cannot be one record" in answer.err, answer
    assert call("review", "list", "--all").code == 7
    assert held(published) == before
    assert call("review", "retract", published.record.id, "--note", "the one that is itself").code == 0
    assert check_path(copy).faults, "and check names the copy"


def test_a_new_record_never_takes_an_id_that_is_there(published: Published) -> None:
    from sovereign.archive import Archive

    taken = published.record.id.removeprefix("SRCH:").lower()
    draws = iter([taken, taken, "0000beef"])
    assert Archive(published.workspace.records_path, draw=lambda: next(draws)).new_id() == "SRCH:0000BEEF"


@pytest.mark.parametrize("verb", ["correct", "retract", "approve", "reject"])
@pytest.mark.parametrize("version", ["2", "0", "-1", "x", "", "99999999"])
def test_a_correction_of_a_version_that_does_not_exist(
    published: Published, call: Call, verb: str, version: str
) -> None:
    kind = ["--type", "claim"] if verb == "correct" else []
    answer = call("review", verb, f"{published.record.id}@{version}", *kind, "--note", "x")
    assert answer.code == 3, answer
    assert f"has no version {version}" in answer.err and "its newest is version 1" in answer.err
    assert published.events == ["drafted", "approved"]


def test_a_version_that_is_not_the_newest_is_not_signed(published: Published, call: Call) -> None:
    from sovereign.workflow import judge_again

    judge_again(published.workspace, published.record.id, purpose="again")
    answer = call("review", "retract", f"{published.record.id}@1", "--note", "x")
    assert answer.code == 2 and "is not the newest" in answer.err
    with pytest.raises(NotFound, match="has no version 7"):
        published.workspace.archive().append_event(
            published.record.id, EventType.APPROVED, key=published.workspace.key(), now="2026-03-01T12:00:00Z",
            version=7,
        )  # fmt: skip
    assert published.events == ["drafted", "approved", "revised"]


def test_a_remark_of_a_megabyte_is_refused_whoever_sends_it(published: Published, call: Call) -> None:
    long = "x" * 1_000_000
    claim = published.record.claims[0].id
    for verb in (
        ("review", "retract", published.record.id, "--note", long),
        ("review", "correct", published.record.id, "--type", "claim", "--note", long),
        ("hand", "wrong", published.record.id, claim, "--note", long),
        ("hand", "add", published.record.id, "--source", "arxiv:2601.00001", "--quote", long, "--note", "x"),
    ):
        answer = call(*verb)
        assert answer.code == 2 and "characters" in answer.err and len(answer.err) < 2000, answer.err[:500]
    with pytest.raises(BadInput, match="1,000,000 characters"):
        review(published.workspace, published.record.id, EventType.RETRACTED, long)
    assert published.events == ["drafted", "approved"] and published.workspace.hand().entries() == ()
