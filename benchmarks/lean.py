"""Lean's cases, put to a real Lean one at a time: what was accepted, what was refused and by which check.

    SOVEREIGN_LEAN=.../bin/lean python benchmarks/lean.py [--samples ../shared/data/lean4-samples] [--minutes 40]

Writes benchmarks/results/lean.json after each case, and goes on from it. Cases: the theorem that comes with Sovereign,
the cheats of tests/support/lean.py, and the public samples of the `comparator` project where they are at hand. A sample
asks for "the theorem of the challenge, proved in the solution"; here the challenge's type is stated by hand as `Stated`
and the solution's file is the proof, as it is. What our contract cannot say is listed as not run, with the reason.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.lean import CHEATS, FALSE, GOOD, REFUSED, STATED  # noqa: E402
from tests.support.proofs import write_proof  # noqa: E402

from sovereign.gate import Bubblewrap  # noqa: E402
from sovereign.gate.proofs import Lean, available_proofs, load_proof  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "lean.json"
ALL = ("propext", "Quot.sound", "Classical.choice")
LIMITS = "seconds = 900\nmemory_mb = 4096\nprocesses = 64"
COMMUTES = "def Stated : Prop := ∀ (n m : Nat), n + m = m + n\n"

#: Sample -> the challenge as a statement, the theorem, and whether its authors expect it to be accepted.
SAMPLES = {
    "simple_match": (COMMUTES, "comm", True),
    "simple_mismatch": (COMMUTES, "comm", False),
    "simple_axiom_issue": (COMMUTES, "comm", False),
    "simple_kind_mismatch": (COMMUTES, "comm", False),
    "opaque_value": (FALSE, "boom", False),
    "olean_issue": (FALSE, "boom", False),
    "primitive_issue": (FALSE, "boom", False),
    "char_ofnat_issue": (FALSE, "boom", False),
}
_HOLE = "a definition left open for the proof to fill: our statements leave nothing open"
NOT_RUN = {
    "comparator/def_hole": _HOLE,
    "comparator/def_hole_axiom_issue": _HOLE,
    "comparator/def_hole_kind_mismatch": _HOLE,
    "comparator/def_hole_type_mismatch": _HOLE,
    "comparator/proj_trick": _HOLE,
    "comparator/theorem_hole_issue": "two theorems, one in the statement of the other: ours has one",
    "comparator/numeric_namespace": "a name in quotation marks («123».foo): our names are plain",
    "comparator/quot_mismatch": "a statement on a prelude of its own: ours stand on Lean's library",
    "comparator/simple_multi_nanoda": "simple_match for other kernels, which are not here",
    "comparator/simple_nanoda": "simple_match for another kernel, which is not here",
    "comparator/simple_nanoda_compat": "simple_match for another kernel, which is not here",
    "comparator/simple_nanoda_mismatch": "simple_mismatch for another kernel, which is not here",
    "lean4checker/AddFalse": "its way is our cheat `fresh-check`; the file itself states no theorem to be proved",
    "lean4checker/AddFalseConstructor": "needs the command `open private` of its own project",
    "lean4checker/ReplaceAxiom": "needs the command `open private` of its own project",
    "lean4checker/QuotEq": "a test of that project's own replay",
    "lean4checker/PrivateConflict": "a proof of several modules: ours is one file",
}


@dataclass(frozen=True)
class Case:
    name: str
    statement: str
    proof: str
    accepted: bool
    off: str = ""
    theorem: str = "thm"
    given: dict[str, Any] = field(default_factory=dict)


def cases(samples: Path) -> Iterator[Case]:
    yield Case("honest", STATED, GOOD, True, given={"axioms": ALL})  # its compiled statement serves others
    for check, (statement, proof, given) in CHEATS.items():
        yield Case(f"cheat/{check}/off", statement, proof, True, off=check, given=given)
        yield Case(f"cheat/{check}/on", statement, proof, False, given=given)
    for name, (statement, theorem, accepted) in SAMPLES.items():
        file = samples / "comparator" / "tests" / "projects" / name / "Solution.lean"
        if file.is_file():
            given = {"axioms": ALL}
            yield Case(f"comparator/{name}", statement, file.read_text(), accepted, theorem=theorem, given=given)
    for what, (statement, proof) in REFUSED.items():
        yield Case(f"refused/{what}", statement, proof, False, given={"axioms": ALL})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, default=ROOT.parent / "shared" / "data" / "lean4-samples")
    parser.add_argument("--minutes", type=float, default=40.0)
    asked = parser.parse_args()
    lean, sandbox = Lean(), Bubblewrap()
    report = lean.probe()
    if not report.ok:
        sys.exit(f"no Lean: {report.reason}; {report.remedy}")
    held = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"cases": {}}
    done: dict[str, Any] = held["cases"] if held.get("lean") == report.facts["said"] else {}
    began = time.monotonic()

    def keep(name: str, expected: bool, proof: Any, off: str = "") -> None:
        if name in done or time.monotonic() - began > asked.minutes * 60:
            return
        start = time.monotonic()
        verdict = lean.check(proof, sandbox, frozenset(off.split()))
        failed = verdict.failed
        if failed and "out of time" in failed.said:
            print(f"{name}: out of time, not decided; the next run tries again", flush=True)
            return
        done[name] = {
            "expected": "accepted" if expected else "refused",
            "came_to": "accepted" if verdict.accepted else "refused",
            "as_expected": verdict.accepted is expected,
            "by_check": failed.name if failed else None,
            "said": failed.said if failed else None,
            "axioms": list(verdict.axioms),
            "known_holes": list(verdict.prover.holes),
            "isolation": verdict.sandbox.grade if verdict.sandbox else None,
            "seconds": round(time.monotonic() - start, 1),
        }
        print(f"{name}: {done[name]['came_to']} {done[name]['by_check'] or ''}", flush=True)
        write(report.facts["said"], done, [case.name for case in named])

    named = list(cases(asked.samples))
    keep("distinct-experts-bound-lean", True, available_proofs()["distinct-experts-bound-lean"])
    for case in named:
        with tempfile.TemporaryDirectory() as place:
            given = {"prover": "lean", "limits": LIMITS, "theorem": case.theorem, **case.given}
            folder = write_proof(Path(place) / "toy", case.statement, case.proof, **given)
            keep(case.name, case.accepted, load_proof(folder), case.off)


def write(said: str, done: dict[str, Any], names: list[str]) -> None:
    left = {name: "no time was left" for name in names if name not in done}
    value = {
        "what": "cases put to a real Lean 4, one at a time, in the sandbox",
        "command": "python benchmarks/lean.py",
        "lean": said,
        "machine": {"system": platform.system(), "architecture": platform.machine()},
        "python": platform.python_version(),
        "as_expected": sum(one["as_expected"] for one in done.values()),
        "run": len(done),
        "cases": done,
        "not_run": {**NOT_RUN, **left},
    }
    RESULTS.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
