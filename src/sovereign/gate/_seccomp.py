"""The system-call filter: a classic BPF program for seccomp, written here so that each of its rules can be read.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst; struct seccomp_data holds nr (offset 0), arch (4) and six
64-bit arguments (16). Calls of another architecture (the 32-bit entry of x86, x32) end the process, since their numbers
mean other calls. A call that is not allowed is answered "not permitted" where it is refused by name, else "no such
call". Sockets are refused whole: a computation needs none, and an address family that is open is a driver that is open.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterable

from ._syscalls import ALLOWED, REFUSED

ALLOW, KILL = 0x7FFF0000, 0x80000000
NOT_PERMITTED, NO_SUCH_CALL = 0x00050000 | 1, 0x00050000 | 38
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_NOTHING = 0xFFFFFFFF
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_LOAD, _EQUAL, _ABOVE, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06

#: clone: namespaces of one's own (mount, cgroup, uts, ipc, user, pid, net).
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
#: ioctl: TIOCSTI and TIOCLINUX type and paste into a terminal.
_TYPES_INTO_TERMINALS = (0x5412, 0x541C)
#: personality: plain Linux, with 32-bit uname or without, and the question which it is.
_PERSONALITIES = (0, 0x0008, 0x20000, 0x20008, 0xFFFFFFFF)
_AF_UNIX = 1

Instruction = tuple[int, int, int, int]


def system_call_filter(architecture: str | None = None) -> bytes | None:
    """The program for an architecture (this machine's by default), as bubblewrap reads it; None for one that we have
    no numbers for."""
    name = architecture or platform.machine()
    if name not in _AUDIT:
        return None
    return b"".join(struct.pack("=HBBI", *line) for line in _program(name))


def _program(architecture: str) -> list[Instruction]:
    numbers = ALLOWED[architecture]
    program = [_load(_ARCH), (_EQUAL, 1, 0, _AUDIT[architecture]), _answer(KILL), _load(_NR)]
    if architecture == "x86_64":
        program += [(_EQUAL, 0, 1, _NOTHING), _answer(NO_SUCH_CALL), (_AT_LEAST, 0, 1, _X32), _answer(KILL)]
    program += _call(numbers["clone"], 0, [(_ANY_BIT, 0, 1, _NEW_NAMESPACES), _answer(NOT_PERMITTED)], ALLOW)
    program += _call(numbers["ioctl"], 1, _each(_TYPES_INTO_TERMINALS, NOT_PERMITTED), ALLOW)
    program += _call(numbers["personality"], 0, _each(_PERSONALITIES, ALLOW), NOT_PERMITTED)
    program += _call(numbers["socketpair"], 0, _each((_AF_UNIX,), ALLOW), NOT_PERMITTED)
    program += _ranges(numbers.values(), ALLOW)
    program += _ranges(REFUSED[architecture].values(), NOT_PERMITTED)
    return [*program, _answer(NO_SUCH_CALL)]


def _load(offset: int) -> Instruction:
    return _LOAD, 0, 0, offset


def _answer(value: int) -> Instruction:
    return _RETURN, 0, 0, value


def _each(values: Iterable[int], answer: int) -> list[Instruction]:
    """Give `answer` where the loaded word equals one of the values."""
    return [line for value in values for line in ((_EQUAL, 0, 1, value), _answer(answer))]


def _call(number: int, argument: int, rules: list[Instruction], otherwise: int) -> list[Instruction]:
    """Decide one call by the lower half of one argument: all that the kernel reads of these is a 32-bit word."""
    body = [_load(_FIRST_ARGUMENT + 8 * argument), *rules, _answer(otherwise)]
    return [(_EQUAL, 0, len(body), number), *body]


def _ranges(numbers: Iterable[int], answer: int) -> list[Instruction]:
    """Give `answer` for the numbers, in runs without holes."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    lines = []
    for first, last in runs:
        lines += [(_AT_LEAST, 0, 2, first), (_ABOVE, 1, 0, last), _answer(answer)]
    return lines
