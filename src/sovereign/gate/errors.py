"""What can go wrong with a pack. A sandbox that does not hold raises `sovereign.records.SandboxUnavailable`."""

from __future__ import annotations

from sovereign.records import SovereignError


class PackFailed(SovereignError):
    """A pack ran and gave no results that can be used; what it printed is in `log`. Nothing of it is kept."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "", log: str = "") -> None:
        super().__init__(message, remedy)
        self.log = log
