"""The port behind which a prover stands: what it finds on this host, and the checks that a proof passes or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sovereign.records import SandboxUnavailable

from ..sandbox import Sandbox, SandboxReport
from .spec import Proof


class ProverUnavailable(SandboxUnavailable):
    """The prover is not on this host, or is one that we cannot use: nothing was run. Ends with the same exit code as a
    sandbox that is missing."""


@dataclass(frozen=True)
class ProverReport:
    """What a provider found on this host.

    `holes` are the soundness bugs known to be in this version, by number in the prover's own tracker, that no check of
    ours closes: they stand in every result.
    """

    ok: bool
    prover: str
    version: str = ""
    reason: str = ""
    remedy: str = ""
    holes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """One check of a proof: passed, failed, or (None) left out by a test or not decided by this build of the prover."""

    name: str
    passed: bool | None
    said: str


@dataclass(frozen=True)
class ProofVerdict:
    """What the checks of one proof came to. `axioms` are those that the theorem rests on, by full name."""

    accepted: bool
    prover: ProverReport
    checks: tuple[Checked, ...]
    axioms: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    sandbox: SandboxReport | None = None
    seconds: float = 0.0
    log: str = ""

    @property
    def failed(self) -> Checked | None:
        """The first check that refused it."""
        return next((check for check in self.checks if check.passed is False), None)

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON values; without times, so that equal proofs give equal bytes."""
        return {
            "accepted": self.accepted,
            "prover": self.prover.prover,
            "prover_version": self.prover.version,
            "known_holes": list(self.prover.holes),
            "axioms": list(self.axioms),
            "libraries": list(self.libraries),
            "isolation": self.sandbox.grade if self.sandbox else "",
            "checks": [asdict(check) for check in self.checks],
        }


class Refused(Exception):
    """A check said no. Raised and caught inside a provider; never shown as an error of ours."""

    def __init__(self, check: str, said: str) -> None:
        super().__init__(said)
        self.check = check
        self.said = said


class Prover(Protocol):
    """A provider of proof checking."""

    @property
    def name(self) -> str:
        """Its name, as `proof.toml` has it."""

    @property
    def checks(self) -> Mapping[str, str]:
        """Its checks in their order: name -> what each makes sure of."""

    def probe(self) -> ProverReport:
        """Look for the prover on this host. Never raises for a failure."""

    def check(self, proof: Proof, sandbox: Sandbox, off: frozenset[str] = frozenset()) -> ProofVerdict:
        """Put a proof through every check, in a sandbox that passed its own test.

        Args:
            off: checks to leave out, for tests that show what each one stops; a verdict with any of them left out is
                never kept (`prove` refuses it).

        Raises:
            ProverUnavailable: the prover is not here.
            SandboxUnavailable: no isolation, so nothing was run.
        """
