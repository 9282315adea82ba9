"""Lean for real, where a Lean is named: for each check a cheat that only this check stops.

Runs where SOVEREIGN_TEST_LEAN is set and `lean` is found (SOVEREIGN_LEAN, else PATH); see docs/proofs.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.lean import CHEATS, GOOD, REFUSED, STATED
from tests.support.proofs import Open, write_proof

from sovereign.gate import Bubblewrap
from sovereign.gate.proofs import Lean, ProofVerdict, available_proofs, load_proof
from sovereign.gate.proofs.lean import CHECKS
from sovereign.records import SandboxUnavailable

WANTED = os.environ.get("SOVEREIGN_TEST_LEAN")
pytestmark = pytest.mark.skipif(not WANTED, reason="set SOVEREIGN_TEST_LEAN=1 to run Lean")

Check = Callable[..., ProofVerdict]
LIMITS = "seconds = 600\nmemory_mb = 4096\nprocesses = 64"


@pytest.fixture(scope="session")
def lean() -> Lean:
    provider = Lean()
    report = provider.probe()
    if not report.ok:
        pytest.skip(f"no Lean here: {report.reason}")
    return provider


@pytest.fixture
def check(sandbox: Bubblewrap, lean: Lean, tmp_path: Path) -> Check:
    def run(statement: str, proof: str, off: str = "", **given: object) -> ProofVerdict:
        given = {"prover": "lean", "limits": LIMITS, **given}
        folder = write_proof(tmp_path / "toy", statement, proof, **given)  # type: ignore[arg-type]
        return lean.check(load_proof(folder), sandbox, frozenset(off.split()))

    return run


def test_an_honest_proof_passes_every_check(check: Check) -> None:
    verdict = check(STATED, GOOD, axioms=("propext", "Quot.sound"))
    assert verdict.accepted, verdict.failed
    assert [(one.name, one.passed) for one in verdict.checks] == [(name, True) for name in CHECKS]


def test_the_theorem_that_comes_with_us(lean: Lean, sandbox: Bubblewrap) -> None:
    verdict = lean.check(available_proofs()["distinct-experts-bound-lean"], sandbox)
    assert verdict.accepted, verdict.failed


@pytest.mark.parametrize("name", CHEATS)
def test_each_check_stops_a_cheat_that_no_other_stops(check: Check, name: str) -> None:
    statement, proof, given = CHEATS[name]
    without = check(statement, proof, off=name, **given)
    assert without.accepted, without.failed
    refused = check(statement, proof, **given)
    assert refused.failed is not None and refused.failed.name == name, refused.failed


def test_without_a_sandbox_a_proof_reaches_files_of_the_host(check: Check, lean: Lean, tmp_path: Path) -> None:
    (tmp_path / "hidden.txt").write_text("of the host")
    proof = f'open Lean in\nrun_cmd do\n  let _ ← IO.FS.readFile "{tmp_path}/hidden.txt"\n' + GOOD
    refused = check(STATED, proof, axioms=("propext", "Quot.sound"))
    assert refused.failed is not None and refused.failed.name == "builds" and "hidden" in refused.failed.said
    loaded = load_proof(tmp_path / "toy")
    without = lean.check(loaded, Open(), frozenset({"sandboxed"}))
    assert without.accepted, without.failed
    with pytest.raises(SandboxUnavailable):
        lean.check(loaded, Open())


@pytest.mark.parametrize("what", REFUSED)
def test_no_way_round_the_checks(check: Check, what: str) -> None:
    assert not check(*REFUSED[what], axioms=("propext", "Quot.sound", "Classical.choice")).accepted


def test_every_check_has_its_cheat() -> None:
    assert set(CHEATS) | {"sandboxed", "builds"} == set(CHECKS)
