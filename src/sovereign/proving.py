"""A proof put to its prover, signed where it is accepted, and kept in the library beside the measurements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovereign.records import Document, NotFound

if TYPE_CHECKING:
    from sovereign.gate.proofs import Proof
    from sovereign.workspace import Workspace


class Proved(Document):
    """A proof that was accepted: the verdict of every check, and where it is kept."""

    proof: str
    title: str
    theorem: str
    statement: str
    statement_sha256: str
    verdict: dict[str, Any]
    source: str | None = None


def prove(workspace: Workspace | None, named: str, *, progress: Callable[[str], None] = lambda _: None) -> Proved:
    """Check a proof and keep it in the workspace's library; without a workspace, only check it.

    Args:
        named: a folder that holds a `proof.toml`, or the name of an installed proof.

    Raises:
        NotFound, BadInput: there is no such proof, or it cannot be read.
        ProverUnavailable, SandboxUnavailable: nothing was run.
        ProofRefused: a check said no; nothing is kept.
    """
    from sovereign.gate import default_sandbox, proofs
    from sovereign.gate.reproduce import machine_facts

    proof = proof_named(named)
    key = workspace.key() if workspace is not None else None
    prover = proofs.provers()[proof.spec.prover]
    progress(f"looking for {proof.spec.prover.value}, testing the sandbox")
    report = prover.probe()
    if not report.ok:
        raise proofs.ProverUnavailable(report.reason, report.remedy)
    limit = f"at most {proof.spec.limits.seconds:g} s a step"
    progress(f"checking {proof.spec.name} with {report.prover} {report.version} ({limit})")
    verdict = proofs.prove(proof, prover, default_sandbox())
    source = None
    if workspace is not None and key is not None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        facts = {**machine_facts(), "seconds": f"{verdict.seconds:.1f}"}
        envelope = proofs.attest_proof(proof, verdict, key, facts, now)
        with workspace.library() as library:
            try:
                stored = library.get(proof.spec.source)
                before = (stored.meta, stored.text)
            except NotFound:
                before = None
            library.add_measurement(**proofs.proof_measurement(proof, verdict, envelope, before))
        source = proof.spec.source
    return Proved(
        proof=proof.spec.name,
        title=proof.spec.title,
        theorem=proof.spec.theorem,
        statement=proof.spec.statement,
        statement_sha256=proof.statement_sha256,
        verdict=verdict.to_json(),
        source=source,
    )


def proof_named(named: str) -> Proof:
    """The proof in a folder, or the installed one of that name."""
    from sovereign.gate.proofs import available_proofs, load_proof

    if "/" in named or named in (".", "..") or Path(named).is_dir():
        return load_proof(named)
    held = available_proofs()
    if named not in held:
        remedy = f"name a folder that holds a proof.toml, or one of: {', '.join(held) or 'none'}"
        raise NotFound(f"there is no proof {named!r} installed", remedy)
    return held[named]
