"""What a check found: faults with file and field, notes, who signed, and the exit code that follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SOUND_AND_TRUSTED = 0
SIGNER_UNKNOWN = 4
FAULTY = 5
NOT_RECOMPUTED = 9


@dataclass(frozen=True)
class Fault:
    """One thing that does not hold.

    `where` is a file, or a file and a field (`v1/record.json: tribunal.score`); `check` names the rule.
    """

    where: str
    what: str
    check: str


@dataclass
class Report:
    """The outcome of `check_path`. Sound means no faults; trusted means that every signer is one you named.

    `not_recomputed` names the versions whose judgement was made by other rules than those installed: nothing in them
    was found wrong, and what is judged in them was not computed again. Such a record is no clean pass. `cannot_know`
    says what no check of these files can tell. `level` is that of the newest version with what others added since.
    """

    path: str
    kind: str = ""
    record_id: str | None = None
    versions: tuple[int, ...] = ()
    signer: str | None = None
    signers: tuple[str, ...] = ()
    trusted: bool = False
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_recomputed: list[str] = field(default_factory=list)
    cannot_know: list[str] = field(default_factory=list)
    level: int | None = None
    level_basis: str = ""
    checks: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def exit_code(self) -> int:
        """0 sound and trusted, 4 sound but a signer is unknown, 5 a fault, 9 no fault but not all was recomputed."""
        if self.faults:
            return FAULTY
        if self.not_recomputed:
            return NOT_RECOMPUTED
        return SOUND_AND_TRUSTED if self.trusted else SIGNER_UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "path": self.path,
            "kind": self.kind,
            "ok": self.ok,
            "trusted": self.trusted,
            "exit_code": self.exit_code,
            "record_id": self.record_id,
            "versions": list(self.versions),
            "signer": self.signer,
            "signers": list(self.signers),
            "checks": list(self.checks),
            "faults": [{"check": f.check, "where": f.where, "what": f.what} for f in self.faults],
            "notes": list(self.notes),
            "not_recomputed": list(self.not_recomputed),
            "cannot_know": list(self.cannot_know),
            "verification_level": self.level,
            "verification_level_basis": self.level_basis,
        }
