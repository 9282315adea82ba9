"""Doors of the kernel that a computation does not need, and ways around the filter that closes them."""

from __future__ import annotations

from tests.support.escapes.case import Escape

FILTER = ("system-call filter",)
X86 = "platform.machine() == 'x86_64'"
MACHINE_CODE = """
def run_code():
    block = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    block.write(bytes.fromhex(aim["code"]))
    at = ctypes.addressof(ctypes.c_char.from_buffer(block))
    return ctypes.CFUNCTYPE(ctypes.c_int)(at)() == os.getpid()
tell(platform.machine() == "x86_64" and child(run_code))
"""
HOST = "it needs a capability in the host's own namespace, which no layer of ours hands out; nor would it be harmless"

KERNEL = [
    Escape("io-uring", "sets up an io_uring, by which calls go past a filter", (*FILTER, "no locked memory"), """
tell(syscall(425, 425, 2, bytes(120)))
""", alone=FILTER),
    Escape("userfaultfd", "asks for a userfaultfd, a tool of kernel exploits", FILTER, """
tell(syscall(323, 282, 1))
"""),
    Escape("bpf", "loads a program into the kernel", FILTER, """
instructions = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0)
code, licence = ctypes.create_string_buffer(instructions), ctypes.create_string_buffer(b"GPL")
attributes = struct.pack("=IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(licence)) + bytes(100)
tell(syscall(321, 280, 5, attributes, len(attributes)))
"""),
    Escape("performance-events", "counts events of the processor", FILTER, """
attributes = struct.pack("=IIQ", 1, 112, 0) + bytes(24) + struct.pack("=Q", 0b1100000) + bytes(64)
tell(syscall(298, 241, attributes, 0, -1, -1, 0))
"""),
    Escape("keyring", "puts a key into a keyring of the kernel", FILTER, """
tell(syscall(248, 217, b"user", b"sovereign-escape", b"canary", 6, -2))
"""),
    Escape("memory-file", "makes a file without a name, to run a program from it", FILTER, """
tell(syscall(319, 279, b"escape", 0))
"""),
    Escape("personality", "switches off the randomizing of addresses", FILTER, """
tell(syscall(135, 92, 0x0040000))
"""),
    Escape("local-descriptors", "changes the processor's descriptor tables", FILTER, f"""
tell({X86} and syscall(154, -1, 0, bytes(16), 16))
"""),
    Escape("clock-state", "reads and steers the state of the host's clock", FILTER, """
tell(syscall(159, 171, ctypes.create_string_buffer(256)))
"""),
    Escape("clock-set", "sets the host's clock", ("no capabilities", "system-call filter"), """
now = struct.pack("=qq", *divmod(time.time_ns(), 10**9))
tell(syscall(227, 112, 0, now))
""", unproven=HOST),
    Escape("kernel-module", "loads a kernel module, or another kernel", ("no capabilities", "system-call filter"), """
tell(syscall(175, 105, b"", 0, b"") or syscall(246, 104, 0, 0, 0, 0))
""", unproven=HOST),
    Escape("raise-limits", "raises its own limits", ("no capabilities",), """
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 64, hard + 64))
except (OSError, ValueError) as error:
    why.append(str(error))
tell(resource.getrlimit(resource.RLIMIT_NOFILE)[1] > hard)
""", unproven=HOST),
    Escape("call-by-int80", "calls the kernel by its 32-bit entry, where numbers differ", FILTER, MACHINE_CODE,
           aim=lambda at: {"code": "b814000000cd80c3"}),
    Escape("call-by-x32", "calls the kernel by its x32 numbers", FILTER, MACHINE_CODE,
           aim=lambda at: {"code": "b8270000400f05c3"}),
]  # fmt: skip
