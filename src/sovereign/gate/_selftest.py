"""The attacks of the self-test, run inside the sandbox as any script is: standard library only, no sovereign.

`probe.json` beside it says what to attack. For every protection, `results.json` says whether the attack was refused
and whether its positive control succeeded, each with a few words. Only harmless things are reached for: a listener
and a marked file of the prober's own.
"""

# ruff: noqa: PTH108, PTH109, PTH110, PTH115, PTH118, PTH123, PTH208, S108
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

Aim = dict[str, Any]
Row = tuple[bool, str, bool, str]

MIB = 1 << 20


def main() -> None:
    with open("/pack/probe.json", encoding="utf-8") as file:
        aim = json.load(file)
    seen = {
        "network": network(aim),
        "host-files": host_files(aim),
        "namespaces": namespaces(aim),
        "root-read-only": read_only(aim),
        "environment": environment(aim),
        "descriptors": descriptors(),
        "capabilities": capabilities(),
        "nested-namespaces": nested_namespaces(),
        "system-calls": system_calls(aim),
        "open-files": open_files(aim),
        "file-size": file_size(aim),
        "disk": disk(aim),
        "memory": memory(aim),
        "processes": processes(aim),
    }
    fields = ("refused", "attack", "control", "control_text")
    rows = {name: dict(zip(fields, row, strict=True)) for name, row in seen.items()}
    with open("results.json", "w", encoding="utf-8") as file:
        json.dump({"nonce": aim["nonce"], "seen": rows}, file)


def network(aim: Aim) -> Row:
    reached = []
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", aim["port"])),
        (socket.AF_UNIX, "\0" + aim["abstract"]),
    ):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as end:
                end.settimeout(2)
                end.connect(address)
            reached.append(str(address))
        except OSError:
            pass
    with open("/proc/net/dev", encoding="ascii") as file:
        interfaces = [line.split(":")[0].strip() for line in file.readlines()[2:]]
    return (
        not reached and set(interfaces) <= {"lo"},
        f"reached {reached or 'nothing'} of the host; interfaces {interfaces}",
        bool(interfaces) or os.path.exists("/proc/net/dev"),
        "the list of interfaces can be read",
    )


def host_files(aim: Aim) -> Row:
    found = []
    for path in aim["files"]:
        try:
            with open(path, "rb") as file:
                file.read(1)
            found.append(path)
        except OSError:
            pass
    try:
        listed = sorted(set(os.listdir(aim["home"])) - set(aim["home_allowed"])) if aim["home"] else []
    except OSError:
        listed = []
    with open("/pack/probe.json", "rb") as file:
        control = bool(file.read(1))
    what = f"read {len(found)} of the host's {len(aim['files'])} marked files, saw {len(listed)} entries of its home"
    return not found and not listed, what, control, "the files that were handed in can be read"


def namespaces(aim: Aim) -> Row:
    ours = {name: os.readlink(f"/proc/self/ns/{name}") for name in aim["namespaces"]}
    shared = sorted(name for name, value in ours.items() if value == aim["namespaces"][name])
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return (
        not shared and len(pids) <= 4,
        f"shares {shared or 'no namespace'} with the host, sees {len(pids)} processes",
        str(os.getpid()) in pids,
        "sees itself",
    )


def read_only(aim: Aim) -> Row:
    written: list[str] = []
    for folder in aim["read_only"]:
        path = os.path.join(folder, "sovereign-probe")
        if try_write(path):
            written.append(folder)
            os.unlink(path)
    written += [path for path in aim["kernel_files"] if may_open_for_writing(path)]
    control = all(try_write(os.path.join(folder, "sovereign-probe")) for folder in aim["writable"])
    tried = len(aim["read_only"]) + len(aim["kernel_files"])
    return (
        not written,
        f"could write to {written or 'none'} of {tried} folders and kernel files",
        control,
        f"wrote to {aim['writable']}",
    )


def try_write(path: str) -> bool:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write("x")
        return True
    except OSError:
        return False


def may_open_for_writing(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY))
        return True
    except OSError:
        return False


def environment(aim: Aim) -> Row:
    try:
        with open("/proc/1/environ", "rb") as file:
            first = file.read()
    except OSError:
        first = b""
    leaked = aim["variable"] in os.environ or aim["variable"].encode() in first
    shown = f"the host's variable is {'seen' if leaked else 'not seen'}; {len(os.environ)} variables are set"
    return not leaked, shown, os.environ.get("TZ") == "UTC", "the variables that were handed in are seen"


def descriptors() -> Row:
    inherited = [name for name in os.listdir("/proc/self/fd") if int(name) > 2 and still_open(int(name))]
    new = os.open("/dev/null", os.O_RDONLY)
    control = str(new) in os.listdir("/proc/self/fd")
    os.close(new)
    return (
        not inherited,
        f"inherited {inherited or 'none'} beyond 0, 1, 2",
        control,
        "a descriptor that is opened shows",
    )


def still_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
        return True
    except OSError:
        return False  # the one that listed the folder


def capabilities() -> Row:
    with open("/proc/self/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    held = int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapAmb"], 16)
    refused = not in_child(lambda: os.chroot("/tmp") is None)  # type: ignore[func-returns-value]
    os.chdir("/tmp")
    os.chdir("/work")
    return (
        refused and held == 0 and status.get("NoNewPrivs") == "1",
        f"capabilities {held:x}, no_new_privs {status.get('NoNewPrivs')}, chroot {'refused' if refused else 'done'}",
        os.getcwd() == "/work",
        "an act that needs no capability is done",
    )


def nested_namespaces() -> Row:
    made = in_child(user_namespace)
    shown = "a user namespace of its own was " + ("made" if made else "refused")
    return not made, shown, in_child(lambda: os.getpid() > 1), "a process of its own was made"


def user_namespace() -> bool:
    import ctypes

    return bool(ctypes.CDLL(None).unshare(0x10000000) == 0)


def system_calls(aim: Aim) -> Row:
    reached = sorted(set(calls()) & set(aim["calls"]))
    return (
        not reached,
        f"of {len(aim['calls'])} calls that this kernel grants outside, {reached or 'none'} were granted",
        True,
        "calls that a computation needs are granted",
    )


def calls() -> list[str]:
    """System calls that are granted to this process, of those that the filter should refuse. Each does nothing."""
    import ctypes
    import platform

    libc = ctypes.CDLL(None, use_errno=True)
    at = 0 if platform.machine() == "x86_64" else 1

    def call(numbers: tuple[int, int], *arguments: Any) -> Callable[[], bool]:
        return lambda: bool(libc.syscall(numbers[at], *arguments) >= 0)

    def opens(family: int, kind: int) -> Callable[[], bool]:
        def act() -> bool:
            socket.socket(family, kind).close()
            return True

        return act

    attempts = {
        "socket-inet": opens(socket.AF_INET, socket.SOCK_STREAM),
        "socket-unix": opens(socket.AF_UNIX, socket.SOCK_STREAM),
        "socket-netlink": opens(getattr(socket, "AF_NETLINK", 16), socket.SOCK_RAW),
        "unshare": user_namespace,
        "ptrace": lambda: bool(libc.ptrace(0, 0, 0, 0) == 0),
        "memfd_create": call((319, 279), b"x", 0),
        "shmget": call((29, 194), 0, 4096, 0o600 | 0o1000),
        "keyctl": call((250, 219), 0, -2, 0),
        "personality": call((135, 92), 0x0040000),
    }
    return [name for name, act in attempts.items() if in_child(act)]


def in_child(act: Callable[[], bool]) -> bool:
    """Whether `act` comes to True in a process of its own."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if act() else 1
        except OSError:
            pass
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def open_files(aim: Aim) -> Row:
    most: int = aim["open_files"]
    held: list[int] = []
    try:
        while len(held) < most + 16:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for descriptor in held:
        os.close(descriptor)
    return len(held) <= most, f"opened {len(held)}, the limit is {most}", len(held) >= most // 2, "opened half of them"


def file_size(aim: Aim) -> Row:
    most: int = aim["output_mb"] * MIB

    def write_at(offset: int) -> bool:
        try:
            with open("size", "wb") as file:
                return os.pwrite(file.fileno(), b"x", offset) == 1
        except OSError:
            return False

    over, under = write_at(most + 1), write_at(most - 1)
    os.unlink("size")
    return not over, f"a file over {most} bytes was {'written' if over else 'refused'}", under, "one below was written"


def disk(aim: Aim) -> Row:
    most: int = aim["output_mb"]
    total: dict[str, int] = {}
    for folder in aim["writable"]:
        names = [os.path.join(folder, f"fill{index}") for index in range(4)]
        written = 0
        try:
            for name in names:
                with open(name, "wb", buffering=0) as file:
                    for _ in range(max(1, most // 2)):
                        written += file.write(b"x" * MIB)
        except OSError:
            pass
        for name in names:
            if os.path.exists(name):
                os.unlink(name)
        total[folder] = written // MIB
    refused = all(size <= most for size in total.values())
    return refused, f"MiB written: {total}, the limit is {most}", all(total.values()), "the first MiB were written"


def memory(aim: Aim) -> Row:
    most: int = aim["memory_mb"] * MIB

    def take(size: int) -> bool:
        try:
            return len(bytearray(size)) == size
        except MemoryError:
            return False

    over, under = in_child(lambda: take(most + 16 * MIB)), in_child(lambda: take(most // 4))
    return (
        not over,
        f"a block over {most} bytes was {'given' if over else 'refused'}",
        under,
        "a quarter of it was given",
    )


def processes(aim: Aim) -> Row:
    most: int = aim["processes"]
    started: list[int] = []
    try:
        while len(started) < most + 24:
            pid = os.fork()
            if pid == 0:
                time.sleep(30)
                os._exit(0)
            started.append(pid)
    except OSError:
        pass
    for pid in started:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    shown = f"started {len(started)} beside itself, the limit is {most}"
    return len(started) < most, shown, len(started) >= most // 2, "started half of them"


if __name__ == "__main__":
    if sys.argv[1:] == ["--calls"]:  # outside, as the positive control
        print(json.dumps(calls()))
    else:
        main()
