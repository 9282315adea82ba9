"""A control group around one run: the kernel's own count of the memory and the processes of all of it together.

Three ways to one, tried in this order: cgroup v2 and cgroup v1 where we may make a group beside or below our own, and a
scope asked of systemd. Which of them exists says nothing yet; that it bites is for the probe to show.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from sovereign.records import SandboxUnavailable

_NEEDED = ("memory", "pids")
_COUNTER = itertools.count()
_GONE_SECONDS = 5.0
#: Enters a group, then becomes what it starts: nothing is started outside.
_ENTER = 'for at in $1; do echo $$ > "$at/cgroup.procs" || exit 97; done; shift; exec "$@"'


@dataclass(frozen=True)
class Bounds:
    """What a group may hold: bytes of memory (files in memory and what the kernel holds included), tasks."""

    memory: int
    tasks: int


@dataclass(frozen=True)
class Way:
    """A way to groups on this host. `places` are the folders in which a group is made, by controller."""

    name: str
    places: tuple[Path, ...] = ()
    program: str = ""
    environment: dict[str, str] = field(default_factory=dict, hash=False)


class Group:
    """One group, made on entering and gone on leaving, with whatever still ran in it."""

    def __init__(self, way: Way, bounds: Bounds) -> None:
        self._way = way
        self._bounds = bounds
        self._name = f"{name_of(os.getpid())}-{next(_COUNTER)}"
        self._folders: list[Path] = []

    @property
    def prefix(self) -> list[str]:
        """What stands before a command to start it inside."""
        if self._way.program:
            bounds = (f"MemoryMax={self._bounds.memory}", "MemorySwapMax=0", f"TasksMax={self._bounds.tasks}")
            user = [] if os.geteuid() == 0 else ["--user"]
            asked = [word for bound in bounds for word in ("-p", bound)]
            return [self._way.program, *user, "--scope", "--quiet", "--collect", f"--unit={self._name}", *asked, "--"]
        return ["/bin/sh", "-c", _ENTER, "sh", " ".join(map(str, self._folders))]

    @property
    def environment(self) -> dict[str, str]:
        """What the prefix itself needs; bubblewrap clears it."""
        return self._way.environment

    @property
    def overran(self) -> bool:
        """Whether the kernel ended a process because the group ran out of memory."""
        for folder in self._folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError, ValueError):
                    rows = dict(line.split() for line in (folder / name).read_text().splitlines())
                    if int(rows.get("oom_kill", 0)):
                        return True
        return False

    def __enter__(self) -> Group:
        try:
            for place in self._way.places:
                folder = place / self._name
                folder.mkdir()
                self._folders.append(folder)
                self._bound(folder)
        except OSError as error:
            self._remove()
            raise SandboxUnavailable(f"no control group could be made: {error}", "try again; see `doctor`") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def _bound(self, folder: Path) -> None:
        """Write the bounds; swap is bounded where the kernel counts it."""
        files = {"pids.max": self._bounds.tasks}
        if self._way.name == "cgroup v2":
            files |= {"memory.max": self._bounds.memory}
            also = {"memory.swap.max": 0, "memory.oom.group": 1}
        else:
            files |= {"memory.limit_in_bytes": self._bounds.memory}
            also = {"memory.memsw.limit_in_bytes": self._bounds.memory}
        for name, value in files.items():
            if (folder / name).exists():
                (folder / name).write_text(str(value))
        for name, value in also.items():
            with contextlib.suppress(OSError):
                if (folder / name).exists():
                    (folder / name).write_text(str(value))

    def _remove(self) -> None:
        """End what is left inside and take the folders away; the kernel needs a moment to let the dead go."""
        deadline = time.monotonic() + _GONE_SECONDS
        while self._folders:
            folder = self._folders[-1]
            with contextlib.suppress(OSError, ValueError):
                for pid in map(int, (folder / "cgroup.procs").read_text().split()):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                if time.monotonic() < deadline:
                    time.sleep(0.005)
                    continue
            self._folders.pop()


@functools.cache
def ways() -> tuple[Way, ...]:
    """The ways to a group that this process may go, as far as making an empty one tells. Groups that a killed process
    of ours left behind, empty since, are taken away."""
    found = [way for way in (_version_2(), _version_1()) if way is not None]
    for place in (place for way in found for place in way.places):
        _sweep(place)
    usable = []
    for way in found:
        with contextlib.suppress(SandboxUnavailable), Group(way, Bounds(1 << 30, 64)):
            usable.append(way)
    scope = _scope()
    return tuple(usable if scope is None else [*usable, scope])


def name_of(maker: int) -> str:
    """How the groups of a process begin: with its pid, and the namespace in which that pid means it."""
    return f"sovereign-{os.stat('/proc/self/ns/pid').st_ino}-{maker}"  # noqa: PTH116


def _sweep(place: Path) -> None:
    """Take away the groups of processes that are gone. One that was killed while bubblewrap set up a sandbox can leave
    bubblewrap's child in it, waiting for a word that never comes: it is ended."""
    for folder in place.glob(f"{name_of(0)[:-1]}*-*"):
        maker = folder.name.split("-")[2]
        if not maker.isdigit() or Path(f"/proc/{maker}").exists():
            continue
        with contextlib.suppress(OSError, ValueError):
            for pid in map(int, (folder / "cgroup.procs").read_text().split()):
                if pid:
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):  # not yet empty: the next start finds it so
            folder.rmdir()


def _version_2() -> Way | None:
    """Below our own group where it hands its controllers on, or beside it where the one above does."""
    root, own = _mounted("cgroup2", ""), _own("")
    if root is None or own is None:
        return None
    ours = root / own
    for place in (ours, ours.parent) if ours != root else (ours,):
        with contextlib.suppress(OSError):
            if set(_NEEDED) <= set((place / "cgroup.subtree_control").read_text().split()):
                return Way("cgroup v2", (place,))
    return None


def _version_1() -> Way | None:
    places = []
    for controller in _NEEDED:
        root, own = _mounted("cgroup", controller), _own(controller)
        if root is None or own is None:
            return None
        places.append(root / own)
    return Way("cgroup v1", tuple(places))


def _scope() -> Way | None:
    program = shutil.which("systemd-run")
    if program is None or not Path("/run/systemd/system").is_dir():
        return None
    passed = {name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ}
    return None if os.geteuid() and not passed else Way("systemd scope", (), program, passed)


def _mounted(kind: str, controller: str) -> Path | None:
    """Where a hierarchy of control groups is mounted whole (of a part of one, our path in it would mislead)."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            filesystem, _, options = after.split(" ", 2)
            root, place = before.split()[3:5]
            if filesystem == kind and root == "/" and (not controller or controller in options.split(",")):
                return Path(place)
    return None


def _own(controller: str) -> str | None:
    """Our own group in a hierarchy, relative to its root."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(",") and ".." not in path.split("/"):
                return path.lstrip("/")
    return None
