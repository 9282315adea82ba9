"""What is signed of a run, and what the library gets of it."""

from __future__ import annotations

import base64
import inspect
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sovereign.gate import Bubblewrap, PackRun, attest, load_pack, measurement, run_pack
from sovereign.judge.outcomes import outcomes, pack_digest
from sovereign.library import Library
from sovereign.records import PackSpec
from sovereign.seal import PREDICATE_REPRODUCTION, Key, SealError, canonical, digest, parse, verify

NOW = "2026-03-01T00:00:00Z"


@pytest.fixture
def run(sandbox: Bubblewrap, pack_folder: Callable[..., Path]) -> PackRun:
    return run_pack(load_pack(pack_folder()), sandbox, now=lambda: NOW)


def test_the_statement_names_pack_results_isolation_and_limits(run: PackRun) -> None:
    key = Key.generate()
    signed = verify(attest(run, key, NOW), {key.fingerprint: key.public_bytes})
    assert signed.statement["predicateType"] == PREDICATE_REPRODUCTION
    subjects = {subject["name"]: subject["digest"]["sha256"] for subject in signed.statement["subject"]}
    assert subjects == {"pack": run.pack.digest, "results.json": digest(run.results_bytes)}
    predicate = signed.statement["predicate"]
    assert predicate["isolation"] == run.report.grade
    assert {check["name"] for check in predicate["sandbox"]["checks"] if check["required"] and check["holds"]} >= {
        "network", "host-files", "root-read-only", "environment", "time",
    }  # fmt: skip
    assert predicate["limits"]["memory_mb"] == 128
    assert predicate["machine"]["started_at"] == NOW
    assert predicate["machine"]["python"]
    assert [outcome["outcome"] for outcome in predicate["outcomes"]] == ["supported"]


def test_no_time_and_no_machine_in_the_results(run: PackRun) -> None:
    assert parse(run.results_bytes) == run.results
    assert set(run.results) == {"schema", "pack", "seed", "values"}


def test_the_statement_gives_away_no_path_or_name_of_the_machine(run: PackRun) -> None:
    import socket

    text = canonical(parse(attest(run, Key.generate(), NOW))).decode()
    payload = base64.b64decode(json.loads(text)["payload"]).decode()
    assert str(Path.home()) not in payload.replace('"/"', "") or str(Path.home()) == "/"
    assert socket.gethostname() not in payload or len(socket.gethostname()) < 4


def test_a_changed_statement_does_not_verify(run: PackRun) -> None:
    key = Key.generate()
    envelope = json.loads(attest(run, key, NOW))
    payload = base64.b64decode(envelope["payload"])
    changed = payload.replace(b'"outcome":"supported"', b'"outcome":"refuted"')
    assert changed != payload
    envelope["payload"] = base64.b64encode(changed).decode()
    with pytest.raises(SealError):
        verify(canonical(envelope), {key.fingerprint: key.public_bytes})


def test_the_measurement_holds_all_that_a_reader_needs_to_compare_again(run: PackRun) -> None:
    envelope = attest(run, Key.generate(), NOW)
    given = measurement(run, envelope)
    inspect.signature(Library.add_measurement).bind(None, **given)
    meta = given["meta"]
    json.dumps(meta)
    files = {name: text.encode() for name, text in meta["files"].items()}
    assert pack_digest(files) == meta["pack_digest"] == run.pack.digest
    again = outcomes(PackSpec.model_validate(meta["pack"]), json.loads(given["text"]))
    assert [outcome.to_json() for outcome in again] == meta["outcomes"]
    assert meta["attestation"].encode() == envelope
    assert given["source_id"] == "measurement:toy"
    assert "x is four" in given["index_text"]
