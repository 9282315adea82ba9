"""Soundness bugs that are known of a prover's versions: proofs of False that such a version accepts.

Source: the Rocq project's own list, `dev/doc/critical-bugs.md` of rocq-prover/rocq, as of its version 9.2; numbers are
those of its tracker. Kept are the bugs that a proof's own text can reach without a plugin and that `coqchk` shares,
since what `coqchk` refuses we refuse. `shuts` names what the check `known-holes` refuses to close one; without it a
hole stands in every result of that version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Hole:
    """One known bug: versions from `first` up to, without, `mended` (None: not yet), and what closes it here."""

    number: str
    what: str
    first: tuple[int, ...]
    mended: tuple[int, ...] | None
    shuts: str = ""

    def in_version(self, version: tuple[int, ...]) -> bool:
        """Whether a version has it."""
        return self.first <= version and (self.mended is None or version < self.mended)


FIXPOINTS, MODULES, UNIVERSES = "a fixpoint of the proof's own", "a module inside the proof", "universe polymorphism"

ROCQ = (
    Hole("#20413", "guard checker: arguments that are not structural are not checked", (8, 16), (9, 0, 1), FIXPOINTS),
    Hole("#20455", "guard checker: match on match taken for a subterm", (8, 16), (9, 0, 1), FIXPOINTS),
    Hole("#20555", "guard checker: reduction across an inner fixpoint", (8, 16), (9, 0, 1), FIXPOINTS),
    Hole("#21682", "guard checker: cross calls of nested mutual fixpoints", (8, 20), (9, 2), FIXPOINTS),
    Hole("#21683", "guard checker: recursive calls in uniform arguments", (9, 0, 1), (9, 2), FIXPOINTS),
    Hole("#21701", "guard checker: recursive calls without arguments", (8, 20), (9, 2), FIXPOINTS),
    Hole("#21797", "guard checker: arguments of recursive calls", (8, 20), (9, 2), FIXPOINTS),
    Hole("#21839", "guard checker: reduction in the wrong context", (8, 16), (9, 3), FIXPOINTS),
    Hole("#22389", "guard checker: nested mutual cofixpoints", (0,), (9, 2, 1), FIXPOINTS),
    Hole("#18503", "modules: a primitive taken as convertible to anything", (8, 11), (8, 19), MODULES),
    Hole("#21051", "modules: substitution missing when strengthening functors", (8, 5), (9, 0, 1), MODULES),
    Hole("#21685", "modules: substitution missing when strengthening aliased functors", (8, 5), (9, 2), MODULES),
    Hole("#22376", "universes: variance inference passes over stuck matches", (8, 13), (9, 2, 1), UNIVERSES),
    Hole("#22380", "universes: lazy reduction reads a match back wrongly", (8, 17), (9, 2, 1), UNIVERSES),
    Hole("#22385", "universes: variance inference with let-in in a constructor", (8, 6), (9, 2, 1), UNIVERSES),
    Hole("#22391", "universes: substitution missing in conversion of matches", (8, 17), (9, 2, 1), UNIVERSES),
)


def version_of(text: str) -> tuple[int, ...]:
    """`8.16.1` as (8, 16, 1); (0,) where there is no version to read."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)


def rocq_holes(version: str) -> tuple[Hole, ...]:
    """The known holes of a version of Rocq."""
    return tuple(hole for hole in ROCQ if hole.in_version(version_of(version)))
