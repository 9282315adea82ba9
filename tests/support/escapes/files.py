"""Files, devices and kernel files of the host, and the sandbox's own walls."""

from __future__ import annotations

from tests.support.escapes.case import Escape

HIDDEN = "host's files hidden"
FILTERED_ROOT = ("no capabilities", "system-call filter", "spare uid")
OPEN = """
tell(any([works(lambda: os.close(os.open(path, getattr(os, aim["flags"])))) for path in aim["paths"]]))
"""
AS_ROOT = "only root's own uid may open it, and the tests do not run as root"

FILES = [
    Escape("host-file-read", "reads a marked file of the host", (HIDDEN,), """
tell(works(lambda: open(aim["path"]).read() == "canary"))
""", aim=lambda at: {"path": str(at.marked)}),
    Escape("host-file-write", "writes to a marked file of the host", (HIDDEN, "read-only mounts"), """
def act():
    with open(aim["path"], "a") as file:
        file.write("reached")
tell(works(act))
""", aim=lambda at: {"path": str(at.marked)}, reached=lambda at, found: at.marked.read_text() != "canary"),
    Escape("host-folder-links", "links to a marked file of the host and reads through the link", (HIDDEN,), """
def act():
    os.symlink(aim["path"], "link")
    return open("link").read() == "canary"
works(lambda: os.link(aim["path"], "hard"))
tell(works(act) or os.path.exists("hard"))
""", aim=lambda at: {"path": str(at.marked)}),
    Escape("read-only-root", "makes a file in the root of its file system", ("read-only mounts", "spare uid"), """
tell(works(lambda: open("/sovereign-was-here", "w").close()))
""", alone=("read-only mounts",)),
    Escape("own-pack-files", "rewrites the files of its own pack", ("read-only pack", "read-only mounts"), """
tell(works(lambda: open("/pack/attack.py", "a").write("# changed")))
""", alone=("read-only pack",)),
    Escape("proc-host-processes", "reads the command lines of the host's processes", ("pid namespace",), """
def line(pid):
    try:
        return open(f"/proc/{pid}/cmdline").read()
    except OSError:
        return ""
tell(any(aim["marker"] in line(pid) for pid in os.listdir("/proc") if pid.isdigit()))
""", aim=lambda at: {"marker": at.marker, "pid": at.sentinel().pid}),
    Escape("proc-sysctl", "opens the kernel's settings for writing: core_pattern, modprobe, hostname",
           ("private /proc", "spare uid"), OPEN, root=AS_ROOT, aim=lambda at: {"flags": "O_WRONLY", "paths": [
               "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname"]}),
    Escape("proc-sysrq", "opens the door to the kernel's emergency commands", ("private /proc", "spare uid"), OPEN,
           root=AS_ROOT, aim=lambda at: {"flags": "O_WRONLY", "paths": ["/proc/sysrq-trigger"]}),
    Escape("sys-read", "reads the host's devices and modules under /sys", ("no /sys",), """
tell(works(lambda: bool(os.listdir("/sys/devices"))))
"""),
    Escape("sys-write", "opens a setting of the kernel under /sys for writing", ("no /sys", "spare uid"), OPEN,
           root=AS_ROOT, aim=lambda at: {"flags": "O_WRONLY", "paths": [
               "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/profiling", "/sys/power/state"]}),
    Escape("dev-devices", "opens the host's disks, memory, kernel log, tunnels and virtual machines",
           ("private /dev", "spare uid"), OPEN, alone=("private /dev",), aim=lambda at: {"flags": "O_RDONLY", "paths": [
               "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/kvm", "/dev/fuse", "/dev/net/tun",
               "/dev/loop-control", "/dev/mapper/control", "/dev/hwrng", "/dev/rtc0", "/dev/vsock"]}),
    Escape("device-file", "makes a device file and opens it", ("no capabilities", "spare uid"), """
def act():
    os.mknod("zero", 0o20666, os.makedev(1, 5))
    return len(open("zero", "rb").read(1)) == 1
tell(works(act))
""", unproven="the kernel lets nobody make devices inside a user namespace, whatever is switched off"),
    Escape("mount", "mounts a file system over a folder", FILTERED_ROOT, """
os.mkdir("at")
tell(ok(libc.mount(b"none", b"/work/at", b"tmpfs", 0, None)))
"""),
    Escape("remount", "makes its root writable again", FILTERED_ROOT, """
tell(ok(libc.mount(b"none", b"/", None, ctypes.c_ulong(32 | 4096), None)) and works(lambda: os.mkdir("/was-here")))
"""),
    Escape("chroot", "leaves a root by making another and stepping out of it", FILTERED_ROOT, """
def act():
    os.mkdir("jail")
    root = os.open("/", os.O_RDONLY)
    os.chroot("jail")
    os.fchdir(root)
    os.chroot(".")
reached = works(act)
os.chdir("/work")
tell(reached)
"""),
    Escape("file-handle", "asks for a file's handle, to open it past its folder", ("system-call filter",), """
handle = struct.pack("=Ii", 128, 0) + bytes(128)
mount = ctypes.byref(ctypes.c_int())
tell(any([syscall(303, 264, -100, path, handle, mount, 0) for path in (b"/usr", b"/work", b"/pack")]))
"""),
    Escape("posix-shared-memory", "reads shared memory of the host under /dev/shm", ("private /dev/shm",), """
tell(works(lambda: open(aim["path"]).read() == "canary"))
""", aim=lambda at: {"path": at.posix}),
    Escape("sysv-shared-memory", "attaches a System V segment of the host", ("ipc namespace", "system-call filter"), """
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(aim["key"], 4096, 0)
tell(ok(segment) and ctypes.string_at(libc.shmat(segment, None, 0), 6) == b"canary")
""", aim=lambda at: {"key": at.sysv}),
    Escape("message-queue", "opens a message queue of the host", ("ipc namespace", "system-call filter"), """
tell(ok(libc.mq_open(aim["name"].encode(), os.O_RDONLY | os.O_NONBLOCK)))
""", aim=lambda at: {"name": at.queue}),
]  # fmt: skip
