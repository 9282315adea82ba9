"""An accepted proof as what the library and a record keep: a pack of one claim, its results, a signed statement.

A pack measures, a proof shows; what is kept of both has one form, so that a record attaches and shows them alike.
The `pack.toml` of a proof is made from its `proof.toml` and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sovereign.judge.outcomes import outcomes, pack_digest
from sovereign.records import ClaimOutcome, PackSpec, SovereignError
from sovereign.seal import PREDICATE_PROOF, Key, canonical, digest, sign, statement

from ..attested import AttestedRun, earlier_of, measurement_of
from ..packs import PACK_FILE, Pack
from ..reproduce import RESULTS_FILE
from ..sandbox import Sandbox
from .port import ProofVerdict, Prover
from .spec import FILES, PROOF_FILE, Proof

RESULTS_SCHEMA = "sovereign-results-v1"
UNIT = "accepted proof"


class ProofRefused(SovereignError):
    """A check refused the proof. Nothing of it is kept; `verdict` says which check and why."""

    exit_code = 12

    def __init__(self, name: str, verdict: ProofVerdict) -> None:
        failed = verdict.failed
        check, said = (failed.name, failed.said) if failed else ("unknown", "no check passed")
        super().__init__(f"the proof {name} is refused by the check {check}: {said}", REMEDIES.get(check, ""))
        self.verdict = verdict


REMEDIES: Mapping[str, str] = {
    "statement-digest": "restore the statement; a changed one is another proof, and needs its digest in proof.toml",
    "builds": "mend what the prover names, or raise [limits] in proof.toml",
    "stated-type": "prove the stated proposition itself, under the name that proof.toml gives",
    "axioms": "prove what is assumed, or name the axiom in full in proof.toml, where a reader sees it",
    "kernel-flags": "prove it with every check of the kernel on",
    "fresh-check": "prove it without the features that the second check refuses",
}


def prove(proof: Proof, prover: Prover, sandbox: Sandbox) -> ProofVerdict:
    """Put a proof through every check.

    Raises:
        ProofRefused: a check said no; nothing is kept.
        ProverUnavailable, SandboxUnavailable: nothing was run.
    """
    verdict = prover.check(proof, sandbox)
    if not verdict.accepted or any(check.passed is not True for check in verdict.checks):
        raise ProofRefused(proof.spec.name, verdict)
    return verdict


def as_pack(proof: Proof) -> Pack:
    """The pack that a proof is kept as: `pack.toml`, made from `proof.toml`, and the proof's three files."""
    spec = proof.spec
    statement_file, proof_file = FILES[spec.prover]
    claim = {
        "id": "theorem",
        "statement": " ".join(spec.description.split()),
        "result_field": "/values/accepted",
        "comparison": "equal",
        "expected": 1.0,
        # A metric of its own: a theorem stands beside the cell that asks for a measured value, and never fills it.
        "facets": {"unit": UNIT, "metric": f"proved: {spec.facets.metric or spec.facets.subject or spec.title}"},
        "settles": [settled.to_json() for settled in spec.settles],
    }
    stated: dict[str, Any] = {
        "name": spec.name,
        "title": spec.title,
        "version": spec.version,
        "description": spec.description,
        "bears_on": list(spec.bears_on),
        "differs_in": [one.value for one in spec.differs_in],
        "source": spec.source,
        "script": proof_file,
        "files": [statement_file, PROOF_FILE],
        "facets": {name: value for name, value in spec.facets.to_json().items() if value not in (None, [], ())},
        "limits": spec.limits.to_json(),
    }
    toml = f"# Made from {PROOF_FILE}, so that the accepted proof can be kept as a pack's results are.\n"
    toml += _toml(stated) + "\n[[claims]]\n" + _toml(claim)
    files = {PACK_FILE: toml.encode("utf-8"), **proof.files}
    return Pack(PackSpec.model_validate({**stated, "claims": [claim]}), files, pack_digest(files))


def results_of(proof: Proof, verdict: ProofVerdict) -> bytes:
    """`results.json` of an accepted proof, canonical: which prover and version, theorem, statement, axioms, checks.

    Nothing in it differs between two runs, so that equal proofs give equal bytes.
    """
    told = verdict.to_json()
    isolation = told.pop("isolation")
    del told["accepted"], isolation  # the one stands in `values`, the other in the attestation
    spec = proof.spec
    return canonical(
        {
            "schema": RESULTS_SCHEMA,
            "pack": spec.name,
            "seed": 0,
            "values": {"accepted": 1},
            "theorem": {
                "name": spec.theorem,
                "statement": spec.statement,
                "statement_file": FILES[spec.prover][0],
                "statement_sha256": proof.statement_sha256,
                "proof_sha256": digest(proof.proof),
            },
            **{**told, "checks": [check["name"] for check in told["checks"]]},
        }
    )


def attest_proof(proof: Proof, verdict: ProofVerdict, key: Key, facts: Mapping[str, str], now: str) -> bytes:
    """A signed in-toto Statement on an accepted proof: proof and results as subjects, the checks as predicate."""
    pack, results = as_pack(proof), results_of(proof, verdict)
    assert verdict.sandbox is not None  # an accepted proof was built in one
    predicate = {
        "pack": pack.spec.name,
        "pack_version": pack.spec.version,
        "seed": 0,
        "isolation": verdict.sandbox.grade,
        "sandbox": verdict.sandbox.to_json(),
        "limits": pack.spec.limits.to_json(),
        "machine": dict(facts),
        "outcomes": [outcome.to_json() for outcome in proof_outcomes(pack, results)],
        "theorem": proof.spec.theorem,
        "statement": proof.spec.statement,
        "statement_sha256": proof.statement_sha256,
        "verdict": verdict.to_json(),
        "attested_at": now,
    }
    return sign(statement(PREDICATE_PROOF, {"pack": pack.digest, RESULTS_FILE: digest(results)}, predicate), key)


def proof_outcomes(pack: Pack, results: bytes) -> tuple[ClaimOutcome, ...]:
    """What the results of an accepted proof say of its one claim."""
    return outcomes(pack.spec, json.loads(results))


def proof_measurement(
    proof: Proof, verdict: ProofVerdict, envelope: bytes, before: tuple[Mapping[str, Any], str] | None = None
) -> dict[str, Any]:
    """The arguments of `Library.add_measurement` for an accepted proof.

    Args:
        before: `meta` and text of what the library holds under this name: a proof that was another stays told.
    """
    assert verdict.sandbox is not None
    pack = as_pack(proof)
    run = AttestedRun(
        seed=0,
        grade=verdict.sandbox.grade,
        results=results_of(proof, verdict).decode("utf-8"),
        attestation=envelope.decode("utf-8"),
        seconds=verdict.seconds,
    )
    earlier = earlier_of(before[0], before[1], pack, (run,)) if before is not None else ()
    return measurement_of(pack, (run,), envelope, earlier)


def _toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML, one key a line; tables inline. JSON's strings and numbers are TOML's."""
    return "".join(f"{name} = {_inline(value)}\n" for name, value in values.items())


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_inline(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    # TOML has no \u escapes for half characters and no \/; a plain ASCII JSON string is read alike by both.
    return json.dumps(value, ensure_ascii=False)
