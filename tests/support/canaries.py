"""What a hostile script may reach, all of it ours and harmless: listeners, a marked file, sentinels, shared memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tests.support.gate import running

WORD = "canary"


class Canaries:
    """Made when first asked for, gone when the test ends."""

    def __init__(self, stack: contextlib.ExitStack, spare_uid: int | None) -> None:
        self._stack = stack
        self.spare_uid = spare_uid
        self.marker = f"sovereign-escape-{uuid.uuid4().hex}"
        self.secret = {"SOVEREIGN_TEST_SECRET": self.marker}

    @cached_property
    def folder(self) -> Path:
        """A folder of the host that anybody may enter and write to, with a marked file."""
        path = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sovereign-test-")))
        path.chmod(0o777)
        (path / "marked").write_text(WORD)
        (path / "marked").chmod(0o666)
        return path

    @property
    def marked(self) -> Path:
        return self.folder / "marked"

    def _listener(self, family: int, kind: int, address: object) -> socket.socket:
        end = self._stack.enter_context(socket.socket(family, kind))
        end.bind(address)
        if kind == socket.SOCK_STREAM:
            end.listen()
        end.setblocking(False)
        return end

    @cached_property
    def tcp(self) -> socket.socket:
        return self._listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))

    @cached_property
    def tcp6(self) -> socket.socket:
        return self._listener(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))

    @cached_property
    def udp(self) -> socket.socket:
        return self._listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))

    @cached_property
    def abstract(self) -> socket.socket:
        return self._listener(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.marker)

    @cached_property
    def path_socket(self) -> socket.socket:
        end = self._listener(socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        return end

    def knocked(self, name: str) -> bool:
        """Whether anything came to a listener since the last look."""
        end: socket.socket = getattr(self, name)
        try:
            if end.type == socket.SOCK_DGRAM:
                return bool(end.recv(1024))
            end.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def sentinel(self, uid: int | None = None) -> subprocess.Popen[bytes]:
        """A process of the host that a script may see or signal."""
        marked = [sys.executable, "-S", "-c", "import time; time.sleep(60)", self.marker]
        words = marked if uid is None else ["/bin/sleep", "60"]
        child = subprocess.Popen(words, user=uid, group=uid, extra_groups=None if uid is None else [], cwd="/")
        self._stack.callback(child.wait)
        self._stack.callback(child.kill)
        if uid is None:
            wait_until(lambda: child.pid in running(self.marker))
        return child

    @cached_property
    def sysv(self) -> int:
        """The key of a System V segment of the host that holds the word."""
        libc = ctypes.CDLL(None, use_errno=True)
        key = uuid.uuid4().int & 0x7FFFFFFF
        segment = libc.shmget(key, 4096, 0o1666)
        assert segment >= 0, os.strerror(ctypes.get_errno())
        self._stack.callback(libc.shmctl, segment, 0, None)
        libc.shmat.restype = ctypes.c_void_p
        at = libc.shmat(segment, None, 0)
        ctypes.memmove(at, WORD.encode(), len(WORD))
        libc.shmdt(ctypes.c_void_p(at))
        return key

    @cached_property
    def posix(self) -> str:
        """A file of shared memory of the host."""
        path = Path("/dev/shm") / self.marker
        path.write_text(WORD)
        path.chmod(0o666)
        self._stack.callback(path.unlink)
        return str(path)

    @cached_property
    def queue(self) -> str:
        """A POSIX message queue of the host."""
        libc = ctypes.CDLL(None, use_errno=True)
        name = f"/{self.marker}"
        descriptor = libc.mq_open(name.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
        assert descriptor >= 0, os.strerror(ctypes.get_errno())
        os.fchmod(descriptor, 0o666)
        self._stack.callback(libc.mq_unlink, name.encode())
        self._stack.callback(os.close, descriptor)
        return name

    @cached_property
    def leaked(self) -> int:
        """A descriptor of ours on the marked file."""
        descriptor = os.open(self.marked, os.O_RDONLY)
        self._stack.callback(os.close, descriptor)
        return descriptor

    @cached_property
    def setuid_tool(self) -> Path:
        """A copy of `id` that runs as another user, 61000; raises where we may not make one."""
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        tools.chmod(0o755)
        tool = tools / "id"
        tool.write_bytes(Path("/usr/bin/id").read_bytes())
        os.chown(tool, 61000, 61000)
        tool.chmod(0o4755)
        return tools

    def left_running(self) -> bool:
        """Whether a process with our mark runs on the host; it is ended."""
        found = running(self.marker)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        return bool(found)


@contextlib.contextmanager
def canaries(spare_uid: int | None) -> Iterator[Canaries]:
    with contextlib.ExitStack() as stack:
        yield Canaries(stack, spare_uid)


def wait_until(condition: object, seconds: float = 10.0) -> bool:
    """Poll until a condition holds; the deadline is there so that a failing test ends."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
