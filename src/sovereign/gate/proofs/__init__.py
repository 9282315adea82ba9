"""Proofs: a theorem against a statement kept apart from it, checked by a prover in the sandbox."""

from .port import Checked, ProofVerdict, Prover, ProverReport, ProverUnavailable
from .rocq import Rocq
from .spec import Proof, ProofLimits, ProofSpec, ProverName, available_proofs, load_proof

__all__ = [
    "Checked",
    "Proof",
    "ProofLimits",
    "ProofSpec",
    "ProofVerdict",
    "Prover",
    "ProverName",
    "ProverReport",
    "ProverUnavailable",
    "Rocq",
    "available_proofs",
    "load_proof",
]
