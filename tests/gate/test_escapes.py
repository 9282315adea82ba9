"""What a hostile script reaches: nothing inside the sandbox; its canary in the control run outside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from tests.support.gate import Attack, running

from sovereign.gate import Bubblewrap, Ending, Limits

LIMITS = Limits(seconds=10, cpu_seconds=8, memory_mb=128, output_mb=2, processes=8)
HEAD = """\
import json, os, socket, sys, time
aim = json.load(open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "aim.json")))
def done(**found):
    with open("results.json", "w") as file:
        json.dump(found, file)
def works(act):
    try:
        act()
        return True
    except OSError:
        return False
"""

CONNECT = (
    HEAD
    + """
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as end:
        end.settimeout(3)
        end.connect(address)
done(tcp=works(lambda: connect(socket.AF_INET, ("127.0.0.1", aim["port"]))),
     tcp6=works(lambda: connect(socket.AF_INET6, ("::1", aim["port6"]))) if aim["port6"] else None,
     abstract=works(lambda: connect(socket.AF_UNIX, "\\0" + aim["name"])),
     path=works(lambda: connect(socket.AF_UNIX, aim["path"])))
"""
)


def test_network_of_every_family(attack: Attack, marked: Path) -> None:
    name, path = f"sovereign-{uuid.uuid4().hex}", str(marked.with_name("socket"))
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp6,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as at_path,
    ):
        try:
            tcp6.bind(("::1", 0))
            tcp6.listen()
            port6 = tcp6.getsockname()[1]
        except OSError:
            port6 = 0
        abstract.bind("\0" + name)
        at_path.bind(path)
        os.chmod(path, 0o777)
        abstract.listen()
        at_path.listen()
        aim = {"port": tcp.getsockname()[1], "port6": port6, "name": name, "path": path}
        control = attack.outside(CONNECT, **aim)
        _, found = attack.inside(CONNECT, LIMITS, **aim)
    assert control == {"tcp": True, "tcp6": True if port6 else None, "abstract": True, "path": True}
    assert found == {"tcp": False, "tcp6": False if port6 else None, "abstract": False, "path": False}


def test_files_of_the_host(attack: Attack, marked: Path) -> None:
    script = (
        HEAD
        + """
def write():
    with open(aim["path"], "a") as file:
        file.write("reached")
home = set(os.listdir(aim["home"])) if os.path.isdir(aim["home"]) else set()
done(read=works(lambda: open(aim["path"]).read()), write=works(write), made=works(lambda: os.mkdir(aim["path"] + "d")),
     through_proc=works(lambda: open(f"/proc/{aim['pid']}/root{aim['path']}").read()), home=len(home))
"""
    )
    aim = {"path": str(marked), "pid": os.getpid(), "home": str(Path.home())}
    _, found = attack.inside(script, LIMITS, **aim)
    assert marked.read_text() == "canary"
    assert not marked.with_name("canaryd").exists()
    assert {name: found[name] for name in ("read", "write", "made", "through_proc")} == {
        "read": False, "write": False, "made": False, "through_proc": False,
    }  # fmt: skip
    assert found["home"] <= 1  # the interpreter may lie there
    control = attack.outside(script, **aim)
    assert (control["read"], control["write"], control["made"], control["through_proc"]) == (True, True, True, True)
    assert marked.read_text() == "canaryreached"


def test_processes_of_the_host(attack: Attack) -> None:
    script = (
        HEAD
        + """
def term():
    os.kill(aim["pid"], 15)
def name(pid):
    try:
        return open(f"/proc/{pid}/cmdline").read()
    except OSError:
        return ""
seen = any(aim["marker"] in name(pid) for pid in os.listdir("/proc") if pid.isdigit())
done(seen=seen, signalled=works(term) if aim["pid"] > 1000 else None)
"""
    )
    marker = f"sentinel-{uuid.uuid4().hex}"
    sentinel = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)", marker])
    try:
        aim = {"pid": sentinel.pid if sentinel.pid > 1000 else 4_000_000, "marker": marker}
        _, found = attack.inside(script, LIMITS, **aim)
        assert found == {"seen": False, "signalled": False}
        assert sentinel.poll() is None
        control = attack.outside(script, pid=sentinel.pid, marker=marker)
        assert control["seen"] is True
        if sentinel.pid > 1000:
            assert control["signalled"] is True
            assert sentinel.wait(10) == -15
    finally:
        sentinel.kill()
        sentinel.wait()


def test_environment_and_descriptors(attack: Attack, marked: Path) -> None:
    script = (
        HEAD
        + """
def read(fd):
    try:
        return os.pread(fd, 6, 0) == b"canary"
    except OSError:
        return False
done(secret="SOVEREIGN_TEST_SECRET" in os.environ, descriptor=any(read(fd) for fd in range(3, 64)))
"""
    )
    descriptor = os.open(marked, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    os.environ["SOVEREIGN_TEST_SECRET"] = "canary"
    try:
        _, found = attack.inside(script, LIMITS)
        assert found == {"secret": False, "descriptor": False}
        assert attack.outside(script)["secret"] is True
        code = f"import os; print(os.pread({descriptor}, 6, 0))"
        shown = subprocess.run([sys.executable, "-S", "-c", code], close_fds=False, capture_output=True, text=True)
        assert "canary" in shown.stdout
    finally:
        del os.environ["SOVEREIGN_TEST_SECRET"]
        os.close(descriptor)


def test_fork_bomb_is_limited(attack: Attack, sandbox: Bubblewrap) -> None:
    if "no-process-limit" in sandbox.probe().grade:
        pytest.skip(f"the kernel does not count processes here: {sandbox.probe().grade}")
    script = (
        HEAD
        + """
children = []
while len(children) < 64:
    try:
        pid = os.fork()
    except OSError:
        break
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
done(started=len(children))
"""
    )
    _, found = attack.inside(script, LIMITS)
    assert 1 <= found["started"] < LIMITS.processes
    assert attack.outside(script)["started"] == 64


def test_memory_of_one_and_of_all_together(attack: Attack, sandbox: Bubblewrap) -> None:
    script = (
        HEAD
        + """
try:
    block = bytearray(aim["mb"] << 20)
    done(given=True)
except MemoryError:
    done(given=False)
"""
    )
    assert attack.inside(script, LIMITS, mb=LIMITS.memory_mb + 8)[1] == {"given": False}
    assert attack.inside(script, LIMITS, mb=LIMITS.memory_mb // 2)[1] == {"given": True}
    assert attack.outside(script, mb=LIMITS.memory_mb + 8) == {"given": True}
    if "memory-per-process" not in sandbox.probe().grade:
        together = (
            HEAD
            + """
for _ in range(aim["children"]):
    if os.fork() == 0:
        block = bytearray(b"x") * (60 << 20)
        time.sleep(aim["seconds"])
        os._exit(0)
for _ in range(aim["children"]):
    os.wait()
done(ended=True)
"""
        )
        assert attack.inside(together, LIMITS, children=1, seconds=1)[1] == {"ended": True}
        assert attack.inside(together, LIMITS, children=4, seconds=60)[0].ending is Ending.OUT_OF_MEMORY


def test_disk_fills_only_its_own_small_folders(attack: Attack) -> None:
    script = (
        HEAD
        + """
written = 0
try:
    for index in range(8):
        with open(os.path.join(aim["folder"], f"fill{index}"), "wb", buffering=0) as file:
            for _ in range(2):
                written += file.write(b"x" * (1 << 20))
except OSError:
    pass
for index in range(8):
    if os.path.exists(os.path.join(aim["folder"], f"fill{index}")):
        os.unlink(os.path.join(aim["folder"], f"fill{index}"))
done(mib=written >> 20)
"""
    )
    for folder in (".", "/tmp", "/dev/shm"):
        assert attack.inside(script, LIMITS, folder=folder)[1]["mib"] <= LIMITS.output_mb
    assert attack.outside(script, folder=".")["mib"] == 16


def test_read_only_root_and_no_way_to_mount(attack: Attack) -> None:
    script = (
        HEAD
        + """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def write(folder):
    def act():
        with open(os.path.join(folder, "sovereign-was-here"), "w") as file:
            file.write("x")
    return works(act)
flags = {"remount": 32, "bind": 4096}
done(written=[folder for folder in aim["folders"] if write(folder)],
     remounted=libc.mount(b"none", b"/", None, ctypes.c_ulong(flags["remount"]), None) == 0,
     mounted=libc.mount(b"/usr", b"/work", None, ctypes.c_ulong(flags["bind"]), None) == 0,
     namespace=libc.unshare(0x10000000) == 0,
     device=works(lambda: os.mknod("device", 0o20666, os.makedev(1, 3))))
"""
    )
    folders = ["/", "/usr", "/usr/bin", "/etc", "/dev", "/pack", "/home/..", "/proc", os.path.dirname(os.__file__)]
    _, found = attack.inside(script, LIMITS, folders=folders)
    assert found == {
        "written": [], "remounted": False, "mounted": False, "namespace": False, "device": False,
    }  # fmt: skip
    assert attack.inside(script, LIMITS, folders=["/tmp", "/work", "/home"])[1]["written"] == ["/tmp", "/work", "/home"]


def test_nothing_outlives_the_run(attack: Attack) -> None:
    script = (
        HEAD
        + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(60)", aim["marker"]])
    os._exit(0)
os.wait()
time.sleep(0.5)
done(started=True)
"""
    )
    marker = f"outlives-{uuid.uuid4().hex}"
    assert attack.inside(script, LIMITS, marker=marker)[1] == {"started": True}
    assert running(marker) == []
    attack.outside(script, marker=marker)
    left = running(marker)
    assert len(left) == 1
    os.kill(left[0], 9)


@pytest.mark.parametrize("signal", [9, 19])
def test_process_one_cannot_be_stopped_or_killed_to_hang_the_run(attack: Attack, signal: int) -> None:
    script = (
        HEAD
        + f"""
import ctypes
ctypes.CDLL(None).ptrace(16, 1, 0, 0)
works(lambda: os.kill(1, {signal}))
done(tried=True)
"""
    )
    limits = Limits(seconds=3, cpu_seconds=3, memory_mb=128, output_mb=1, processes=4)
    finished, found = attack.inside(script, limits)
    assert found == {"tried": True} or finished.ending in (Ending.OUT_OF_TIME, Ending.LOST)
