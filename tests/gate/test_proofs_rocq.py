"""Rocq for real: for each check a cheat that only this check stops, and proofs that a host must survive.

Runs where SOVEREIGN_TEST_ROCQ is set and coqc, coqchk and a sandbox are there: `.ci/run` sets it in a job of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.proofs import Open, write_proof

from sovereign.gate import Bubblewrap
from sovereign.gate.proofs import ProofVerdict, Rocq, load_proof
from sovereign.gate.proofs.rocq import CHECKS
from sovereign.records import SandboxUnavailable

pytestmark = [
    pytest.mark.skipif(not os.environ.get("SOVEREIGN_TEST_ROCQ"), reason="set SOVEREIGN_TEST_ROCQ=1 to run Rocq"),
    pytest.mark.skipif(not shutil.which("coqc") or not shutil.which("coqchk"), reason="no Rocq: apt-get install coq"),
]

STATED = "Definition Stated : Prop := forall n m : nat, n + m = m + n.\n"
FALSE = "Definition Stated : Prop := False.\n"
HEAD = "From Sov Require Import Statement.\n"
GOOD = HEAD + "Require Import Lia.\nTheorem thm : Stated. Proof. unfold Stated. lia. Qed.\n"

Check = Callable[..., ProofVerdict]


@pytest.fixture(scope="session")
def rocq() -> Rocq:
    return Rocq()


@pytest.fixture
def check(sandbox: Bubblewrap, rocq: Rocq, tmp_path: Path) -> Check:
    def run(statement: str, proof: str, off: str = "", **given: object) -> ProofVerdict:
        folder = write_proof(tmp_path / "toy", statement, proof, **given)  # type: ignore[arg-type]
        return rocq.check(load_proof(folder), sandbox, frozenset(off.split()))

    return run


def test_an_honest_proof_passes_every_check(check: Check) -> None:
    verdict = check(STATED, GOOD)
    assert verdict.accepted, verdict.failed
    assert [(one.name, one.passed) for one in verdict.checks] == [(name, True) for name in CHECKS]
    assert verdict.axioms == ()
    assert verdict.prover.version


def test_equal_proofs_give_equal_verdicts(check: Check) -> None:
    assert check(STATED, GOOD).to_json() == check(STATED, GOOD).to_json()


def test_an_allowed_axiom_is_named_in_full(check: Check) -> None:
    statement = "Definition Stated : Prop := forall f g : nat -> nat, (forall x, f x = g x) -> f = g.\n"
    proof = (
        HEAD + "Require Import FunctionalExtensionality.\n"
        "Theorem thm : Stated. Proof. intros f g H. apply functional_extensionality. exact H. Qed.\n"
    )
    full = "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep"
    assert check(statement, proof, axioms=(full,)).axioms == (full,)
    refused = check(statement, proof).failed
    assert refused is not None and refused.name == "axioms" and "functional_extensionality_dep" in refused.said


#: Check -> what a cheat is, its statement, its proof, and what else its folder says.
CHEATS: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "statement-digest": (
        "an easier statement than the one that proof.toml names",
        "Definition Stated : Prop := True.\n",
        HEAD + "Theorem thm : Stated. Proof. exact I. Qed.\n",
        {"digest": "0" * 64},
    ),
    "own-session": (
        "ends with a theorem of the same name about a statement of the same name",
        FALSE,
        HEAD + "Theorem thm : Stated. Admitted.\nModule M. Definition Stated := True. "
        "Theorem thm : Stated. exact I. Qed. End M. Import M.\n",
        {},
    ),
    "stated-type": (
        "proves another theorem under that name",
        STATED,
        HEAD + "Theorem thm : forall n : nat, n + 0 = 0 + n. Proof. induction n; auto. Qed.\n",
        {},
    ),
    "axioms": ("assumes what is to be proved", FALSE, HEAD + "Theorem thm : Stated. Admitted.\n", {}),
    "kernel-flags": (
        "switches universe checking off around a paradox",
        FALSE,
        HEAD + "Require Import Coq.Logic.Hurkens.\nUnset Universe Checking.\n"
        "Definition thm : Stated := PropNeqType.paradox eq_refl.\n",
        {},
    ),
    # rocq-prover/rocq#20455: coqc 8.16, Print Assumptions and coqchk all take this for a proof.
    "known-holes": (
        "a fixpoint that the guard checker wrongly accepts",
        FALSE,
        HEAD
        + """
Definition not_zero n := match n with 0 => False | S _ => True end.
Definition not_one n := match n with 0 => False | S n => not_zero n end.
Fixpoint issue (n : nat) {struct n} : not_zero n -> False.
  refine match n with
  | 0 => fun h => h
  | S subn => fun h =>
    let f (b : bool) (e : b = true) (x : nat) (Hx : not_one x) :=
      let arg := (match (if b then x else subn) with 0 => subn | S subsubn => subsubn end) in issue arg _
    in f true eq_refl 5 I
  end.
  subst b. destruct x; cbn in Hx. now exfalso. assumption.
Defined.
Theorem thm : Stated. Proof. exact (issue 1 I). Qed.
""",
        {},
    ),
    # rocq-prover/rocq#20550: a side effect loses its flags, and Print Assumptions says `Closed`.
    "fresh-check": (
        "hides a switched-off check in a side effect",
        FALSE,
        HEAD + "Require Import Coq.Logic.Hurkens.\nUnset Universe Checking.\n"
        "#[bypass_check(universes=no)] Lemma thm : Stated.\n"
        "Proof. abstract (exact_no_check (PropNeqType.paradox eq_refl)). Qed.\n",
        {},
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_each_check_stops_a_cheat_that_no_other_stops(check: Check, name: str) -> None:
    _, statement, proof, given = CHEATS[name]
    without = check(statement, proof, off=name, **given)
    assert without.accepted, without.failed
    refused = check(statement, proof, **given)
    assert not refused.accepted
    # A session of ours refuses nothing itself: in it the other checks are told the truth.
    assert refused.failed is not None and refused.failed.name == ("axioms" if name == "own-session" else name)


def test_without_a_sandbox_a_proof_reaches_files_of_the_host(check: Check, rocq: Rocq, tmp_path: Path) -> None:
    (tmp_path / "hidden.v").write_text("Theorem thm : Stated. Proof. unfold Stated. lia. Qed.\n")
    proof = HEAD + f'Require Import Lia.\nLoad "{tmp_path}/hidden".\n'
    refused = check(STATED, proof)
    assert refused.failed is not None and refused.failed.name == "builds" and "hidden" in refused.failed.said
    loaded = load_proof(tmp_path / "toy")
    assert rocq.check(loaded, Open(), frozenset({"sandboxed"})).accepted
    with pytest.raises(SandboxUnavailable):
        rocq.check(loaded, Open())


def test_every_check_has_its_cheat() -> None:
    assert set(CHEATS) | {"sandboxed", "builds"} == set(CHECKS)


@pytest.mark.parametrize(
    ("what", "proof"),
    [
        ("an axiom of a library's name", "Module FunctionalExtensionality. "
         "Axiom functional_extensionality_dep : False. End FunctionalExtensionality.\n"
         "Theorem thm : Stated. exact FunctionalExtensionality.functional_extensionality_dep. Qed.\n"),
        ("a section variable that stays", "Variable bad : False. Theorem thm : Stated. exact bad. Qed.\n"),
        ("guard checking off", "Unset Guard Checking. Fixpoint f (n : nat) : False := f n. "
         "Definition thm : Stated := f 0.\n"),
        ("positivity checking off", "Unset Positivity Checking. Inductive I := c (f : I -> False). "
         "Definition thm : Stated := let f := fun i => match i with c g => g i end in f (c f).\n"),
        ("bypass_check", "#[bypass_check(guard)] Fixpoint f (n : nat) : False := f n. "
         "Definition thm : Stated := f 0.\n"),
        ("a flag left off for whoever requires it", "Require Import Coq.Logic.Hurkens. Global Unset Universe Checking. "
         "Definition thm : Stated := PropNeqType.paradox eq_refl.\n"),
        ("a functor with an inlined parameter", "Require Import Coq.Logic.Hurkens.\n"
         "Module Type T. Parameter Inline bad : False. End T.\nModule T1. Unset Universe Checking. "
         "Definition bad := PropNeqType.paradox eq_refl. Set Universe Checking. End T1.\n"
         "Module T2 (F : T). Definition bad := F.bad. End T2. Module T3 := T2 T1.\n"
         "Definition thm : Stated := T3.bad.\n"),
        ("a statement of its own", "Module Statement. Definition Stated := True. End Statement. Import Statement. "
         "Theorem thm : Statement.Stated. exact I. Qed.\n"),
        ("another False", "Inductive False : Prop := yes. Theorem thm : False. exact yes. Qed.\n"),
        ("a notation over the statement", 'Notation "\'Stated\'" := True. Theorem thm : Stated. exact I. Qed.\n'),
        ("a coercion to the statement", "Record r := { p : nat }. Axiom c : r -> Stated. Coercion c : r >-> Stated. "
         "Definition thm := {| p := 0 |}.\n"),
        ("a plugin", 'Declare ML Module "evil". Theorem thm : Stated. Admitted.\n'),
        ("commands after a name", "Theorem thm2 : Stated. Admitted.\n"),
    ],
)  # fmt: skip
def test_no_proof_of_false(check: Check, what: str, proof: str) -> None:
    assert not check(FALSE, HEAD + proof).accepted, what


@pytest.mark.parametrize(
    ("proof", "limits", "said"),
    [
        ("Goal True. let rec f _ := (idtac; f tt) in f tt. Abort.\n", "seconds = 3", "out of time (limit 3 s)"),
        ("Definition x := Eval vm_compute in Nat.pow 2 40.\n", "seconds = 60\nmemory_mb = 512", "builds"),
        ("Definition big := Eval vm_compute in Nat.pow 10 9.\n", "seconds = 60\nmemory_mb = 512", "builds"),
        ('Redirect "/pack/x" Print nat.\n', "seconds = 60", "builds"),
        ('Redirect "../../pack/x" Print nat.\n', "seconds = 60", "builds"),
        ("Require Import Extraction. Extraction \"/usr/x.ml\" Nat.add.\n", "seconds = 60", "builds"),
        ("Theorem thm : Stated. Proof. exact (fun => . Qed.\n", "seconds = 60", "Syntax error"),
        ("(* no end\n", "seconds = 60", "builds"),
        ("", "seconds = 60", "thm"),
    ],
)  # fmt: skip
def test_a_hostile_or_broken_proof_is_refused_with_its_cause(check: Check, proof: str, limits: str, said: str) -> None:
    verdict = check(STATED, HEAD + proof, limits=limits)
    refused = verdict.failed
    assert not verdict.accepted and refused is not None
    assert said in f"{refused.name}: {refused.said}"


def test_a_proof_cannot_leave_files_behind(check: Check, tmp_path: Path) -> None:
    marked = tmp_path / "canary.out"
    marked.write_text("canary")
    proof = HEAD + f'Redirect "{tmp_path}/canary" Print nat.\n' + GOOD.removeprefix(HEAD)
    assert not check(STATED, proof).accepted
    assert marked.read_text() == "canary"
