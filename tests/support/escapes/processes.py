"""Processes: seeing, ending and outliving others, and becoming another."""

from __future__ import annotations

from dataclasses import replace

from tests.support.canaries import Canaries, wait_until
from tests.support.escapes.case import LIMITS, Escape

from sovereign.gate import Ending

FILTER = ("system-call filter",)
DAEMON = """
pid = os.fork()
if pid == 0:
    {session}
    if os.fork() == 0:
        os.closerange(0, 256)
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(60)", aim["marker"]])
    os._exit(0)
os.waitpid(pid, 0)
time.sleep(0.3)
tell(False)
"""


def outlived(at: Canaries, found: dict[str, bytes]) -> bool:
    return at.left_running()


def ended(at: Canaries, found: dict[str, bytes]) -> bool:
    return bool(wait_until(lambda: at.target.poll() is not None, 1.0))  # type: ignore[attr-defined]


def sentinel(at: Canaries, uid: int | None) -> int:
    at.target = at.sentinel(uid)  # type: ignore[attr-defined]
    return int(at.target.pid)  # type: ignore[attr-defined]


CANARY = """
word = ctypes.create_string_buffer(b"canary\\0\\0", 8)
other = os.fork()
if other == 0:
    word[:6] = b"secret"
    time.sleep(30)
    os._exit(0)
time.sleep(0.1)
"""

PROCESSES = [
    Escape("signal-outward", "ends a process of the host", ("pid namespace", "spare uid"), """
tell(works(lambda: os.kill(aim["pid"], signal.SIGTERM)))
""", aim=lambda at: {"pid": sentinel(at, None)}, reached=ended),
    Escape("kill-all", "signals every process that it can", ("pid namespace", "control group"), """
works(lambda: os.kill(-1, signal.SIGTERM))
tell(False)
""", aim=lambda at: {"pid": sentinel(at, at.spare_uid)}, reached=ended, alone=("pid namespace",),
           ends=(Ending.EXITED, Ending.LOST, Ending.SIGNALLED),
           root="without a spare uid it would end the tests' own user's processes"),
    Escape("stop-process-one", "stops and kills process 1 of its own sandbox, so that nobody keeps the time",
           ("pid namespace",), """
for number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
    works(lambda: os.kill(1, number))
time.sleep(60)
tell(False)
""", limits=replace(LIMITS, seconds=0.6), ends=(Ending.OUT_OF_TIME, Ending.LOST),
           unproven="without the namespace process 1 is the host's own, which is no canary"),
    Escape("background-process", "leaves a process running behind it", ("pid namespace", "control group"),
           DAEMON.format(session="pass"), aim=lambda at: {"marker": at.marker}, reached=outlived),
    Escape("daemon", "leaves a daemon in a session of its own", ("pid namespace", "control group"),
           DAEMON.format(session="os.setsid()"), aim=lambda at: {"marker": at.marker}, reached=outlived),
    Escape("ptrace", "traces another process and reads its memory", FILTER, CANARY + """
def act():
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    libc.ptrace.restype = ctypes.c_long
    if not ok(libc.ptrace(16, other, 0, 0)):
        return False
    os.waitpid(other, 0)
    return libc.ptrace(1, other, ctypes.addressof(word), 0) & 0xFFFFFFFF == int.from_bytes(b"secr", "little")
reached = works(act)
os.kill(other, 9)
tell(reached)
"""),
    Escape("process-memory", "reads another process's memory without tracing it", FILTER, CANARY + """
got = ctypes.create_string_buffer(8)
local = (ctypes.c_void_p * 2)(ctypes.addressof(got), 6)
remote = (ctypes.c_void_p * 2)(ctypes.addressof(word), 6)
reached = syscall(310, 270, other, local, 1, remote, 1, 0) and got.value == b"secret"
os.kill(other, 9)
tell(reached)
"""),
    Escape("descriptor-theft", "takes a descriptor out of another process", FILTER, """
kept = os.open("/pack/attack.py", os.O_RDONLY)
other = os.fork()
if other == 0:
    time.sleep(30)
    os._exit(0)
reached = syscall(438, 438, os.pidfd_open(other), kept, 0)
os.kill(other, 9)
tell(reached)
"""),
    Escape("setuid", "runs a program that belongs to another user, to become that user", ("no new privileges",), """
import subprocess
tool = aim["outside"] if os.path.exists(aim["outside"]) else aim["inside"]
shown = subprocess.run([tool, "-u"], capture_output=True, text=True).stdout.strip()
tell(shown == "61000", shown=shown)
""", aim=lambda at: {"inside": "/data/tools/id", "outside": str(at.setuid_tool / "id")},
           read_only=lambda at: {"tools": at.setuid_tool}, outside=True),
    Escape("nested-namespace", "makes a user namespace, in which it would be root",
           ("no nested namespaces", "system-call filter"), """
tell(child(lambda: libc.unshare(0x10000000) == 0))
"""),
    Escape("nested-namespace-by-clone", "starts a process in namespaces of its own",
           ("no nested namespaces", "system-call filter"), """
pid = libc.syscall(56 if platform.machine() == "x86_64" else 220, 0x10000000 | 17, 0, 0, 0, 0)
if pid == 0:
    os._exit(0)
tell(ok(pid) and os.waitpid(pid, 0)[1] == 0)
"""),
    Escape("environment", "reads the host's secrets from its environment", ("cleared environment",), """
tell(os.environ.get("SOVEREIGN_TEST_SECRET") == aim["marker"])
""", aim=lambda at: {"marker": at.marker}),
    Escape("inherited-descriptors", "reads from descriptors that were open in the program that started it",
           ("closed descriptors",), """
def act(descriptor):
    return os.pread(descriptor, 6, 0) == b"canary"
tell(any([works(lambda: act(descriptor)) for descriptor in range(3, 256)]))
""", aim=lambda at: {"leaked": at.leaked}),
]  # fmt: skip
