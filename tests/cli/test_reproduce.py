"""The whole loop: ask, run the pack in the sandbox, judge again, export, check. Skipped where no sandbox can start."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.calls import Call

from sovereign.gate import Bubblewrap, available_packs
from sovereign.records import GateStatus, Grounding, Record, ReproductionStatus

PACK = "expected-distinct-experts"


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> None:
    report = Bubblewrap().probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")


def test_a_reproduction_becomes_the_next_version_and_fills_no_gap(call: Call, tmp_path: Path) -> None:
    first = call.record
    answer = call("reproduce", first.id, "--pack", PACK, "--json")
    assert answer.code == 0, answer.err
    (measured,) = answer.json["measured"]
    assert measured["pack"] == PACK and measured["isolation"].startswith("bubblewrap/")
    assert {outcome["outcome"] for outcome in measured["outcomes"]} == {"supported"}
    second = call.record
    assert (second.id, second.version) == (first.id, 2)
    assert second.to_json() == answer.json["records"][0]
    assert_honest(first, second)
    events = call.workspace.archive().events(first.id)
    assert [event.type.value for event in events] == ["drafted", "reproduced"] and events[1].details == {
        "packs": [PACK],
        "gate_verdict": "UNVERIFIED",
    }
    page = (call.path / "site" / first.folder / "index.html").read_text()
    assert f"measurement:{PACK}" in page
    output = tmp_path / "record.zip"
    signer = call("export", first.id, "-o", str(output), "--json").json["signer"]
    report = call("check", str(output), "--trust", signer, "--json")
    assert report.code == 0 and report.json["versions"] == [1, 2], report.json["faults"]


def assert_honest(first: Record, second: Record) -> None:
    reproduced = [claim for claim in second.claims if claim.reproduction is ReproductionStatus.REPRODUCED]
    assert any(claim.grounding is Grounding.REPORTED for claim in reproduced), "no note's claim was reproduced"
    measured = {claim.id for claim in second.claims if claim.grounding is Grounding.MEASURED}
    assert any(near.claim in measured for cell in second.cells for near in cell.nearest)
    assert not any(measured & set(cell.claims) for cell in second.cells)
    assert [cell.facets for cell in second.cells if cell.gap] == [cell.facets for cell in first.cells if cell.gap]
    assert second.gate_verdict.status is GateStatus.UNVERIFIED
    assert f"0 of {second.counts.cells} cells reproduced" in second.gate_verdict.reason


def test_published_records_are_judged_again_only_by_name_and_equal_runs_give_equal_libraries(call: Call) -> None:
    assert call("reproduce", "--json").json["records"][0]["version"] == 2
    with call.workspace.library() as library:
        digest = library.digest()
    assert call("review", "approve", call.record.id).code == 0
    answer = call("reproduce", "--json")
    assert answer.code == 0 and answer.json["records"] == []
    ran = {one["pack"] for one in answer.json["measured"]}
    left_out = {one["pack"] for one in answer.json["skipped"]}
    assert {PACK, "largest-decode-saving"} <= ran and ran | left_out == set(available_packs())
    assert not ran & left_out
    assert call.record.version == 2
    with call.workspace.library() as library:
        assert library.digest() == digest
    status = call("library", "status", "--json").json
    assert status["kinds"]["measurement"] == len(ran)
