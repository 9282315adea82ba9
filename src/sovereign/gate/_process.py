"""One sandboxed process tree, from start to the certainty that nothing of it is left."""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from ._lines import Lines
from ._watch import memory_bytes
from .sandbox import Ending, Progress

LOG_BYTES = 32 << 10
_HEADER_BYTES = 64 << 10
_POLL_SECONDS = 0.05
_TELL_SECONDS = 0.25
_START_SECONDS = 30.0
_GRACE_SECONDS = 3.0


@dataclass
class Watched:
    """What came out of a process tree. `ended` is set where we ended it ourselves."""

    ended: Ending | None
    started: bool
    returncode: int
    log: bytes
    parcel: bytes


class Pipes:
    """The descriptors shared with the sandbox: those that it gets, and ours at the other ends."""

    def __init__(self, data: Mapping[str, bytes], syscalls: bytes | None, *, block: bool) -> None:
        self._open: set[int] = set()
        self.parcel, self.parcel_in = self._pipe()
        self.info, self.info_in = self._pipe()
        self.lifeline_in, self.lifeline = self._pipe()
        self.block_in: int | None = None
        self.block: int | None = None
        if block:
            self.block_in, self.block = self._pipe()
        self.filter = None if syscalls is None else self._memory(syscalls)
        self.data = {path: self._memory(content) for path, content in data.items()}

    @property
    def inside(self) -> list[int]:
        """The descriptors that go in; bubblewrap keeps all but the parcel's and the lifeline's for itself."""
        ends = [self.parcel_in, self.info_in, self.lifeline_in, *self.data.values()]
        return ends + [end for end in (self.block_in, self.filter) if end is not None]

    def close_inside(self) -> None:
        """Close our copies of what went in, so that an end of file means the end of the sandbox."""
        self._close(self.inside)

    def __enter__(self) -> Pipes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close(list(self._open))

    def _pipe(self) -> tuple[int, int]:
        pair = os.pipe()
        self._open.update(pair)
        return pair

    def _memory(self, content: bytes) -> int:
        descriptor = os.memfd_create("sovereign-pack", os.MFD_CLOEXEC)
        self._open.add(descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def _close(self, descriptors: Sequence[int]) -> None:
        for descriptor in descriptors:
            if descriptor in self._open:
                self._open.discard(descriptor)
                os.close(descriptor)


class Process:
    """bubblewrap and all below it. Leaving the `with` block kills whatever still runs, whatever the reason."""

    def __init__(self, command: Sequence[str], pipes: Pipes, environment: Mapping[str, str]) -> None:
        self._pipes = pipes
        self._inner: int | None = None
        self._inner_handle: int | None = None
        self._outer = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            pass_fds=pipes.inside,
            start_new_session=True,
        )
        pipes.close_inside()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self._outer.wait()
        if self._outer.stdout is not None:
            self._outer.stdout.close()
        if self._inner_handle is not None:
            os.close(self._inner_handle)
            self._inner_handle = None

    def enter_namespace(self, drop_uid: int | None, inner_uid: int) -> None:
        """Wait until the namespaces exist; as root, give the new one a second uid and let bubblewrap go on."""
        self.adopt(self._child_pid())
        if self._inner is None:
            return
        if drop_uid is not None and self._pipes.block is not None:
            for kind in ("uid_map", "gid_map"):
                with open(f"/proc/{self._inner}/{kind}", "w", encoding="ascii") as file:  # noqa: PTH123
                    file.write(f"0 0 1\n{inner_uid} {drop_uid} 1\n")
            os.write(self._pipes.block, b"1")

    def adopt(self, inner: int | None) -> None:
        """Take a process as process 1 of the sandbox: what it and its children use is counted, and it is what ends."""
        self._inner = inner
        if inner is not None:
            with contextlib.suppress(OSError):
                self._inner_handle = os.pidfd_open(inner)

    @property
    def runs(self) -> bool:
        """Whether the program that makes the sandbox still runs."""
        return self._outer.poll() is None

    def kill(self) -> None:
        """Kill process 1 of the sandbox, with which the kernel ends all others in it, then bubblewrap itself."""
        if self._inner_handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._inner_handle, signal.SIGKILL)
        if self._outer.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._outer.pid, signal.SIGKILL)

    def watch(
        self,
        *,
        seconds: float,
        memory_mb: int,
        printed_bytes: int,
        parcel_bytes: int,
        tell: Callable[[Progress], None] | None = None,
    ) -> Watched:
        """Read what comes until the end, and make an end when time, memory or output runs over."""
        out = self._outer.stdout
        assert out is not None
        log, printed, parcel = bytearray(), 0, bytearray()
        ended: Ending | None = None
        began = time.monotonic()
        deadline = began + _START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(out.fileno(), selectors.EVENT_READ)
            selector.register(self._pipes.parcel, selectors.EVENT_READ)
            looked = told = 0.0
            lines = Lines()
            while selector.get_map():
                for key, _ in selector.select(_POLL_SECONDS):
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        selector.unregister(key.fd)
                    elif key.fd == self._pipes.parcel:
                        if not parcel:
                            deadline = time.monotonic() + seconds + _GRACE_SECONDS
                        parcel += data
                    else:
                        printed += len(data)
                        log += data[: LOG_BYTES - len(log)]
                        if tell is not None:
                            lines.add(data)
                now = time.monotonic()
                if tell is not None and now - told >= _TELL_SECONDS:
                    told = now
                    tell(Progress(now - began, lines.take()))
                if ended is not None:
                    if now > deadline:
                        break
                    continue
                if printed > printed_bytes:
                    ended = Ending.PRINTED_TOO_MUCH
                elif len(parcel) > parcel_bytes + _HEADER_BYTES:
                    ended = Ending.LOST
                elif now > deadline:
                    ended = Ending.OUT_OF_TIME
                elif now - looked >= _POLL_SECONDS:
                    looked = now
                    if self._inner is not None and memory_bytes(self._inner) > memory_mb << 20:
                        ended = Ending.OUT_OF_MEMORY
                if ended is not None:
                    self.kill()
                    deadline = now + _GRACE_SECONDS
        self.kill()
        returncode = self._outer.wait()
        if tell is not None:
            tell(Progress(time.monotonic() - began, lines.take(all_of_it=True)))
        return Watched(ended, bool(parcel), returncode, bytes(log), bytes(parcel))

    def _child_pid(self) -> int | None:
        """Process 1 of the sandbox as the host numbers it; None if bubblewrap ended before it told."""
        told = b""
        deadline = time.monotonic() + _START_SECONDS
        while b"}" not in told:
            ready, _, _ = select.select([self._pipes.info], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._pipes.info, 4096) if ready else b""
            if not part:
                return None
            told += part
        try:
            return int(json.loads(told)["child-pid"])
        except (ValueError, KeyError, TypeError):
            return None
