"""Bombs: each counts to 64 of what it takes beyond its limit and stops there."""

from __future__ import annotations

from dataclasses import replace

from tests.support.escapes.case import LIMITS, Escape

from sovereign.gate import Ending

MEMORY = ("limit of address space", "watch over memory", "group's memory")
SMALL_FILES = """
for n in range(64 + aim["limit"]):
    with open(f"{aim['folder']}/{n}", "w"):
        pass
time.sleep(0.3)
tell(True)
"""
FILL = """
written = 0
def act():
    global written
    for n in range(64):
        with open(os.path.join(aim["folder"], f"fill{n}"), "wb", buffering=0) as file:
            written += file.write(b"x" * (1 << 20)) >> 20
full = works(act)
for n in range(64):
    if os.path.exists(os.path.join(aim["folder"], f"fill{n}")):
        os.unlink(os.path.join(aim["folder"], f"fill{n}"))
tell(written >= 64, mib=written)
"""

LIMITED = [
    Escape("fork-bomb", "starts processes until the kernel refuses", ("limit of processes", "group's processes"), """
children = []
try:
    while len(children) < 64 + aim["limit"]:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
except OSError as error:
    why.append(str(error))
for pid in children:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
tell(len(children) >= 64 + aim["limit"], started=len(children))
""", aim=lambda at: {"limit": LIMITS.processes}, needs="no-process-limit", alone=()),
    Escape("thread-bomb", "starts threads until the kernel refuses", ("limit of processes", "group's processes"), """
import threading
threading.stack_size(32768)
stop, started = threading.Event(), []
try:
    while len(started) < 64 + aim["limit"]:
        thread = threading.Thread(target=stop.wait)
        thread.start()
        started.append(thread)
except RuntimeError as error:
    why.append(str(error))
stop.set()
tell(len(started) >= 64 + aim["limit"], started=len(started))
""", aim=lambda at: {"limit": LIMITS.processes}, needs="no-process-limit", alone=(),
           limits=replace(LIMITS, memory_mb=512)),
    Escape("memory-bomb", "takes 64 MiB more than its limit, in one process", MEMORY, """
held = []
try:
    for _ in range(64 + aim["limit"]):
        held.append(bytearray(b"x") * (1 << 20))
except MemoryError:
    why.append("MemoryError")
taken = len(held)
held = None
tell(taken >= 64 + aim["limit"], mib=taken)
""", aim=lambda at: {"limit": LIMITS.memory_mb}, needs="no-memory-limit", alone=("limit of address space",),
           ends=(Ending.EXITED, Ending.OUT_OF_MEMORY)),
    Escape("memory-together", "takes 64 MiB more than its limit, in processes that each stay below it", MEMORY[1:], """
share, told = (64 + aim["limit"]) // 3, os.pipe()
for _ in range(3):
    if os.fork() == 0:
        block = bytearray(b"x") * (share << 20)
        os.write(told[1], b"x")
        time.sleep(1)
        os._exit(0)
for _ in range(3):
    os.read(told[0], 1)
time.sleep(0.3)
for _ in range(3):
    os.wait()
tell(True)
""", aim=lambda at: {"limit": LIMITS.memory_mb}, needs="memory-per-process", alone=("watch over memory",),
           ends=(Ending.OUT_OF_MEMORY,)),
    Escape("kernel-memory", "keeps memory in sockets, which is in no process's own count", ("group's memory",), """
told = os.pipe()
for _ in range(5):
    if os.fork() == 0:
        held = []
        for _ in range(120):
            for end in socket.socketpair():
                end.setblocking(False)
                held.append(end)
                try:
                    while True:
                        end.send(bytes(4096))
                except BlockingIOError:
                    pass
        os.write(told[1], b"x")
        time.sleep(60)
        os._exit(0)
for _ in range(5):
    os.read(told[0], 1)
tell(True)
""", needs="no-kernel-memory-limit", ends=(Ending.OUT_OF_MEMORY,),
           limits=replace(LIMITS, memory_mb=64, open_files=256)),
    *(Escape(f"disk-bomb-{name}", f"fills {folder} with 64 MiB", ("limit of disk",), FILL,
             aim=lambda at, folder=folder: {"folder": folder}, needs="no-disk-limit")  # type: ignore[misc]
      for name, folder in (("work", "/work"), ("tmp", "/tmp"), ("shm", "/dev/shm"))),
    Escape("large-file", "makes one file of 64 MiB that takes no room", ("limit of file size",), """
def act():
    with open("large", "wb") as file:
        file.truncate(64 << 20)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tell(works(act))
""", needs="no-file-size-limit"),
    Escape("inode-bomb", "makes files without content, without end", ("limit of files",), SMALL_FILES,
           aim=lambda at: {"folder": "/work", "limit": LIMITS.files}, ends=(Ending.TOO_MANY_FILES,),
           needs="no-file-count-limit"),
    Escape("inode-bomb-tmp", "makes them in /tmp", ("limit of files",), SMALL_FILES,
           aim=lambda at: {"folder": "/tmp", "limit": LIMITS.files}, ends=(Ending.TOO_MANY_FILES,),
           needs="no-file-count-limit"),
    Escape("output-bomb", "prints without end", ("limit of what is printed",), """
for _ in range(64):
    os.write(1, b"x" * (1 << 16))
tell(True)
""", ends=(Ending.PRINTED_TOO_MUCH,)),
    Escape("log-bomb", "floods its error stream with lines", ("limit of what is printed",), """
for _ in range(64):
    os.write(2, b"a line\\n" * 8192)
tell(True)
""", ends=(Ending.PRINTED_TOO_MUCH,)),
    Escape("log-takes-over-terminal", "prints what writes over a terminal and renames its window", ("cleaned log",), """
print("\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202egone")
tell(False)
""", reached=lambda at, found: b"\x1b" in found[""]),
    Escape("descriptor-bomb", "opens files until the kernel refuses", ("limit of open files",), """
held = []
def act():
    while len(held) < 64 + aim["limit"]:
        held.append(os.open("/dev/null", os.O_RDONLY))
works(act)
opened = len(held)
for descriptor in held:
    os.close(descriptor)
tell(opened >= 64 + aim["limit"], opened=opened)
""", aim=lambda at: {"limit": LIMITS.open_files}, needs="no-open-files-limit"),
    Escape("processor-bomb", "computes beyond its processor time", ("limit of processor time",), """
while time.process_time() < 1.6:
    pass
tell(True)
""", limits=replace(LIMITS, cpu_seconds=1), ends=(Ending.SIGNALLED,), needs="no-cpu-limit"),
    Escape("ignores-signals", "ignores every signal and runs over its time", ("limit of time",), """
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
for count in range(64):
    time.sleep(0.02)
tell(True)
""", limits=replace(LIMITS, seconds=0.6), ends=(Ending.OUT_OF_TIME,)),
    Escape("core-file", "crashes and leaves its memory behind as a core file", ("no core files",), """
pid = os.fork()
if pid == 0:
    os.chdir("/tmp")
    os.abort()
status = os.waitpid(pid, 0)[1]
tell(os.WCOREDUMP(status), files=os.listdir("/tmp"))
"""),
]  # fmt: skip
