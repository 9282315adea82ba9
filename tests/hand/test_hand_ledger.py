"""The ledger: edited by hand, cut off, written by two owners at once; signed by a key that was replaced since."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import zebra
from tests.support.zebra import BREAD, HEARSAY, OWN, claim_saying

from sovereign import hand
from sovereign.archive import Archive
from sovereign.backup import back_up, restore
from sovereign.check import check_path
from sovereign.judge import hand_since
from sovereign.records import BadInput, KeyRole, Record, StorageError
from sovereign.workspace import Workspace

from .conftest import Owner

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def marked(owner: Owner) -> Owner:
    for source in (HEARSAY, BREAD):
        hand.ban(owner.workspace, owner.record.id, source, f"not {source}")
    return owner


@pytest.mark.parametrize("edit", ["a byte", "another note", "removed", "renamed", "another key's", "keys removed"])
def test_a_ledger_that_was_edited_is_named_and_nothing_runs_on_it(marked: Owner, edit: str) -> None:
    folder = marked.workspace.path / "hand"
    first, second = folder / "0001-banned.json", folder / "0002-banned.json"
    if edit == "a byte":
        first.write_bytes(first.read_bytes().replace(b"payload", b"Payload", 1))
    elif edit == "another note":
        envelope = json.loads(second.read_bytes())
        envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
        second.write_text(json.dumps(envelope, separators=(",", ":"), sort_keys=True))
    elif edit == "removed":
        first.unlink()
    elif edit == "renamed":
        second.rename(folder / "0002-pinned.json")
    elif edit == "another key's":
        other = zebra.workspace(marked.folder / "other")
        shutil.copy(other.keys_path / "owner.pem", marked.folder / "other.pem")
        from sovereign.seal import Key, open_envelope, sign

        key = Key.load(other.keys_path / "owner.pem")
        first.write_bytes(sign(open_envelope(first.read_bytes()).statement, key))
    else:
        (folder / "keys.json").unlink()
    before = sorted((path, path.read_bytes()) for path in folder.iterdir() if path.is_file())
    for call in (lambda: hand.pin(marked.workspace, marked.record.id, OWN, "x"), marked.again):
        with pytest.raises(StorageError) as refused:
            call()
        assert str(folder) in refused.value.message and refused.value.remedy
    assert sorted((path, path.read_bytes()) for path in folder.iterdir() if path.is_file()) == before
    assert marked.workspace.archive().versions(marked.record.id) == (1,)


def _ban_many(path: Path, record: str, names: list[str]) -> None:
    workspace = Workspace.open(path)
    for name in names:
        try:
            hand.ban(workspace, record, name, "at once", everywhere=True)
        except BadInput as error:
            assert "says so already" in error.message


def test_two_owners_at_once_lose_nothing_and_say_nothing_twice(owner: Owner) -> None:
    names = [OWN, HEARSAY, BREAD]
    args = (owner.workspace.path, owner.record.id)
    owners = [FORK.Process(target=_ban_many, args=(*args, order)) for order in (names, names[::-1])]
    for process in owners:
        process.start()
    for process in owners:
        process.join(120)
        assert process.exitcode == 0
    entries = owner.workspace.hand().entries()
    assert sorted(given.entry.source or "" for given in entries) == sorted(names)
    assert [given.entry.number for given in entries] == [1, 2, 3]
    assert owner.events == ["drafted", "marked", "marked", "marked"]
    assert check_path(owner.path).faults == []


def _die_in(path: Path, record: str, where: str) -> None:
    workspace = Workspace.open(path)

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if where == "before the event":
        Archive._put_event = die  # type: ignore[method-assign,assignment]
    else:
        from sovereign.archive import _disk

        _disk.publish_file = die  # type: ignore[assignment]
    hand.ban(workspace, record, HEARSAY, "cut off")


@pytest.mark.parametrize("where", ["before the event", "before the entry"])
def test_a_writer_that_is_killed_leaves_an_entry_or_none_and_the_next_tells_it(owner: Owner, where: str) -> None:
    process = FORK.Process(target=_die_in, args=(owner.workspace.path, owner.record.id, where))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    entries = owner.workspace.hand().entries()
    assert len(entries) == (1 if where == "before the event" else 0)
    assert owner.events == ["drafted"]
    hand.ban(owner.workspace, owner.record.id, BREAD, "the next")
    assert owner.events == ["drafted", *["marked"] * (len(entries) + 1)]
    sources = [given.entry.source for given in owner.workspace.hand().entries()]
    assert sources == ([HEARSAY, BREAD] if entries else [BREAD])
    assert not list((owner.workspace.path / "hand").glob(".unfinished-*"))
    assert check_path(owner.path).faults == []


def test_entries_of_a_key_that_was_replaced_hold_and_are_checked(marked: Owner) -> None:
    store = marked.workspace.keystore()
    old = store.entry("owner").fingerprint
    store.new("second", KeyRole.OWNER)
    store.revoke("owner", "rotated", "2026-05-01T00:00:00Z")
    again = marked.again()
    assert {applied.entry.by for applied in again.hand} == {old}
    assert check_path(marked.path).faults == []
    third = hand.pin(marked.workspace, marked.record.id, OWN, "by the new key")
    assert third.entry.by != old
    assert len(marked.again().hand) == 3 and check_path(marked.path).faults == []
    told = check_path(marked.path, trust=[str(_trust(marked))])
    assert any("revokes" in fault.what and "hand.jsonl" in fault.where for fault in told.faults), "by who trusts so"


def _trust(owner: Owner) -> Path:
    path = owner.folder / "trust.json"
    shutil.copy(owner.workspace.keys_path / "trust.json", path)
    return path


def test_a_backup_holds_the_ledger_and_a_restored_one_goes_on(marked: Owner) -> None:
    back_up(marked.workspace, marked.folder / "b.zip", with_keys=True)
    restore(marked.folder / "b.zip", marked.folder / "restored")
    there = Workspace.open(marked.folder / "restored")
    assert there.hand().entries() == marked.workspace.hand().entries()
    hand.withdraw(there, 2, "in the restored one")
    assert len(there.hand().entries()) == 3


def test_an_export_carries_what_a_version_carries_and_no_other_question_s(marked: Owner) -> None:
    from sovereign.workflow import ask

    other = ask(marked.workspace, zebra.OTHER_QUESTION)
    hand.ban(marked.workspace, other.id, OWN, "a secret of another question")
    record = marked.again()
    archive = marked.workspace.archive()
    path = archive.export(record.id, marked.folder / "x.zip", key=marked.workspace.key())
    assert check_path(path).faults == []
    assert len(record.hand) == 2 and b"a secret of another question" not in path.read_bytes()
    envelopes = (marked.path / "v2" / "hand.jsonl").read_bytes()
    assert envelopes.count(b"\n") == 2


def test_what_the_newest_version_does_not_carry_is_told(marked: Owner) -> None:
    archive = marked.workspace.archive()
    events = archive.events(marked.record.id)
    since = hand_since(marked.record.evidence(), events)
    assert [notice.details.entry.source for notice in since] == [HEARSAY, BREAD]
    again = marked.again()
    assert hand_since(again.evidence(), archive.events(again.id)) == ()
    hand.withdraw(marked.workspace, 1, "back")
    (notice,) = hand_since(again.evidence(), archive.events(again.id))
    assert notice.details.entry.kind.value == "withdrawn"
    assert len(hand_since(marked.record.evidence(), archive.events(again.id))) == 1, "to the first version one is new"


def test_the_verbs(owner: Owner) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        call = [sys.executable, "-m", "sovereign", *arguments, "--workspace", str(owner.workspace.path), "--json"]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    name, twenty = owner.record.id, claim_saying(owner.record, "20%")
    assert json.loads(run("hand", "wrong", name, twenty.id, "--note", "hearsay"))["entry"]["number"] == 1
    words = owner.folder / "quote.txt"
    words.write_text(zebra.MISSED + "\n", encoding="utf-8")
    added = run("hand", "add", name, "--source", OWN, "--quote-file", str(words), "--cell", "cell-1", "--note", "it",
                "--set", "value=9", "--set", "unit=ms", "--set", "direction=lower")  # fmt: skip
    assert json.loads(added)["entry"]["facets"]["metric"] == "latency"
    twelve = claim_saying(owner.record, "12%")
    run("hand", "facet", name, twelve.id, "--set", "condition=batch size 1; A100", "--note", "as the table says")
    run("hand", "pin", name, BREAD, "--note", "keep")
    run("hand", "ban", name, HEARSAY, "--note", "no", "--everywhere")
    run("hand", "withdraw", "4", "--note", "after all not")
    assert run("hand", "add", name, "--source", OWN, "--note", "x", code=2)
    assert run("hand", "facet", name, twelve.id, "--set", "metric", "--note", "x", code=2)
    assert run("hand", "wrong", name, "c-0000000000", "--note", "x", code=3)
    again = Record.model_validate_json(run("ask", "--again", name))
    assert again.version == 2 and [one.entry.number for one in again.hand] == [1, 2, 3, 5]
    mended = claim_saying(again, "12%")
    assert mended.facets.condition == ("batch size 1", "A100") and mended.by_hand
    rows = json.loads(run("hand", "list", name))
    assert rows[0]["outcome"].startswith("nothing: no claim"), "its source was banned since"
    assert rows[1]["outcome"].startswith("found by the rules too, and read otherwise: c-")
    assert rows[3]["withdrawn_by"] == 6
    assert json.loads(run("ask", "--again", name))["version"] == 2, "nothing has changed since"
    told = json.loads(run("diff", f"{name}@1", f"{name}@2"))
    assert any("owner's hand" in one["field"] for one in told["inputs"])


def test_why_tells_what_the_hand_did(owner: Owner) -> None:
    from sovereign.cli.why import explain

    twenty = claim_saying(owner.record, "20%")
    hand.mark_wrong(owner.workspace, owner.record.id, twenty.id, "hearsay of a rival")
    hand.pin(owner.workspace, owner.record.id, BREAD, "keep it in sight")
    again = owner.again()
    (reason,) = explain(again, twenty.id)
    assert "entry 1 of the owner's hand, wrong" in reason.what and reason.fate == f"left out: {twenty.id}"
    assert "hearsay of a rival" in reason.because
    assert [one.fate for one in explain(again, BREAD)] == ["kept", f"{BREAD} is kept"]
