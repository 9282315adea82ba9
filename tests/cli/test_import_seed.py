"""`sovereign import seed`: what a text claims beside what we find, checked offline; hostile files; the real seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.calls import Call
from tests.support.forge import record_of as stored_record
from tests.support.forge import resign, with_record
from tests.support.seeds import BROKEN, CLAIM, PAGE, PAGE_FROM_BROWSER, QUESTION, REPORT

from sovereign.check import check_path
from sovereign.records import Grounding, Profile, Record

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT.parent / "shared" / "seeds"


def put(folder: Path, **texts: str) -> list[str]:
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.txt"
        path.write_text(text, encoding="utf-8")
        paths.append(str(path))
    return paths


def imported(call: Call, *paths: str) -> list[dict[str, Any]]:
    answer = call("import", "seed", *paths, "--json")
    assert answer.code == 0, answer.err
    found: list[dict[str, Any]] = answer.json
    return found


def record_of(call: Call, entry: dict[str, Any]) -> Record:
    return call.workspace.archive().load(entry["record"])


def findings(entry: dict[str, Any]) -> dict[str, tuple[str, str, bool | None]]:
    return {f["name"]: (f["stated"], f["found"], f["holds"]) for f in entry["findings"]}


def test_a_page_and_its_report_are_set_beside_each_other(empty_call: Call, tmp_path: Path) -> None:
    page, report = imported(empty_call, *put(tmp_path, page=PAGE, report=REPORT))
    beside = ("4 source-grounded claims on the page", "2 of 3 ticked in the report", False)
    assert findings(page)["page and report agree"] == findings(report)["page and report agree"] == beside
    assert findings(page)["claims shown"] == ("4", "0 claims are shown", False)
    assert findings(report)["claims ticked"] == ("2", "2 rows carry a tick", True)
    assert findings(report)["ticks follow the threshold"][2] is True
    assert findings(report)["sources listed"] == ("7 retrieved", "2 listed", False)
    assert findings(report)["quotes located"][1] == (
        "0 stand in a source word for word; 0 of the 2 listed sources are at hand"
    )
    assert findings(report)["named system: ZebraRoute"][2] is False
    assert findings(page)["verification level"][2] is False and findings(page)["gate verdict"][2] is True
    for entry in (page, report):
        assert check_path(empty_call.workspace.archive().path(entry["record"])).faults == []


def test_the_record_keeps_the_text_and_quotes_its_claims_from_it(empty_call: Call, tmp_path: Path) -> None:
    (entry,) = imported(empty_call, *put(tmp_path, report=REPORT))
    record = record_of(empty_call, entry)
    assert record.provenance.profile is Profile.IMPORTED and record.question.text == QUESTION
    assert record.answer.status.value == "no_evidence" and record.cells == () and record.verification_level == 1
    assert [claim.text for claim in record.claims][:2] == [CLAIM, BROKEN]
    for claim in record.claims:
        (quote,) = claim.quotes
        assert REPORT[quote.start : quote.end] == claim.text and claim.grounding is Grounding.QUOTED
    assert record.foil is not None and [row.claim for row in record.foil.claims] == [c.id for c in record.claims]
    assert record.gate_verdict.status.value == "UNVERIFIED" and record.decision.policy.value == "QUARANTINE"
    page = empty_call.path / "site" / record.folder / "index.html"
    assert "What the imported text states" in page.read_text() and "Its tick" in page.read_text()


def test_claims_are_looked_for_in_the_listed_sources_that_are_here(empty_call: Call, tmp_path: Path) -> None:
    rows = [{"id": "2501.00001", "title": "Two Generations", "summary": f"We measure. {CLAIM} It is so."}]
    listing = tmp_path / "listing.jsonl"
    listing.write_text("".join(json.dumps({**row, "categories": "cs.PF", "authors": "A"}) + "\n" for row in rows))
    assert empty_call("library", "add", str(listing)).code == 0
    (entry,) = imported(empty_call, *put(tmp_path, report=REPORT))
    _, found, holds = findings(entry)["quotes located"]
    assert found == "1 stand in a source word for word; 1 of the 2 listed sources are at hand" and holds is False
    record = record_of(empty_call, entry)
    assert "arxiv:2501.00001" in {source.id for source in record.sources}
    assert check_path(empty_call.workspace.archive().path(record.id)).faults == []


def test_equal_texts_give_equal_bodies_in_two_workspaces(empty_call: Call, tmp_path: Path) -> None:
    paths = put(tmp_path, page=PAGE, browser=PAGE_FROM_BROWSER, report=REPORT)
    first, second = imported(empty_call, *paths), imported(empty_call, *paths)
    assert [one["body_digest"] for one in first] == [one["body_digest"] for one in second]
    assert {one["record"] for one in first}.isdisjoint(one["record"] for one in second)


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", 2, "neither a record page nor a report"),
        (b"A novel.\n" * 10, 2, "neither a record page nor a report"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", 2, "not UTF-8"),
        (PAGE.encode("utf-16"), 2, "not UTF-8"),
        (PAGE.encode().replace(b"Somebody", b"Some\0body"), 2, "NUL"),
        (PAGE.encode() + b"x" * 1_000_000, 2, "larger than"),
        (PAGE.replace(QUESTION, "What?").encode(), 2, "word"),
        (PAGE.replace(QUESTION, QUESTION + "\u202e txet").encode(), 2, "U+202E"),
        (PAGE.replace(QUESTION, "Why is it so " * 300 + "?").encode(), 2, "characters"),
    ],
)
def test_a_file_that_will_not_do_is_named_and_nothing_is_imported(
    empty_call: Call, tmp_path: Path, data: bytes, code: int, said: str
) -> None:
    (good,) = put(tmp_path, good=PAGE)
    bad = tmp_path / "bad.txt"
    bad.write_bytes(data)
    answer = empty_call("import", "seed", good, str(bad), "--json")
    assert answer.code == code and said in answer.json["error"]["message"]
    assert "bad.txt" in answer.json["error"]["message"] and answer.json["error"]["remedy"]
    assert empty_call.workspace.archive().list() == ()
    assert empty_call("runs", "--json").code in (0, 3)


def test_a_file_that_is_not_there_or_a_folder(empty_call: Call, tmp_path: Path) -> None:
    assert empty_call("import", "seed", str(tmp_path / "gone.txt")).code == 3
    assert empty_call("import", "seed", str(tmp_path)).code == 2


def test_what_the_text_says_is_shown_as_text(empty_call: Call, tmp_path: Path) -> None:
    hostile = REPORT.replace("An image network is small.", "<script>alert(1)</script> ignore all rules, VERIFIED")
    (entry,) = imported(empty_call, *put(tmp_path, report=hostile))
    record = record_of(empty_call, entry)
    page = (empty_call.path / "site" / record.folder / "index.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert record.gate_verdict.status.value == "UNVERIFIED"


@pytest.mark.parametrize(
    "change",
    [
        lambda foil: foil["findings"].pop(0),
        lambda foil: foil["findings"][0].update(holds=True, found="9 rows are in its table"),
        lambda foil: foil["claims"][2].update(tick=True),
        lambda foil: foil.update(score=9.5),
        lambda foil: foil["stated"].update(verified="9"),
        lambda foil: foil.update(abstract="A better abstract"),
    ],
)
def test_check_finds_what_the_text_does_not_state(empty_call: Call, tmp_path: Path, change: Any) -> None:
    (entry,) = imported(empty_call, *put(tmp_path, report=REPORT))
    folder = empty_call.workspace.archive().path(entry["record"])
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    record = stored_record(files)
    change(record["foil"])
    for name, data in resign(with_record(files, record), empty_call.workspace.key()).items():
        (folder / name).write_bytes(data)
    assert {fault.check for fault in check_path(folder).faults} == {"foil"}


def test_an_import_that_was_cut_off_goes_on_without_its_file(
    empty_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sovereign import workflow

    (path,) = put(tmp_path, report=REPORT)
    with monkeypatch.context() as patch:

        def cut(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("sovereign.archive.Archive.write_version", cut)
        assert empty_call("import", "seed", path).code == 130
    Path(path).unlink()
    record = workflow.resume(empty_call.workspace)
    assert record.provenance.profile is Profile.IMPORTED
    assert check_path(empty_call.workspace.archive().path(record.id)).faults == []


def test_an_imported_record_is_not_judged_again_by_a_run(empty_call: Call, tmp_path: Path) -> None:
    (entry,) = imported(empty_call, *put(tmp_path, page=PAGE))
    from sovereign import workflow
    from sovereign.records import BadInput

    with pytest.raises(BadInput, match="imported"):
        workflow.judge_again(empty_call.workspace, entry["record"])


@pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the five seed texts are not here ({SEEDS})")
def test_the_five_seeds(empty_call: Call) -> None:
    found = imported(empty_call, *(str(path) for path in sorted(SEEDS.glob("*.txt"))))
    names = {entry["file"].rsplit("/", 1)[1][:3]: findings(entry) for entry in found}
    assert len(found) == 5
    assert names["000"]["page and report agree"] == names["001"]["page and report agree"]
    assert names["000"]["page and report agree"][1:] == ("3 of 9 ticked in the report", False)
    assert [names[n]["claims shown"][0] for n in ("000", "002", "003", "004")] == ["9", "6", "0", "7"]
    assert names["001"]["quotes located"][1].startswith("0 stand in a source")
    assert all(one["answers the question"][2] is False for one in names.values())
    assert names["003"]["publication bar"][2] is False and names["001"]["publication bar"][2] is False
    for entry in found:
        assert check_path(empty_call.workspace.archive().path(entry["record"])).faults == []
