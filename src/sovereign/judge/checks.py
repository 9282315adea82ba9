"""How a check is written: one constructor, so that a failed check always names points, reason and culprits."""

from __future__ import annotations

from collections.abc import Iterable

from sovereign.records import Check, CheckState


def share_check(name: str, culprits: Iterable[str], of: int, points: float, passed: str, failed: str) -> Check:
    """A check that costs `points` times the share of culprits; with nothing to look at it does not apply.

    `failed` may hold `{n}` and `{of}`.
    """
    about = tuple(culprits)
    if of == 0:
        return Check(name=name, state=CheckState.NOT_APPLICABLE, points=0, reason="nothing to look at")
    if not about:
        return Check(name=name, state=CheckState.PASSED, points=0, reason=passed)
    lost = round(points * min(1.0, len(about) / of), 2)
    reason = failed.format(n=len(about), of=of)
    return Check(name=name, state=CheckState.FAILED, points=lost, reason=reason, about=about)


def fault_check(name: str, faults: Iterable[tuple[str, str]], of: int, points: float, passed: str) -> Check:
    """A check that costs all its points at the first fault; faults are (id, what is wrong)."""
    found = tuple(faults)
    if of == 0 and not found:
        return Check(name=name, state=CheckState.NOT_APPLICABLE, points=0, reason="nothing to look at")
    if not found:
        return Check(name=name, state=CheckState.PASSED, points=0, reason=passed)
    about = tuple(dict.fromkeys(identifier for identifier, _ in found))
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Check(
        name=name, state=CheckState.FAILED, points=points, reason=f"{found[0][0]}: {found[0][1]}{more}", about=about
    )
