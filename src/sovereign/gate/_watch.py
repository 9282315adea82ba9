"""Looking at a sandbox's processes from outside: their number, and the memory that they use together.

A limit that a process carries (`RLIMIT_AS`) does not add up over its children, so the sum is watched instead.
"""

from __future__ import annotations

from pathlib import Path

_MOST = 4096


def descendants(root: int) -> list[int]:
    """A process and all below it, as far as the kernel shows them."""
    found: list[int] = []
    waiting = [root]
    while waiting and len(found) < _MOST:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (OSError, ValueError):
            continue
    return found


def memory_bytes(root: int) -> int:
    """Memory in use by a process and all below it, in bytes; a page that they share counts once."""
    return sum(_proportional(pid) for pid in descendants(root))


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return _resident(pid)


def _resident(pid: int) -> int:
    """Resident memory, a bound from above, where the kernel does not tell shares."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return 0
