"""What the checks share: the files of one record as bytes, what has been read from them, and the faults so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sovereign.judge import RULES
from sovereign.records import Event, Manifest, Record
from sovereign.records.layout import text_file
from sovereign.seal import Signed, digest

from ._trust import Trust
from .report import Fault


@dataclass
class VersionCase:
    """One version: its files (path relative to its folder), and its documents once they were read."""

    number: int
    files: dict[str, bytes]
    raw: dict[str, Any] | None = None
    record: Record | None = None
    manifest: Manifest | None = None

    @property
    def same_rules(self) -> bool:
        """Whether the rules that judged this version are those that are installed here."""
        return self.record is not None and self.record.provenance.rules == RULES

    def where(self, name: str, at: str = "") -> str:
        return f"v{self.number}/{name}" + (f": {at}" if at else "")

    def text(self, sha256: str) -> str | None:
        """The stored text of that digest; None where it is absent or is not what its name says."""
        data = self.files.get(text_file(sha256))
        if data is None or digest(data) != sha256:
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return None


@dataclass
class Case:
    """One record under examination."""

    kind: str
    name: str
    files: dict[str, bytes]
    trust: Trust
    earlier: Case | None = None
    keys: dict[str, bytes] = field(default_factory=dict)
    versions: dict[int, VersionCase] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    signed: list[tuple[str, Signed]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_recomputed: list[str] = field(default_factory=list)
    check: str = ""

    def fault(self, where: str, what: str) -> None:
        """Record a fault under the check that is running."""
        self.faults.append(Fault(where, what, self.check))

    @property
    def has_events(self) -> bool:
        """A version folder alone has no events of its own."""
        return self.kind != "version"


Step = Callable[[Case], None]


def first_difference(stored: Any, due: Any, at: str = "") -> tuple[str, Any, Any] | None:
    """The first field, in the order of names, in which two JSON values differ: its path and both values."""
    if isinstance(stored, dict) and isinstance(due, dict):
        for name in sorted(stored.keys() | due.keys()):
            here = f"{at}.{name}" if at else name
            if name not in stored or name not in due:
                return here, stored.get(name, "(absent)"), due.get(name, "(absent)")
            found = first_difference(stored[name], due[name], here)
            if found:
                return found
        return None
    if isinstance(stored, list) and isinstance(due, list):
        for index, (left, right) in enumerate(zip(stored, due, strict=False)):
            found = first_difference(left, right, f"{at}[{index}]")
            if found:
                return found
        if len(stored) != len(due):
            return at, f"{len(stored)} entries", f"{len(due)} entries"
        return None
    return None if stored == due and isinstance(stored, bool) == isinstance(due, bool) else (at, stored, due)


def field_path(parts: Iterable[int | str]) -> str:
    """`claims[0].text` for the parts of a path."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def shown(value: Any) -> str:
    """A value for a message, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 160 else text[:157] + "..."
