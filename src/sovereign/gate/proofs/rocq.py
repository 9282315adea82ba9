"""Rocq (Debian's `coq`) behind the port.

Four sessions, each in a sandbox of its own: the statement alone; the proof over the compiled statement; ours over both
compiled files, which runs nothing of the proof's text and asks the kernel; and `coqchk`, which reads the compiled files
with another, smaller program. What the first two print is never read for the verdict.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sovereign.records import SandboxUnavailable

from ..sandbox import Sandbox
from ._holes import FIXPOINTS, MODULES, UNIVERSES, rocq_holes
from ._rocq_said import Assumed, Summary, assumptions, module_names, summary
from ._session import Session, run_session
from .port import Checked, ProofVerdict, ProverReport, ProverUnavailable, Refused
from .spec import Proof

INSTALL = "install the Debian package coq (apt-get install coq), which has coqc and coqchk"
_SYSTEM = ("/usr/", "/bin/")
_COQC = ("-q", "-w", "-deprecated-native-compiler-option", "-native-compiler", "no", "-noglob", "-R", ".", "Sov")
_LINE = "sovereign-line"
#: Rocq finds its own plugins through findlib, whose configuration lies in /etc, which the sandbox does not show. Named
#: here are the system's folders alone, so that no plugin of anybody else's can be found.
_FINDLIB = b'destdir="/usr/lib/ocaml"\npath="/usr/lib/ocaml:/usr/lib/ocaml/coq/user-contrib"\n'
_ENVIRONMENT = {"HOME": "/tmp", "OCAMLFIND_CONF": "findlib.conf"}  # noqa: S108 - inside the sandbox, private to it
#: Undoes what a file may set for whoever requires it (`Global Unset Universe Checking`), and prints all there is.
_RESET = """\
Set Universe Checking. Set Guard Checking. Set Positivity Checking.
Set Printing All. Set Printing Universes. Set Printing Depth 100000000. Set Printing Width 120.
"""

CHECKS: Mapping[str, str] = {
    "sandboxed": "everything ran in a sandbox that passed its own test on this host",
    "statement-digest": "the statement's file is the one that proof.toml names by digest",
    "builds": "the statement compiles without the proof, the proof over the compiled statement, within the limits",
    "own-session": "what is read was said in a session of ours that runs nothing of the proof's text",
    "stated-type": "the kernel takes the named theorem, as it is, for a term of the stated proposition",
    "axioms": "no axiom, parameter or admitted step but those that proof.toml names",
    "kernel-flags": "no term for which a check of the kernel was switched off (universes, guard, positivity)",
    "known-holes": "nothing in the proof of the kind by which this version is known to accept a proof of False",
    "fresh-check": "coqchk, another program, checks the compiled terms again",
}


class Rocq:
    """The provider. `coqc` and `coqchk` name the programs; by default they are looked for on PATH."""

    name = "rocq"
    checks = CHECKS

    def __init__(self, coqc: str | None = None, coqchk: str | None = None) -> None:
        self._programs = (coqc, coqchk)
        self._report: ProverReport | None = None

    def probe(self) -> ProverReport:
        """Look for coqc and coqchk, once for this object."""
        if self._report is None:
            self._report = self._probe()
        return self._report

    def _probe(self) -> ProverReport:
        coqc = self._programs[0] or shutil.which("coqc")
        coqchk = self._programs[1] or shutil.which("coqchk")
        if coqc is None or coqchk is None:
            missing = "coqc" if coqc is None else "coqchk"
            return ProverReport(False, self.name, reason=f"Rocq's {missing} is not on PATH", remedy=INSTALL)
        if not all(str(Path(tool).resolve()).startswith(_SYSTEM) for tool in (coqc, coqchk)):
            reason = f"{coqc} lies outside the system's folders, which alone the sandbox shows"
            return ProverReport(False, self.name, reason=reason, remedy=INSTALL)
        try:
            told = subprocess.run([coqc, "--print-version"], capture_output=True, text=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return ProverReport(False, self.name, reason=f"{coqc} does not run: {error}", remedy=INSTALL)
        version = (told.stdout.split() or ["?"])[0]
        left = tuple(f"{hole.number} {hole.what}" for hole in rocq_holes(version) if not hole.shuts)
        return ProverReport(True, self.name, version, holes=left, facts={"coqc": coqc, "coqchk": coqchk})

    def check(self, proof: Proof, sandbox: Sandbox, off: frozenset[str] = frozenset()) -> ProofVerdict:
        """Put a proof through every check; see the port."""
        report = self.probe()
        if not report.ok:
            raise ProverUnavailable(report.reason, report.remedy)
        grade = sandbox.probe()
        if not grade.ok and "sandboxed" not in off:
            raise SandboxUnavailable(grade.reason, grade.remedy)
        case = _Case(proof, sandbox, report, off)
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
            prover=report,
            checks=tuple(checks),
            axioms=case.axioms,
            libraries=case.libraries,
            sandbox=grade,
            seconds=case.seconds,
            log=case.log,
        )


class _Case:
    """One proof on its way through the checks, in the order of `CHECKS`."""

    def __init__(self, proof: Proof, sandbox: Sandbox, report: ProverReport, off: frozenset[str]) -> None:
        self.proof, self.sandbox, self.off = proof, sandbox, off
        self.coqc, self.coqchk = report.facts["coqc"], report.facts["coqchk"]
        self.shut = {hole.shuts: hole for hole in reversed(rocq_holes(report.version)) if hole.shuts}
        self.axioms: tuple[str, ...] = ()
        self.libraries: tuple[str, ...] = ()
        self.seconds, self.log = 0.0, ""

    def run(self) -> None:
        self._digest()
        statement = self._compile("Statement", {"Statement.v": self.proof.statement}, "the statement")
        if "own-session" in self.off:
            self._believe_the_proof(statement)
            return
        proof = self._compile("Proof", {"Proof.v": self.proof.proof, "Statement.vo": statement}, "the proof")
        compiled = {"Statement.vo": statement, "Proof.vo": proof}
        check, said = self._ask(compiled)
        again = self._fresh({**compiled, "Check.vo": check})
        self._axioms(said, again)
        self._flags(said, again)
        self._holes(compiled)
        if "fresh-check" not in self.off and not again.ok:
            raise Refused("fresh-check", f"coqchk refuses the compiled terms: {again.failure}")

    def _digest(self) -> None:
        stated, found = self.proof.spec.statement_sha256, self.proof.statement_sha256
        if "statement-digest" not in self.off and stated != found:
            raise Refused("statement-digest", f"the statement's file has SHA-256 {found}, proof.toml says {stated}")

    def _session(self, files: Mapping[str, bytes], *commands: Sequence[str], outputs: Sequence[str] = ()) -> Session:
        handed = {**files, "findlib.conf": _FINDLIB}
        session = run_session(self.sandbox, self.proof.spec.limits, handed, commands, outputs, _ENVIRONMENT)
        self.seconds += session.seconds
        return session

    def _compile(self, module: str, files: dict[str, bytes], what: str) -> bytes:
        session = self._session(files, [self.coqc, *_COQC, f"{module}.v"], outputs=[f"{module}.vo"])
        self.log += "".join(step.said for step in session.steps)[-4000:]
        if not session.ok or f"{module}.vo" not in session.files:
            raise Refused("builds", f"{what} does not compile: {session.why()}")
        return session.files[f"{module}.vo"]

    def _ask(self, compiled: dict[str, bytes]) -> tuple[bytes, Assumed]:
        """Ours: the kernel compares the types and tells what the theorem rests on."""
        spec = self.proof.spec
        type_ = "" if "stated-type" in self.off else f" : Sov.Statement.{spec.statement}"
        text = (
            f"Require Sov.Statement. Require Sov.Proof.\n{_RESET}"
            # The term as it is: no coercion can be put around it, and the kernel compares its type with the stated one.
            f"Definition sovereign_check{type_} := ltac:(exact_no_check @Sov.Proof.{spec.theorem}).\n"
            f'Goal True. idtac "{_LINE}". Abort.\nPrint Assumptions sovereign_check.\n'
            f'Goal True. idtac "{_LINE}". Abort.\nPrint Libraries.\n'
        )
        if not type_:
            text = text.replace("ltac:(exact_no_check ", "(")
        files = {**compiled, "Check.v": text.encode()}
        session = self._session(files, [self.coqc, *_COQC, "Check.v"], outputs=["Check.vo"])
        if not session.ok or "Check.vo" not in session.files:
            raise Refused("stated-type", f"{spec.theorem} is not a proof of {spec.statement}: {session.why()}")
        parts = session.steps[0].said.split(f"{_LINE}\n")
        if len(parts) != 3:
            raise Refused("stated-type", f"our session cannot be read: {session.steps[0].tail}")
        self.libraries = tuple(name for name in parts[2].split() if "." in name and not name.startswith("Sov."))
        return session.files["Check.vo"], assumptions(parts[1])

    def _fresh(self, compiled: dict[str, bytes]) -> Summary:
        """`coqchk` over our three files and every library that is not Rocq's own; those it takes as installed."""
        if "fresh-check" in self.off:
            return Summary(ok=True)
        ours = [f"Sov.{name.removesuffix('.vo')}" for name in compiled]
        others = [name for name in self.libraries if not name.startswith(("Coq.", "Stdlib.", "Corelib."))]
        named = [word for name in [*others, *ours] for word in ("-norec", name)]
        session = self._session(compiled, [self.coqchk, "-silent", "-o", "-R", ".", "Sov", *named])
        if not session.ok:
            return Summary(ok=False, failure=session.why())
        return summary(session.steps[0].said)

    def _axioms(self, said: Assumed, again: Summary) -> None:
        if "axioms" in self.off:
            return
        allowed = self.proof.spec.axioms
        used = [name for name in said.axioms if not any(_same(name, full) for full in allowed)]
        declared = [name for name in again.axioms if name.startswith("Sov.") and name not in allowed]
        bad = [*used, *(name for name in declared if name.removeprefix("Sov.") not in used)]
        if bad:
            raise Refused("axioms", f"it rests on, or declares, what is not allowed: {', '.join(bad[:8])}")
        self.axioms = tuple(full for full in allowed if any(_same(name, full) for name in said.axioms))

    def _flags(self, said: Assumed, again: Summary) -> None:
        found = [*said.unsafe, *again.unsafe]
        if "kernel-flags" not in self.off and found:
            raise Refused("kernel-flags", f"a check of the kernel was switched off: {'; '.join(found[:4])}")

    def _holes(self, compiled: dict[str, bytes]) -> None:
        """Nothing of the proof's own on which this version is known to fail: fixpoints, modules, universes."""
        if "known-holes" in self.off or not self.shut:
            return
        head = f"Require Sov.Statement. Require Sov.Proof.\n{_RESET}"
        look = f"{head}Print Module Sov.Proof.\n"
        session = self._session({**compiled, "Look.v": look.encode()}, [self.coqc, *_COQC, "Look.v"])
        if not session.ok or "..." in session.steps[0].said:
            raise Refused("known-holes", f"the proof's declarations cannot be listed: {session.why()}")
        listed = module_names(session.steps[0].said)
        self._refuse_if(MODULES, listed.nested)
        self._refuse_if(UNIVERSES, listed.polymorphic)
        if listed.odd:
            raise Refused("known-holes", f"the proof declares {listed.odd!r}, a name that cannot be looked up")
        prints = "".join(f"Print Sov.Proof.{name}.\n" for name in listed.definitions)
        session = self._session({**compiled, "Look.v": (head + prints).encode()}, [self.coqc, *_COQC, "Look.v"])
        said = session.steps[0].said if session.steps else ""
        if not session.ok or "..." in said:
            raise Refused("known-holes", f"the proof's terms cannot be read: {session.why()}")
        found = re.search(r"\b(?:co)?fix\s+([\w']+)", said)
        self._refuse_if(FIXPOINTS, found[1] if found else "")

    def _refuse_if(self, what: str, found: str) -> None:
        if found and what in self.shut:
            hole = self.shut[what]
            remedy = "put recursive definitions into the statement, use the library's induction principles and lemmas, "
            remedy += "and do not unfold its functions (simpl leaves their fixpoints in the term)"
            said = f"{what} ({found}); this version of Rocq has a known hole there ({hole.number}, {hole.what})"
            raise Refused("known-holes", f"{said}; {remedy if what == FIXPOINTS else 'do without'}")

    def _believe_the_proof(self, statement: bytes) -> None:
        """What a checker does that asks in the proof's own session. Only a test comes here, to show why we do not."""
        spec = self.proof.spec
        asked = f"\nPrint Assumptions {spec.theorem}.\nCheck ({spec.theorem} : {spec.statement}).\n"
        files = {"Proof.v": self.proof.proof + asked.encode(), "Statement.vo": statement}
        session = self._session(files, [self.coqc, *_COQC, "Proof.v"])
        said = session.steps[0].said if session.steps else ""
        if not session.ok or "Closed under the global context" not in said or "Axioms:" in said:
            raise Refused("axioms", f"the proof's own session says: {session.why()}")


def _same(printed: str, full: str) -> bool:
    """Whether a printed name is that axiom. A name of the proof's own is printed with its file's name before it, since
    our session imports nothing; so a short name is never the proof's."""
    ours = printed.startswith(("Proof.", "Statement.", "Sov."))
    return printed == full or (full.endswith(f".{printed}") and not ours)
