"""`sovereign prove`: put a proof to a prover in the sandbox; what is accepted enters the library."""

from __future__ import annotations

import click

from sovereign.records import BadInput

from ._console import Console, verb


@click.command()
@click.argument("proof", required=False)
@click.option("--list", "listed", is_flag=True, help="List the installed proofs and the provers of this host.")
@click.option("--check-only", is_flag=True, help="Say whether it is accepted; keep nothing.")
@verb
def prove(console: Console, proof: str | None, listed: bool, check_only: bool) -> None:
    """Check PROOF, a folder with a proof.toml or the name of an installed proof, with the prover that it names.

    The statement is kept apart from the proof; both are compiled in the sandbox, and a session of ours asks the kernel
    whether the theorem has the stated type and what it rests on. An accepted proof is signed and enters the library,
    where it can stand beside cells as a measurement does. That the statement means a claim is a person's to say: see
    `sovereign attest`. A refused proof ends with exit code 12, a missing prover with 8.

    \b
    Example:
      sovereign prove distinct-experts-bound
      sovereign prove ./my-proof --check-only
    """
    from sovereign.proving import prove as put

    if listed:
        _list(console)
        return
    if proof is None:
        raise BadInput("name a proof: a folder with a proof.toml, or an installed one", "see `sovereign prove --list`")
    workspace = None if check_only else console.workspace()
    proved = put(workspace, proof, progress=console.progress)
    verdict = proved.verdict
    lines = [f"{proved.proof}: accepted by {verdict['prover']} {verdict['prover_version']} ({verdict['isolation']})"]
    lines += [f"  {check['name']:<17}{check['said']}" for check in verdict["checks"]]
    lines.append(f"  rests on         {', '.join(verdict['axioms']) or 'no axiom'}")
    lines += [f"  known hole       {hole}" for hole in verdict["known_holes"]]
    lines.append(f"  statement        SHA-256 {proved.statement_sha256}")
    lines.append(f"in the library as {proved.source}" if proved.source else "nothing was kept")
    console.emit(proved, lines)


def _list(console: Console) -> None:
    from sovereign.gate.proofs import available_proofs, provers

    reports = [provider.probe() for provider in provers().values()]
    held = available_proofs()
    specs = [proof.spec for proof in held.values()]
    shown = {
        "proofs": [{"name": spec.name, "prover": spec.prover.value, "title": spec.title} for spec in specs],
        "provers": [{"prover": r.prover, "ok": r.ok, "version": r.version, "reason": r.reason} for r in reports],
    }
    lines = [f"{spec.name:<32}{spec.prover.value:<6}{spec.title}" for spec in specs]
    lines += [f"{r.prover}: {r.version if r.ok else f'not here: {r.reason}; {r.remedy}'}" for r in reports]
    console.emit(shown, lines)
