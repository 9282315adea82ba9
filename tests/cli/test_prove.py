"""`sovereign prove`: what it lists, what it refuses with which exit code, and what an accepted proof becomes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.support.calls import Call
from tests.support.proofs import write_proof

from sovereign.gate import Bubblewrap
from sovereign.records import Record

NAME = "distinct-experts-bound"
STATED = "Definition Stated : Prop := True.\n"
PROOF = "From Sov Require Import Statement.\nTheorem thm : Stated. Proof. exact I. Qed.\n"
PACKS = Path(__file__).parents[2] / "src" / "sovereign" / "packs"
BAD = "From Sov Require Import Statement.\nTheorem thm : Stated. Admitted.\n"


@pytest.fixture
def rocq() -> None:
    if not os.environ.get("SOVEREIGN_TEST_ROCQ"):
        pytest.skip("set SOVEREIGN_TEST_ROCQ=1 to run Rocq")
    if not (shutil.which("coqc") and shutil.which("coqchk")):
        pytest.skip("no Rocq here: apt-get install coq")
    report = Bubblewrap().probe()
    if not report.ok:
        pytest.skip(f"no sandbox here: {report.reason}")


def sources(call: Call) -> list[str]:
    with call.workspace.library(create=False) as library:
        return list(library.ids(kind="measurement"))


def test_it_lists_proofs_and_provers(empty_call: Call) -> None:
    listed = empty_call("prove", "--list", "--json").json
    assert {one["name"]: one["prover"] for one in listed["proofs"]} == {NAME: "rocq", f"{NAME}-lean": "lean"}
    assert [one["prover"] for one in listed["provers"]] == ["rocq", "lean"]
    assert NAME in empty_call("prove", "--list").out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "name a proof"),
        (("no-such-proof",), 3, "no proof 'no-such-proof' installed"),
        (("./nowhere",), 3, "no proof at"),
    ],
)
def test_what_is_not_there(empty_call: Call, arguments: tuple[str, ...], code: int, words: str) -> None:
    answer = empty_call("prove", *arguments)
    assert answer.code == code and words in answer.err and "remedy:" in answer.err


def test_a_broken_proof_ends_with_2_and_a_missing_prover_with_8(
    empty_call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_proof(tmp_path / "toy", STATED, PROOF)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("SOVEREIGN_LEAN", raising=False)
    answer = empty_call("prove", str(folder))
    assert answer.code == 8 and "apt-get install coq" in answer.err
    assert empty_call("prove", f"{NAME}-lean").code == 8
    (folder / "proof.toml").write_text("name = ")
    answer = empty_call("prove", str(folder), "--json")
    assert answer.code == 2 and "not TOML" in answer.json["error"]["message"]
    assert sources(empty_call) == []


@pytest.mark.usefixtures("rocq")
def test_a_refused_proof_ends_with_12_and_keeps_nothing(empty_call: Call, tmp_path: Path) -> None:
    answer = empty_call("prove", str(write_proof(tmp_path / "toy", STATED, BAD)))
    assert answer.code == 12 and "refused by the check axioms" in answer.err
    assert sources(empty_call) == []


@pytest.mark.usefixtures("rocq")
def test_an_accepted_proof_stands_beside_a_cell_and_its_record_is_sound(empty_call: Call) -> None:
    call = empty_call
    assert call("prove", NAME, "--check-only").code == 0
    assert sources(call) == []
    other = call.path.parent / "other"
    shutil.copytree(PACKS / NAME, other)
    (other / "Proof.v").write_text((other / "Proof.v").read_text() + "(* the same, written another time *)\n")
    assert call("prove", str(other)).code == 0
    proved = call("prove", NAME, "--json").json
    assert proved["source"] == f"measurement:{NAME}" and proved["verdict"]["axioms"] == []
    assert sources(call) == [f"measurement:{NAME}"]
    question = "How many distinct experts does mixture-of-experts top-k routing touch in decode?"
    record = Record.model_validate(call("ask", question, "--json").json)
    (run,) = [one for one in record.reproductions if one.pack == NAME]
    assert len(run.earlier) == 1, "the proof that stood here before is told"
    claim = run.outcomes[0].measured_claim
    assert claim in {near.claim for cell in record.cells for near in cell.nearest}
    assert all(claim not in cell.claims for cell in record.cells), "a theorem fills no cell"
    assert "a proof of ours, which a prover accepts, says" in json.dumps(record.to_json(), ensure_ascii=False)
    checked = call("check", str(call.path / "records" / record.folder))
    assert checked.code == 4, checked.out + checked.err  # sound; its signer is unknown
    vouched = call("attest", "faithful", record.id, "--pack", NAME, "--note", "same quantities, same bound")
    assert vouched.code == 0, vouched.err
    checked = call("check", str(call.path / "records" / record.folder))
    assert checked.code == 4, checked.out + checked.err
