"""Proofs: a theorem against a statement kept apart from it, checked by a prover in the sandbox."""

from .accept import UNIT, ProofRefused, as_pack, attest_proof, proof_measurement, prove, results_of
from .lean import Lean
from .port import Checked, ProofVerdict, Prover, ProverReport, ProverUnavailable
from .rocq import Rocq
from .spec import Proof, ProofLimits, ProofSpec, ProverName, available_proofs, load_proof

__all__ = [
    "UNIT",
    "Checked",
    "Lean",
    "Proof",
    "ProofLimits",
    "ProofRefused",
    "ProofSpec",
    "ProofVerdict",
    "Prover",
    "ProverName",
    "ProverReport",
    "ProverUnavailable",
    "Rocq",
    "as_pack",
    "attest_proof",
    "available_proofs",
    "load_proof",
    "proof_measurement",
    "prove",
    "provers",
    "results_of",
]


def provers() -> dict[ProverName, Prover]:
    """Both providers, by name."""
    return {ProverName.ROCQ: Rocq(), ProverName.LEAN: Lean()}
