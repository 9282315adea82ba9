"""Proofs without a prover: what is read and refused before anything runs, how provers are read, what is kept."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from pathlib import Path

import pytest
from tests.support.proofs import Open, write_proof

from sovereign.gate.proofs import (
    UNIT,
    Checked,
    Lean,
    ProofLimits,
    ProofRefused,
    ProofSpec,
    ProofVerdict,
    ProverReport,
    ProverUnavailable,
    Rocq,
    as_pack,
    attest_proof,
    available_proofs,
    load_proof,
    proof_measurement,
    prove,
    results_of,
)
from sovereign.gate.proofs._holes import rocq_holes, version_of
from sovereign.gate.proofs._lean_said import read_told
from sovereign.gate.proofs._rocq_said import assumptions, module_names, summary
from sovereign.gate.proofs.lean import together
from sovereign.gate.sandbox import Sandbox, SandboxReport
from sovereign.judge.outcomes import pack_digest
from sovereign.records import BadInput, NotFound, PackSpec, results_fault
from sovereign.seal import PREDICATE_PROOF, Key, digest, open_envelope, parse, verify

STATED = "Definition Stated : Prop := True.\n"
PROOF = "Theorem thm : Stated. Proof. exact I. Qed.\n"
NOW = "2026-03-01T00:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_proof(tmp_path / "toy", STATED, PROOF)


def test_reads_what_is_put_to_the_prover(folder: Path) -> None:
    proof = load_proof(folder)
    assert proof.files == {name: (folder / name).read_bytes() for name in ("proof.toml", "Statement.v", "Proof.v")}
    assert proof.statement_sha256 == hashlib.sha256(STATED.encode()).hexdigest() == proof.spec.statement_sha256


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "toy"', 'name = "Toy!"', "name"),
        ('name = "toy"', 'name = "toy', "not TOML"),
        ('prover = "rocq"', 'prover = "coq"', "prover"),
        ('prover = "rocq"', "", "prover: Field required"),
        ('theorem = "thm"', 'theorem = "thm. Axiom bad : False"', "theorem"),
        ('theorem = "thm"', 'theorem = "thm\\nAxiom"', "theorem"),
        ('statement = "Stated"', 'statement = ""', "statement"),
        ("statement_sha256", "statement_md5", "statement_sha256: Field required"),
        ("axioms = []", 'axioms = ["f x"]', "axioms"),
        ('differs_in = ["implementation"]', "differs_in = []", "differs_in"),
        ("seconds = 60", "seconds = 0", "limits.seconds"),
        ("seconds = 60", "minutes = 1", "Extra inputs"),
    ],
)
def test_a_broken_proof_toml_names_the_cause(folder: Path, old: str, new: str, words: str) -> None:
    toml = (folder / "proof.toml").read_text()
    assert old in toml
    (folder / "proof.toml").write_text(toml.replace(old, new))
    with pytest.raises(BadInput, match=words) as caught:
        load_proof(folder)
    assert str(folder) in caught.value.message and caught.value.remedy


def test_a_lean_proof_rests_on_the_three_axioms_at_most(tmp_path: Path) -> None:
    folder = write_proof(tmp_path / "l", "", "", prover="lean", axioms=("propext", "Lean.ofReduceBool"))
    with pytest.raises(BadInput, match=r"propext, Quot\.sound, Classical\.choice alone"):
        load_proof(folder)


def test_missing_parts_links_pipes_binaries_and_hidden_characters(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no proof at"):
        load_proof(tmp_path / "nowhere")
    (folder / "Proof.v").rename(tmp_path / "elsewhere.v")
    with pytest.raises(NotFound, match=r"no Proof\.v"):
        load_proof(folder)
    (folder / "Proof.v").symlink_to(tmp_path / "elsewhere.v")
    with pytest.raises(BadInput, match="cannot be read"):
        load_proof(folder)
    (folder / "Proof.v").unlink()
    os.mkfifo(folder / "Proof.v")
    with pytest.raises(BadInput, match="no regular file"):
        load_proof(folder)
    (folder / "Proof.v").unlink()
    for content, words in [
        (b"\xff\xfe", "not UTF-8"),
        (b"(*" + b"x" * (1 << 20), "larger than"),
        ("Definition x := 1. (* \u202e *)".encode(), r"U\+202E"),
        (b"Definition\0x := 1.", r"U\+0000"),
    ]:
        (folder / "Proof.v").write_bytes(content)
        with pytest.raises(BadInput, match=words):
            load_proof(folder)


def test_installed_proofs_are_found_by_name() -> None:
    held = available_proofs()
    assert {"distinct-experts-bound", "distinct-experts-bound-lean"} <= set(held)
    for name, proof in held.items():
        assert proof.spec.name == name
        assert proof.statement_sha256 == proof.spec.statement_sha256, f"{name}: its statement changed"
        assert as_pack(proof).spec.source == f"measurement:{name}"


@pytest.mark.parametrize("provider", [Rocq("/nowhere/coqc", "/nowhere/coqchk"), Lean("/nowhere/bin/lean")])
def test_a_missing_prover_says_what_to_install(provider: Rocq | Lean, folder: Path) -> None:
    report = provider.probe()
    assert not report.ok and report.reason and report.remedy
    with pytest.raises(ProverUnavailable) as caught:
        provider.check(load_proof(folder), Open())
    assert caught.value.exit_code == 8 and caught.value.remedy == report.remedy


def test_rocq_missing_names_the_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    report = Rocq().probe()
    assert "coqc is not on PATH" in report.reason and "apt-get install coq" in report.remedy
    monkeypatch.delenv("SOVEREIGN_LEAN", raising=False)
    assert "SOVEREIGN_LEAN" in Lean().probe().remedy


# What provers say.


def test_assumptions_are_read_from_the_first_column() -> None:
    assert assumptions("Closed under the global context\n").axioms == ()
    said = assumptions("Axioms:\nProof.bad : False\nFunctionalExtensionality.ext\n  : forall x,\n    x = x\n")
    assert said.axioms == ("Proof.bad", "FunctionalExtensionality.ext")
    said = assumptions("Axioms:\nProof.thm relies on an unsafe hierarchy.\nProof.f is assumed to be guarded.\n")
    assert said.axioms == () and len(said.unsafe) == 2


@pytest.mark.parametrize("said", ["", "\n", "  Closed under\n", "Closed under the global context\nAxioms:\nx : T\n"])
def test_assumptions_that_cannot_be_read_count_against(said: str) -> None:
    assert assumptions(said).axioms


SUMMARY = """
CONTEXT SUMMARY
===============

* Theory: Set is predicative

* Axioms: <none>

* Constants/Inductives relying on type-in-type: <none>

* Constants/Inductives relying on unsafe (co)fixpoints: <none>

* Inductives whose positivity is assumed: <none>
"""


def test_the_summary_of_coqchk() -> None:
    assert summary(SUMMARY) == summary(SUMMARY.replace("\n\n", "\n"))
    assert summary(SUMMARY).ok and summary(SUMMARY).axioms == summary(SUMMARY).unsafe == ()
    assert summary(SUMMARY.replace("Axioms: <none>", "Axioms:\n    Sov.Proof.x\n    Coq.y")).axioms == (
        "Sov.Proof.x", "Coq.y",
    )  # fmt: skip
    assert summary(SUMMARY.replace("type-in-type: <none>", "type-in-type:\n  Sov.Proof.x")).unsafe
    assert summary(SUMMARY.replace("Set is predicative", "Set is impredicative")).unsafe == ("Set is impredicative",)
    assert not summary("").ok
    assert not summary("CONTEXT SUMMARY\n* Axioms: <none>\n").ok


def test_what_a_compiled_file_declares() -> None:
    listed = module_names("Module\nProof\n:= Struct\n Definition a : nat.\n Parameter b' : nat.\n End\n")
    assert listed.definitions == ("a", "b'") and not listed.nested and not listed.polymorphic
    assert not listed.odd and module_names(":= Struct Definition a.b : nat. End").odd == "a.b"
    assert module_names(":= Struct Module Type T End").nested == "T"
    assert module_names(":= Struct Definition a : Type@{u}. (* u |= *) End").polymorphic


def test_holes_follow_the_version() -> None:
    assert version_of("8.16.1") == (8, 16, 1) and version_of("?") == (0,)
    assert "#20455" in [hole.number for hole in rocq_holes("8.16.1")]
    assert "#20455" not in [hole.number for hole in rocq_holes("9.0.1")]
    assert rocq_holes("9.3") == ()


def test_what_lean_says_is_read_from_its_messages_alone() -> None:
    def message(text: str, severity: str = "information") -> str:
        return json.dumps({"severity": severity, "data": text})

    said = read_told("SOVEREIGN done\n" + message("SOVEREIGN typed\nSOVEREIGN library propext\nSOVEREIGN done\n"))
    assert said.done and said.typed and said.library == ("propext",)
    assert not read_told("SOVEREIGN done\n").done
    assert not read_told(message("SOVEREIGN done") + "\n" + message("no", "error")).done
    assert read_told(message("SOVEREIGN refused proof x")).refused == "proof x"


def test_imports_go_first() -> None:
    made = together("import Lean.Meta\ndef a := 1\n", "import Std\ntheorem b : True := trivial\n")
    assert made.split("\n")[:3] == ["import Lean", "import Lean.Meta", "import Std"]
    assert made.index("def a") < made.index("theorem b")


# What is kept.

REPORT = SandboxReport(True, "bubblewrap/full")


class Says:
    """A prover that says what it is told to, for what follows a verdict."""

    name = "rocq"

    def __init__(self, passed: bool | None) -> None:
        self.passed = passed
        self.checks = {"axioms": "none"}

    def probe(self) -> ProverReport:
        return ProverReport(True, "rocq", "8.16.1")

    def check(self, proof: object, sandbox: Sandbox, off: frozenset[str] = frozenset()) -> ProofVerdict:
        checks = (Checked("axioms", self.passed, "it rests on bad"),)
        return ProofVerdict(self.passed is not False, self.probe(), checks, sandbox=REPORT)


@pytest.mark.parametrize("passed", [False, None])
def test_no_verdict_with_a_check_failed_or_left_out_is_kept(folder: Path, passed: bool | None) -> None:
    with pytest.raises(ProofRefused) as caught:
        prove(load_proof(folder), Says(passed), Open())
    assert caught.value.exit_code == 12


def test_a_theorem_never_has_the_facets_of_a_measured_value() -> None:
    from sovereign.inquiry.matching import PROVED
    from sovereign.judge import same_facets

    assert PROVED == UNIT
    for proof in available_proofs().values():
        (claim,) = as_pack(proof).spec.claims
        kept = as_pack(proof).spec.facets_of(claim)
        assert kept.unit == UNIT
        assert not same_facets(proof.spec.facets, kept)


def test_every_field_of_a_proof_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "proofs.md").read_text()
    for model in (ProofSpec, ProofLimits):
        assert f"### {model.__name__}" in page
        assert [name for name in model.model_fields if f"`{name}`" not in page] == []
    for provider in (Rocq(), Lean()):
        assert [name for name in provider.checks if f"`{name}`" not in page] == []


def test_a_proof_is_kept_as_a_pack_of_one_claim(folder: Path) -> None:
    toml = (folder / "proof.toml").read_text()
    odd = 'description = "A \\"toy\\", \\\\ and Greek: \u03b1.\\nTwo lines."'
    (folder / "proof.toml").write_text(toml.replace('description = "A toy."', odd))
    proof = load_proof(folder)
    verdict = prove(proof, Says(True), Open())
    pack, results = as_pack(proof), results_of(proof, verdict)
    assert PackSpec.model_validate(tomllib.loads(pack.files["pack.toml"].decode())) == pack.spec
    assert pack.digest == pack_digest(pack.files) and set(pack.spec.paths) <= set(pack.files)
    read = parse(results)
    assert results_fault(read, "toy", 0) is None
    assert read["theorem"]["statement_sha256"] == proof.statement_sha256
    assert (read["prover"], read["prover_version"], read["axioms"]) == ("rocq", "8.16.1", [])
    assert results == results_of(proof, verdict)

    key = Key.generate()
    envelope = attest_proof(proof, verdict, key, {"system": "Linux"}, NOW)
    signed = open_envelope(envelope).statement
    assert signed["predicateType"] == PREDICATE_PROOF
    assert signed["predicate"]["statement_sha256"] == proof.statement_sha256
    assert signed["predicate"]["outcomes"][0]["outcome"] == "supported"
    kept = proof_measurement(proof, verdict, envelope)
    assert kept["source_id"] == "measurement:toy" and digest(kept["text"].encode()) == digest(results)
    assert verify(envelope, {key.fingerprint: key.public_bytes}).subjects == {
        "pack": pack.digest,
        "results.json": digest(results),
    }
