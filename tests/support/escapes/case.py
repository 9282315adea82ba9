"""What an escape is: an attack, the layers that stop it, and the canary that it reaches without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.canaries import Canaries

from sovereign.gate import Ending, Limits

LIMITS = Limits(seconds=60, cpu_seconds=15, memory_mb=128, output_mb=2, processes=12, open_files=64, files=256)

HEAD = """\
import ctypes, errno, json, mmap, os, platform, resource, signal, socket, struct, sys, time
aim = json.load(open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "aim.json")))
libc = ctypes.CDLL(None, use_errno=True)
why = []
def works(act):
    try:
        return act() is not False
    except OSError as error:
        why.append(errno.errorcode.get(error.errno, str(error)))
        return False
def ok(result):
    if result < 0:
        why.append(errno.errorcode.get(ctypes.get_errno(), "?"))
    return result >= 0
def syscall(x86, arm, *arguments):
    wide = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return ok(libc.syscall(x86 if platform.machine() == "x86_64" else arm, *wide))
def child(act):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if act() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0
def tell(reached, **more):
    with open("results.json", "w") as file:
        json.dump({"reached": bool(reached), "why": why[:20], **more}, file)
"""


@dataclass(frozen=True)
class Escape:
    """One hostile script.

    `off` are the layers that must all be away for it to reach its canary; `alone` those that stop it even when all the
    others are away (each of `off` unless said). `ends` are the endings of the run in which it is contained. `reached`
    looks at the host or at what was collected, beside what the script itself says. `aim` is what it is told.
    `unproven` says why no control of it can be run anywhere by us; `outside` that its control runs without a sandbox,
    since bubblewrap cannot be told to leave the protection off; `needs` names a shortfall under which it is not
    contained, as the grade then says.
    """

    name: str
    attack: str
    off: tuple[str, ...]
    script: str
    aim: Callable[[Canaries], dict[str, Any]] = lambda at: {}
    reached: Callable[[Canaries, dict[str, bytes]], bool] = lambda at, found: False
    alone: tuple[str, ...] | None = None
    ends: tuple[Ending, ...] = (Ending.EXITED,)
    limits: Limits = LIMITS
    outputs: tuple[str, ...] = ("results.json",)
    read_only: Callable[[Canaries], dict[str, Path]] = lambda at: {}
    files: Mapping[str, bytes] = field(default_factory=dict)
    unproven: str = ""
    outside: bool = False
    needs: str = ""
    root: str = ""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that stop it, each by itself."""
        return self.off if self.alone is None else self.alone
