"""The owner's hand, forged: each by the owner's own key, so that no signature fails; `check` names what is untrue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import zebra
from tests.support.forge import Files, judged_again, record_of, repack, resign, unpack, with_record
from tests.support.zebra import BREAD, HEARSAY, MISSED, OWN, claim_saying

from sovereign import hand
from sovereign.check import check_path
from sovereign.seal import Key, canonical, digest, open_envelope, sign
from sovereign.workflow import ask, judge_again

Change = Callable[[dict[str, Any]], None]


class Marked:
    """A record of two versions; the second carries a wrong, an added and a mended claim, a pin and a ban."""

    def __init__(self, folder: Path) -> None:
        space = zebra.workspace(folder)
        first = ask(space, zebra.QUESTION)
        hand.mark_wrong(space, first.id, claim_saying(first, "20%").id, "hearsay")
        hand.add_claim(space, first.id, OWN, MISSED, {"value": "9", "unit": "ms", "direction": "lower"}, "missed",
                       cell="cell-1")  # fmt: skip
        hand.mend_facets(space, first.id, claim_saying(first, "12%").id, {"condition": "batch size 1"}, "as it says")
        hand.pin(space, first.id, BREAD, "keep")
        hand.ban(space, first.id, HEARSAY, "no")
        self.record = judge_again(space, first.id, purpose="again")
        self.first = first
        self.key = space.key()
        self.folder = folder
        data = space.archive().export(first.id, folder / "x.zip", key=self.key).read_bytes()
        self.name, self.files = unpack(data)

    def forged(self, change: Change, *, judge: bool = True) -> Files:
        record = record_of(self.files, 2)
        change(record)
        record = judged_again(self.files, record) if judge else record
        return resign(with_record(self.files, record, 2), self.key)

    def faults(self, files: Files) -> list[str]:
        report = check_path(repack(self.name, files, self.folder / "forged.zip"))
        return [f"{fault.check}: {fault.where}: {fault.what}" for fault in report.faults]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Marked:
    return Marked(tmp_path_factory.mktemp("marked"))


def test_what_was_not_forged_has_no_fault(marked: Marked) -> None:
    assert [one.entry.kind.value for one in marked.record.hand] == ["wrong", "added", "facets", "pinned", "banned"]
    assert marked.faults(marked.files) == []
    assert marked.faults(resign(marked.files, marked.key)) == [], "the positive control: signing again makes no fault"


def _claim(record: dict[str, Any], words: str) -> dict[str, Any]:
    return next(claim for claim in record["claims"] if words in claim["text"])


def _put_back(marked: Marked) -> Change:
    """The wrong claim with its source, in the cell again."""
    wrong = claim_saying(marked.first, "20%").to_json()
    source = next(one.to_json() for one in marked.first.sources if one.id == HEARSAY)

    def change(record: dict[str, Any]) -> None:
        record["claims"].append(wrong)
        record["sources"].append(source)
        record["cells"][0]["claims"].append(wrong["id"])

    return change


def _unmade(record: dict[str, Any]) -> None:
    _claim(record, MISSED)["by_hand"] = []


def _other_facet(record: dict[str, Any]) -> None:
    _claim(record, "12%")["facets"]["condition"] = ["batch size 64"]


def _other_words(record: dict[str, Any]) -> None:
    _claim(record, MISSED)["facets"]["metric"] = "accuracy"


def _claimed_for_the_owner(record: dict[str, Any]) -> None:
    _claim(record, "12%")["by_hand"].append("0" * 64)


def _not_applied(record: dict[str, Any]) -> None:
    record["hand"][1]["applied"] = False


def _left_out(record: dict[str, Any]) -> None:
    del record["hand"][0]


def _another_note(record: dict[str, Any]) -> None:
    record["hand"][0]["entry"]["note"] = "the owner never said this"


def _another_question(record: dict[str, Any]) -> None:
    record["hand"][0]["entry"]["question"] = "Is this another question?"


def _in_another_order(record: dict[str, Any]) -> None:
    record["hand"] = record["hand"][::-1]


def _pinned_away(record: dict[str, Any]) -> None:
    record["sources"] = [source for source in record["sources"] if source["id"] != BREAD]


def _banned_by_nobody(record: dict[str, Any]) -> None:
    for dropped in record["dropped"]:
        dropped["source"] = "arxiv:2601.00009" if dropped["rule"] == "not banned by the owner" else dropped["source"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_unmade, "those that name the entry are []"),
        (_other_facet, "its condition is ('batch size 64',), the owner reads ('batch size 1',)"),
        (_other_words, "its metric is 'accuracy', the owner reads 'latency'"),
        (_claimed_for_the_owner, "is no entry that the record carries"),
        (_not_applied, "is false, and claims name the entry"),
        (_left_out, "has 5 whole lines, the record carries 4"),
        (_another_note, "the owner never said this"),
        (_another_question, "is another question than the record's"),
        (_in_another_order, "after 5"),
        (_pinned_away, f"{BREAD} is pinned and is not among the sources"),
        (_banned_by_nobody, "no entry bans arxiv:2601.00009"),
    ],
)
def test_a_record_that_says_otherwise_than_its_hand_is_named(marked: Marked, change: Change, said: str) -> None:
    faults = marked.faults(marked.forged(change))
    assert any(fault.startswith("hand: ") and said in fault for fault in faults), faults


def test_a_wrong_claim_that_is_put_back_and_a_banned_source_are_named(marked: Marked) -> None:
    record = record_of(marked.files, 2)
    _put_back(marked)(record)
    sha256 = claim_saying(marked.first, "20%").quotes[0].sha256
    files = {**marked.files, f"v2/texts/{sha256}.txt": marked.files[f"v1/texts/{sha256}.txt"]}
    faults = marked.faults(resign(with_record(files, judged_again(files, record), 2), marked.key))
    assert any("is the one that the owner marked as wrong" in fault for fault in faults), faults
    assert any(f"{HEARSAY} is banned and is among the sources" in fault for fault in faults), faults


def test_entries_that_another_key_signed_or_that_are_gone_are_named(marked: Marked) -> None:
    lines = marked.files["v2/hand.jsonl"].splitlines()
    other = sign(open_envelope(lines[0]).statement, Key.generate())
    record = record_of(marked.files, 2)
    record["hand"][0]["sha256"] = digest(other)
    files = {**marked.files, "v2/hand.jsonl": b"\n".join([other, *lines[1:]]) + b"\n"}
    faults = marked.faults(resign(with_record(files, record, 2), marked.key))
    assert any("whose public key is not at hand" in fault for fault in faults), faults
    gone = {name: data for name, data in marked.files.items() if name != "v2/hand.jsonl"}
    faults = marked.faults(resign(gone, marked.key))
    assert any("v2/hand.jsonl" in fault and "the file is missing" in fault for fault in faults), faults
    extra = {**marked.files, "v1/hand.jsonl": marked.files["v2/hand.jsonl"]}
    assert any("v1/hand.jsonl" in fault for fault in marked.faults(resign(extra, marked.key)))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("claim", {"id": "c-0000000000"}, "the version has no claim c-0000000000"),
        ("claim", {"text": "another sentence"}, "another sentence"),
        ("version", 7, "is of SRCH"),
        ("question", "Is this another question?", "is another question than the record's"),
    ],
)
def test_an_event_that_marks_what_is_not_there_is_named(marked: Marked, field: str, value: Any, said: str) -> None:
    name = next(name for name in marked.files if name.endswith("-marked.json"))
    event = open_envelope(marked.files[name]).statement
    entry = event["predicate"]["details"]["entry"]
    entry[field] = {**entry[field], **value} if isinstance(value, dict) else value
    forged = {**marked.files, name: sign(event, Key.generate())}
    faults = marked.faults(resign(forged, marked.key))
    assert any(said in fault for fault in faults), faults


def test_a_claim_of_the_added_quote_must_stand_in_the_text(marked: Marked) -> None:
    name = sorted(name for name in marked.files if name.endswith("-marked.json"))[1]
    event = open_envelope(marked.files[name]).statement
    quote = event["predicate"]["details"]["entry"]["quote"]
    quote["text"] = quote["text"][:-1] + "!"
    faults = marked.faults(resign({**marked.files, name: sign(event, Key.generate())}, marked.key))
    assert any("is not the quoted text" in fault for fault in faults), faults
    assert canonical(event) != marked.files[name]
