"""A pack that measures just what a cell asks for: VERIFIED, FALSIFIED or UNVERIFIED, from the question to `check`."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from tests.support.calls import Call
from tests.support.inquire import work, write_works

from sovereign.gate import Bubblewrap
from sovereign.records import GateStatus, Record
from sovereign.workspace import Workspace

QUESTION = "What latency does TinyRouter reach in mixture-of-experts routing on VQAv2?"

PACK_TOML = """\
name = "tiny-latency"
title = "Latency of TinyRouter, a mixture-of-experts router, on VQAv2 (our measurement)"
version = 1
description = "A toy: the values are written, not measured."
source = "measurement:tiny-latency"
seed = 3
expected_seconds = 1
{more}
[facets]
subject = "mixture-of-experts"
system = "TinyRouter"
metric = "latency"
benchmark = "VQAv2"
unit = "ms"
{conditions}

[limits]
seconds = 20
memory_mb = 128
output_mb = 1
processes = 2

[[claims]]
id = "latency"
statement = "TinyRouter's latency on VQAv2"
result_field = "/values/latency/ms"
uncertainty_field = "/values/latency/standard_error"
comparison = "within_absolute"
expected = 4.0
tolerance = {tolerance}
"""

RUN = """\
import json, os
values = {"latency": {"ms": MS, "standard_error": ERROR, "unit": "ms"}}
results = {"schema": "sovereign-results-v1", "pack": "tiny-latency", "seed": int(os.environ["SOVEREIGN_SEED"])}
print("measured")
json.dump({**results, "values": values}, open("results.json", "w"))
"""


@pytest.fixture(scope="module", autouse=True)
def _sandbox() -> None:
    report = Bubblewrap().probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that knows of TinyRouter and of no latency of it."""
    folder = tmp_path_factory.mktemp("tiny")
    works = [work("2401.00001", "TinyRouter: a small router", "TinyRouter is a mixture-of-experts router for VQAv2.")]
    workspace = Workspace.create(folder / "workspace", starter=False)
    with workspace.library() as library:
        library.add(write_works(folder, works))
    return workspace.path


@pytest.fixture
def call(asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    made = Call(Path(shutil.copytree(asked, tmp_path / "workspace")), capsys)
    assert made("ask", QUESTION).code == 0
    assert made.record.cells[0].gap and made.record.gate_verdict.status is GateStatus.UNVERIFIED
    return made


def pack(
    folder: Path, *, ms: float = 4.1, error: float = 0.05, tolerance: float = 0.5, conditions: str = "", more: str = ""
) -> Path:
    folder.mkdir(exist_ok=True)
    toml = PACK_TOML.replace("{tolerance}", str(tolerance)).replace("{conditions}", conditions).replace("{more}", more)
    (folder / "pack.toml").write_text(toml)
    (folder / "run.py").write_text(RUN.replace("MS", str(ms), 1).replace("ERROR", str(error), 1))
    return folder


def reproduced(call: Call, folder: Path, *options: str, replace: bool = False) -> Record:
    added = call("packs", "add", str(folder), *(["--replace"] if replace else []))
    assert added.code == 0, added.err
    done = call("reproduce", "tiny-latency", "--record", call.record.id, *options)
    assert done.code == 0, done.err
    return call.record


def checked(call: Call, tmp_path: Path) -> None:
    """`check` finds the record sound: it makes every comparison and every verdict again."""
    output = tmp_path / f"{len(list(tmp_path.iterdir()))}.zip"
    signer = call("export", call.record.id, "-o", str(output), "--json").json["signer"]
    report = call("check", str(output), "--trust", signer, "--json")
    assert report.code == 0, report.json["faults"]


def test_a_supported_claim_that_fills_the_cell_makes_the_record_verified(call: Call, tmp_path: Path) -> None:
    record = reproduced(call, pack(tmp_path / "p"))
    (cell,) = record.cells
    assert not cell.gap and record.answer.status.value == "answered"
    assert record.gate_verdict.status is GateStatus.VERIFIED
    assert record.gate_verdict.reason == "1 of 1 cells reproduced"
    (outcome,) = record.reproductions[0].outcomes
    assert outcome.measured_claim == cell.claims[0] and outcome.put_to_test
    assert record.verification_level == 5 and record.counts.cells_reproduced == 1
    assert "4.1" in record.answer.sentences[0].text
    checked(call, tmp_path)


def test_a_refuted_claim_makes_it_falsified_and_the_answer_says_so(call: Call, tmp_path: Path) -> None:
    record = reproduced(call, pack(tmp_path / "p", ms=5.25))
    assert record.gate_verdict.status is GateStatus.FALSIFIED
    assert record.gate_verdict.cells[0].status is GateStatus.FALSIFIED
    assert "refutes what its pack claims" in record.answer.sentences[0].text
    assert record.counts.cells_reproduced == 0
    checked(call, tmp_path)


def test_what_a_run_does_not_resolve_stays_unverified(call: Call, tmp_path: Path) -> None:
    record = reproduced(call, pack(tmp_path / "p", error=0.4))
    assert record.gate_verdict.status is GateStatus.UNVERIFIED
    assert "did not resolve" in record.gate_verdict.cells[0].reason
    assert "does not settle" in record.answer.sentences[0].text
    checked(call, tmp_path)


def test_a_measurement_without_expectation_verifies_nothing(call: Call, tmp_path: Path) -> None:
    folder = pack(tmp_path / "p")
    text = (folder / "pack.toml").read_text()
    for line in ("expected = 4.0\n", "tolerance = 0.5\n"):
        text = text.replace(line, "")
    text = text.replace('"within_absolute"', '"measured"')
    (folder / "pack.toml").write_text(text)
    record = reproduced(call, folder)
    assert not record.cells[0].gap
    assert record.gate_verdict.status is GateStatus.UNVERIFIED
    assert record.gate_verdict.cells[0].reason == "no run of this claim is attached"
    checked(call, tmp_path)


@pytest.mark.parametrize(
    ("conditions", "change"),
    [
        ('condition = ["batch size 8"]', ("", "")),
        ("", ('benchmark = "VQAv2"', 'benchmark = "GQA"')),
        ("", ('metric = "latency"', 'metric = "throughput"')),
        ("", ('system = "TinyRouter"', 'system = "TinyRouter-2"')),
        ('baseline = "top-k routing"', ("", "")),
    ],
)
def test_other_facets_or_conditions_fill_nothing(
    call: Call, tmp_path: Path, conditions: str, change: tuple[str, str]
) -> None:
    """One facet too many or another one, and the same good run is no verdict on the cell."""
    more = 'bears_on = ["latency"]\ndiffers_in = ["scale"]'
    folder = pack(tmp_path / "p", conditions=conditions, more=more)
    toml = folder / "pack.toml"
    toml.write_text(toml.read_text().replace(*change) if change[0] else toml.read_text())
    record = reproduced(call, folder)
    assert record.cells[0].gap and record.gate_verdict.status is GateStatus.UNVERIFIED
    assert record.gate_verdict.reason.startswith("0 of 1 cells reproduced")
    checked(call, tmp_path)


def test_repeated_runs_are_signed_one_by_one_and_combined(call: Call, tmp_path: Path) -> None:
    folder = pack(tmp_path / "p")
    script = (folder / "run.py").read_text().replace('"ms": 4.1', '"ms": 4.0 + int(os.environ["SOVEREIGN_SEED"]) / 10')
    (folder / "run.py").write_text(script)
    record = reproduced(call, folder, "--repeat", "3")
    (run,) = record.reproductions
    (outcome,) = run.outcomes
    assert run.runs == 3 and outcome.measured == pytest.approx(4.4) and outcome.spread == (4.3, 4.5)
    assert record.gate_verdict.status is GateStatus.VERIFIED
    held = call.path / "records" / record.folder / "v2" / "reproductions" / run.results_sha256
    attestations = sorted(held.glob("runs/*/attestation.json"))
    statements = [json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"])) for path in attestations]
    assert [statement["predicate"]["seed"] for statement in statements] == [3, 4, 5]
    checked(call, tmp_path)


def test_runs_that_contradict_each_other_resolve_nothing(call: Call, tmp_path: Path) -> None:
    folder = pack(tmp_path / "p", tolerance=0.2)
    script = (folder / "run.py").read_text()
    script = script.replace('"ms": 4.1', '"ms": 4.0 if os.environ["SOVEREIGN_SEED"] != "4" else 9.0')
    (folder / "run.py").write_text(script)
    record = reproduced(call, folder, "--repeat", "3")
    assert "the runs disagree: of 3, 2 support it and 1 refute it" in record.reproductions[0].outcomes[0].reason
    assert record.gate_verdict.status is GateStatus.UNVERIFIED
    checked(call, tmp_path)


def test_a_pack_whose_tolerance_was_widened_after_a_refutation_is_another_and_the_record_says_so(
    call: Call, tmp_path: Path
) -> None:
    first = reproduced(call, pack(tmp_path / "p", ms=5.25))
    assert first.gate_verdict.status is GateStatus.FALSIFIED
    refused = call("packs", "add", str(pack(tmp_path / "p", ms=5.25, tolerance=2.0)))
    assert refused.code == 2 and "another pack tiny-latency was added before" in refused.err
    record = reproduced(call, tmp_path / "p", replace=True)
    (run,) = record.reproductions
    (earlier,) = run.earlier
    assert earlier.changed == ("claims[latency].tolerance: 0.5 to 2.0",)
    assert {name: outcome.value for name, outcome in earlier.outcomes.items()} == {"latency": "refuted"}
    assert earlier.pack_digest == first.reproductions[0].pack_digest != run.pack_digest
    assert any("was changed after it had been run" in line for line in record.limitations)
    held = call.path / "records" / record.folder / f"v{record.version}" / "reproductions" / run.results_sha256
    assert "tolerance = 0.5" in (held / "earlier" / "1" / "pack.toml").read_text()
    checked(call, tmp_path)


def test_running_a_pack_again_with_other_results_is_seen_too(call: Call, tmp_path: Path) -> None:
    """Run it until it fits: every result that was signed before stays in the record."""
    folder = pack(tmp_path / "p")
    (folder / "run.py").write_text(RUN.replace("MS", "4.0 + os.getpid() * 0 + __import__('time').time() % 1 / 10", 1)
                                   .replace("ERROR", "0.01", 1))  # fmt: skip
    reproduced(call, folder)
    record = reproduced(call, folder)
    (earlier,) = record.reproductions[0].earlier
    assert earlier.changed == () and earlier.results_sha256 != record.reproductions[0].results_sha256
    checked(call, tmp_path)


def test_equal_runs_leave_no_earlier_one(call: Call, tmp_path: Path) -> None:
    folder = pack(tmp_path / "p")
    reproduced(call, folder)
    assert reproduced(call, folder).reproductions[0].earlier == ()
