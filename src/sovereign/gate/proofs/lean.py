"""Lean 4 behind the port.

Three sessions, each in a sandbox of its own: the statement alone; the statement with the proof after it; and ours,
which imports Lean's own library and nothing else. The first two write the declarations behind the theorem as text; ours
hands each to the kernel and asks it whether the theorem has the stated type. So nothing of a proof runs where it is
judged: no macro, no elaborator, no initializer, no compiled file of its making.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sovereign.records import SandboxUnavailable

from ..sandbox import DATA, Sandbox
from ._lean_said import Told, messages, read_told
from ._session import Session, run_session
from .port import Checked, ProofVerdict, ProverReport, ProverUnavailable, Refused
from .spec import LEAN_AXIOMS, Proof

#: Names the program, where it is not on PATH, and what address space it takes for itself beside a proof's own.
PROGRAM_VARIABLE, MEMORY_VARIABLE = "SOVEREIGN_LEAN", "SOVEREIGN_LEAN_MEMORY_MB"
INSTALL = f"install Lean 4 (no Debian package; see docs/proofs.md), and name its program in {PROGRAM_VARIABLE}"
_SYSTEM = ("/usr/", "/bin/")
_HERE = Path(__file__).parent
#: Axioms of Lean's library, the allowed ones and those that make anything true or trust compiled code.
_REAL = (*LEAN_AXIOMS, "sorryAx", "Lean.ofReduceBool", "Lean.ofReduceNat", "Lean.trustCompiler")

CHECKS: Mapping[str, str] = {
    "sandboxed": "everything ran in a sandbox that passed its own test on this host",
    "statement-digest": "the statement's file is the one that proof.toml names by digest",
    "builds": "the statement compiles without the proof, the proof after the statement, within the limits",
    "own-definitions": "what the statement declares, the proof declares in no other way",
    "fresh-check": "the kernel of a fresh process, without anything of the proof's making, takes every declaration",
    "stated-type": "that kernel takes the named theorem for a term of the stated proposition",
    "axioms": "no axiom but propext, Quot.sound and Classical.choice, as far as proof.toml names them; no sorry",
}


class Lean:
    """The provider. `program` names `lean`; by default $SOVEREIGN_LEAN, else what is on PATH."""

    name = "lean"
    checks = CHECKS

    def __init__(self, program: str | None = None) -> None:
        self._program = program
        self._report: ProverReport | None = None
        #: What compiling a text came to, by the text: importing a library takes longer than the proof does.
        self.compiled: dict[tuple[bytes, int], Session] = {}

    def probe(self) -> ProverReport:
        """Look for lean, once for this object."""
        if self._report is None:
            self._report = self._probe()
        return self._report

    def _probe(self) -> ProverReport:
        named = self._program or os.environ.get(PROGRAM_VARIABLE) or shutil.which("lean")
        if named is None:
            return ProverReport(False, self.name, reason="Lean's lean is not on PATH", remedy=INSTALL)
        program = Path(named).resolve()
        if program.parent.name != "bin" or not os.access(program, os.X_OK):
            reason = f"{named} is no program in the bin folder of a Lean"
            return ProverReport(False, self.name, reason=reason, remedy=INSTALL)
        if Path(os.environ.get("ELAN_HOME", Path.home() / ".elan")).resolve() / "bin" == program.parent:
            reason = f"{named} is elan's stand-in, which fetches what it runs; the sandbox has no network"
            remedy = f"name the toolchain's own program in {PROGRAM_VARIABLE}: `elan which lean` tells it"
            return ProverReport(False, self.name, reason=reason, remedy=remedy)
        try:
            told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=300, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return ProverReport(False, self.name, reason=f"{named} does not run: {error}", remedy=INSTALL)
        found = re.search(r"Lean \(version ([^,)]+)[^)]*\)", told.stdout)
        if found is None or not found[1].startswith("4."):
            return ProverReport(False, self.name, reason=f"{named} does not say that it is Lean 4", remedy=INSTALL)
        facts = {"lean": str(program), "said": found[0]}
        return ProverReport(True, self.name, found[1], facts=facts)

    def check(self, proof: Proof, sandbox: Sandbox, off: frozenset[str] = frozenset()) -> ProofVerdict:
        """Put a proof through every check; see the port."""
        report = self.probe()
        if not report.ok:
            raise ProverUnavailable(report.reason, report.remedy)
        grade = sandbox.probe()
        if not grade.ok and "sandboxed" not in off:
            raise SandboxUnavailable(grade.reason, grade.remedy)
        case = _Case(proof, sandbox, report, off, self.compiled if grade.ok else {})
        refused: Refused | None = None
        try:
            case.run()
        except Refused as error:
            refused = error
        checks = []
        for name, meaning in CHECKS.items():
            if refused is not None and name == refused.check:
                checks.append(Checked(name, False, refused.said))
                break
            checks.append(Checked(name, None, "left out") if name in off else Checked(name, True, meaning))
        return ProofVerdict(
            accepted=refused is None,
            prover=case.report,
            checks=tuple(checks),
            axioms=case.axioms,
            libraries=("Lean",),
            sandbox=grade,
            seconds=case.seconds,
            log=case.log,
        )


class _Case:
    """One proof on its way through the checks."""

    def __init__(
        self,
        proof: Proof,
        sandbox: Sandbox,
        report: ProverReport,
        off: frozenset[str],
        compiled: dict[tuple[bytes, int], Session],
    ) -> None:
        self.proof, self.sandbox, self.report, self.off, self.compiled = proof, sandbox, report, off, compiled
        self.axioms: tuple[str, ...] = ()
        self.seconds, self.log = 0.0, ""

    def run(self) -> None:
        spec = self.proof.spec
        stated, found = spec.statement_sha256, self.proof.statement_sha256
        if "statement-digest" not in self.off and stated != found:
            raise Refused("statement-digest", f"the statement's file has SHA-256 {found}, proof.toml says {stated}")
        names = (spec.statement, spec.theorem)
        stated, shown = self.proof.statement.decode("utf-8"), self.proof.proof.decode("utf-8")
        statement = self._compile("the statement", stated, "", names[:1])
        proof = self._compile("the proof", stated, shown, names)
        said = self._judge(statement, proof)
        self._read(said)

    def _compile(self, what: str, statement: str, proof: str, names: tuple[str, ...]) -> bytes:
        """Compile, and have the declarations behind `names` written as text."""
        quoted = ", ".join(f"`{name}" for name in names)
        tell = (_HERE / "_tell.lean").read_text(encoding="utf-8")
        asked = f'open Lean Elab Command in\nrun_cmd do SovereignTell.tell (← getEnv) "told.txt" [{quoted}]\n'
        text = (together(statement, proof) + tell + asked).encode()
        key = (text, self.proof.spec.limits.memory_mb)
        session = self.compiled.get(key) or self._session({"Main.lean": text}, "told.txt")
        if session.ok:
            self.compiled[key] = session
        said = messages(session.steps[0].said if session.steps else "")
        errors = [" ".join(text.split()) for severity, text in said if severity == "error"]
        self.log += "\n".join(errors)[-4000:]
        if not session.ok or "told.txt" not in session.files or errors:
            raise Refused("builds", f"{what} does not compile: {errors[0][:400] if errors else session.why()}")
        return session.files["told.txt"]

    def _session(self, files: Mapping[str, bytes], *outputs: str) -> Session:
        program = Path(self.report.facts["lean"])
        limits = self.proof.spec.limits
        own = int(os.environ.get(MEMORY_VARIABLE, "0"))
        limits = limits.model_copy(update={"memory_mb": limits.memory_mb + own})
        shown: dict[str, str] = {}
        argv = str(program)
        if not argv.startswith(_SYSTEM):
            shown["lean"] = str(program.parent.parent)
            argv = f"{DATA}/lean/bin/{program.name}"
        environment = {"HOME": "/tmp"}  # noqa: S108 - inside the sandbox, private to it
        command = [argv, "--json", next(iter(files))]
        session = run_session(self.sandbox, limits, files, [command], outputs, environment, shown)
        self.seconds += session.seconds
        return session

    def _judge(self, statement: bytes, proof: bytes) -> Told:
        """Ours: what the kernel of a fresh process says of the declarations."""
        if "fresh-check" in self.off:
            return Told(done=True, typed=True)
        if "own-definitions" in self.off:
            statement = b"".join(line for line in statement.splitlines(True) if line[:1] != b"D")
        typed = "false" if "stated-type" in self.off else "true"
        ours = (_HERE / "_kernel.lean").read_text(encoding="utf-8")
        ours += f"\nopen Lean Elab Command in\nrun_cmd do SovereignKernel.judge (← getEnv) {typed}\n"
        session = self._session({"Check.lean": ours.encode(), "statement.txt": statement, "proof.txt": proof})
        said = read_told(session.steps[0].said if session.steps else "")
        if said.refused:
            own = "otherwise than the statement" in said.refused
            named = "stated-type" if said.refused.startswith("type") else "own-definitions" if own else "fresh-check"
            raise Refused(named, f"the kernel refuses it: {said.refused}")
        if not session.ok or not said.done:
            raise Refused("fresh-check", f"the kernel's session came to no end: {session.why()}")
        return said

    def _read(self, said: Told) -> None:
        if said.stripped:
            hole = "this build's library comes without its proofs: its theorems are taken as installed"
            self.report = ProverReport(**{**vars(self.report), "holes": (*self.report.holes, hole)})
        # A build without the library's proofs shows its theorems as axioms: there the axioms are known by name.
        library = [name for name in said.library if not said.stripped or name in _REAL or name.startswith("lc")]
        used = sorted({*library, *said.rests})
        bad = [name for name in (*used, *said.declared) if name not in self.proof.spec.axioms]
        if "axioms" not in self.off and bad:
            raise Refused("axioms", f"it rests on, or declares, what is not allowed: {', '.join(dict.fromkeys(bad))}")
        self.axioms = tuple(name for name in used if name in self.proof.spec.axioms)


def together(statement: str, proof: str) -> str:
    """One file of both, the statement before the proof, the imports of both first."""
    imports, bodies = ["import Lean"], []
    for text in (statement, proof):
        lines = text.split("\n")
        own = [line for line in lines if re.fullmatch(r"import [\w.]+\s*", line)]
        imports += [line.strip() for line in own]
        bodies.append("\n".join("" if line in own else line for line in lines))
    return "\n".join(dict.fromkeys(imports)) + "\n" + "\n".join(bodies)
