"""Sandbox provider: podman, a container of an empty root folder with the same launcher as process 1.

No image is needed and none is fetched: the container's root is an empty folder into which the system's programs and
the interpreter are bound, read-only. The system-call filter is put on by the launcher, over podman's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sovereign.records import BadInput, SandboxUnavailable

from . import _host, _parcel
from ._command import INNER_UID, LAUNCH, MIB, WRITABLE, bounds, launch
from ._interpreter import SYSTEM, Interpreter, edited, interpreter, packages, within
from ._lines import printable
from ._process import Pipes, Process, Watched
from ._seccomp import system_call_filter
from .sandbox import PACK, Finished, Job, SandboxReport, Watch

INSTALL = "install podman (Debian, Ubuntu: apt-get install podman; Fedora: dnf install podman), or use bubblewrap"
MEND = "see that `podman run` works for this user (`podman info`), or use bubblewrap"
_FIRST_SPARE_UID, _SPARE_UIDS = 61184, 4334
_FILTER = "/filter.bpf"
_START_SECONDS = 20.0
_MOST_PROCESSES = 4096
#: Becomes podman with the parcel and the lifeline as descriptors 3 and 4, which is what --preserve-fds hands on.
_SHIM = (
    "import os, sys; a, b = map(int, sys.argv[1:3]); a, b = os.dup(a), os.dup(b); a, b = (os.dup2(n, n + 100) for n in "
    "(a, b)); os.dup2(a, 3); os.dup2(b, 4); os.closerange(5, 4096); os.execvp(sys.argv[3], sys.argv[3:])"
)
_KEPT = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


@dataclass(frozen=True)
class PodmanMode:
    """How a container is made: by which runtime (podman's own choice if empty), with a uid of its own, with limits of
    its control group."""

    runtime: str
    spare_uid: int | None
    group: bool

    @property
    def words(self) -> str:
        """The mode as it stands in an attestation."""
        parts = ["container", f"runtime {self.runtime or 'of podman'}"]
        parts += ["uid dropped"] if self.spare_uid is not None else ["rootless"]
        return ", ".join([*parts, *(["control group"] if self.group else [])])


class Podman:
    """podman, with root or without. `path` names the program; by default it is looked for on PATH at each call."""

    name = "podman"

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._mode: PodmanMode | None = None
        self._report: SandboxReport | None = None

    def probe(self) -> SandboxReport:
        """Test this host, once for this object. The result says in which mode `run` enters the sandbox from then on."""
        from ._probe import probe

        if self._report is None:
            for mode in self._modes():
                unavailable = self._starts(mode)
                report = unavailable or probe(self, mode)
                if self._report is None or report.ok:
                    self._report = report
                if report.ok:
                    self._mode = mode
                    break
            assert self._report is not None
        return self._report

    def _starts(self, mode: PodmanMode) -> SandboxReport | None:
        """Why a mode does not even start a container, found out before it is tested at length."""
        try:
            self.run_in(Job({"x.py": b""}, "x.py", outputs=()), mode)
        except SandboxUnavailable as error:
            return SandboxReport(False, "none", (), error.message, error.remedy, {"mode": mode.words})
        return None

    def run(self, job: Job, watch: Watch | None = None) -> Finished:
        """Run a job to its end in the mode that the probe chose (probing first where that was not done)."""
        report = self.probe()
        if not report.ok or self._mode is None:
            raise SandboxUnavailable(report.reason, report.remedy)
        finished = self.run_in(job, self._mode, watch=watch)
        finished.grade = _parcel.lowered(report.grade, job)
        return finished

    def run_in(
        self, job: Job, mode: PodmanMode, environment: dict[str, str] | None = None, watch: Watch | None = None
    ) -> Finished:
        """Run a job in one mode, not yet proven: this is what the probe itself calls."""
        podman, python, name = self.program(), interpreter(), f"sovereign-{uuid.uuid4().hex}"
        began = time.monotonic()
        with _rooted(python, job, mode) as place, Pipes({}, None, block=False) as pipes:
            words = _command(podman, name, python, job, mode, place)
            shim = [sys.executable, "-I", "-S", "-c", _SHIM, str(pipes.parcel_in), str(pipes.lifeline_in), *words]
            kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
            try:
                try:
                    process = Process(shim, pipes, {**kept, **(environment or {})})
                except OSError as error:
                    raise SandboxUnavailable(f"podman could not be started: {error}", MEND) from error
                with process:
                    process.adopt(_first_process(place / "pid", process))
                    watched = process.watch(
                        seconds=job.limits.seconds,
                        memory_mb=job.limits.memory_mb,
                        printed_bytes=job.limits.output_mb * MIB,
                        parcel_bytes=job.limits.output_mb * MIB,
                        tell=watch,
                    )
            finally:
                _remove(podman, name, kept)
        return _parcel.finished(job, _started(watched), time.monotonic() - began, overran=watched.returncode == 137)

    def collect(self, finished: Finished) -> dict[str, bytes]:
        """The files of a finished job, from a parcel that is read as untrusted bytes."""
        return _parcel.files(finished)

    def destroy(self, finished: Finished) -> None:
        """Nothing of a finished job is on this host but its parcel, in memory."""
        finished.parcel = b""

    def program(self) -> str:
        """The path of podman."""
        if platform.system() != "Linux":
            raise SandboxUnavailable("podman is used on Linux only", "reproduce on a Linux machine")
        found = self._path or shutil.which("podman")
        if found is None:
            raise SandboxUnavailable("podman is not on PATH", INSTALL)
        return found

    def _modes(self) -> list[PodmanMode]:
        spare = _FIRST_SPARE_UID + os.getpid() % _SPARE_UIDS if os.geteuid() == 0 else None
        runtimes = ["", *(name for name in ("crun", "runc") if shutil.which(name))]
        return [PodmanMode(runtime, spare, group) for group in (True, False) for runtime in runtimes]


def _command(podman: str, name: str, python: Interpreter, job: Job, mode: PodmanMode, place: Path) -> list[str]:
    megabytes = job.limits.output_mb
    words = [podman, *(["--runtime", mode.runtime] if mode.runtime else []), "run", "--rm", "--name", name]
    words += ["--network", "none", "--hostname", "sandbox", "--read-only", "--read-only-tmpfs=false"]
    words += ["--cap-drop", "all", "--security-opt", "no-new-privileges", "--security-opt", "mask=/sys"]
    words += ["--http-proxy=false", "--no-hosts"]
    words += ["--passwd=false", "--log-driver", "none", "--pidfile", str(place / "pid"), "--preserve-fds", "2"]
    words += ["--ulimit", f"nofile={job.limits.open_files}:{job.limits.open_files}"]
    # podman's own defaults may be more than it may give; the launcher sets what the job states
    words += ["--ulimit", f"nproc={_MOST_PROCESSES}:{_MOST_PROCESSES}", "--ulimit", "core=0:0"]
    words += ["--user", f"{INNER_UID}:{INNER_UID}", "--shm-size", f"{megabytes}m", "--workdir", "/"]
    if mode.spare_uid is not None:
        for option in ("--uidmap", "--gidmap"):
            words += [option, f"0:{mode.spare_uid}:1", option, f"{INNER_UID}:{mode.spare_uid + 1}:1"]
            # the spare pair owns nothing; process 1 of the container is the second
    if mode.group:
        most = bounds(job)
        words += ["--memory", f"{most.memory}b", "--memory-swap", f"{most.memory}b", "--pids-limit", str(most.tasks)]
    else:
        words += ["--pids-limit", "0"]
    for folder in WRITABLE:
        if folder != "/dev/shm":  # noqa: S108 - inside the sandbox
            size = 1 if folder == "/home" else megabytes
            words += ["--tmpfs", f"{folder}:rw,nosuid,nodev,size={size}m,mode=1777,notmpcopyup"]
    for source, inside in _binds(python, job, place):
        words += ["--mount", f"type=bind,source={source},destination={inside},ro=true"]
    for path in _host.devices(job):
        words += ["--device", path]
    config = {**launch(python, job, None), "fd": 3, "lifeline": 4, "filter": _FILTER}
    entry = [python.executable, "-I", "-S", "-B", LAUNCH, json.dumps(config)]
    return [*words, "--rootfs", str(place / "root"), *entry]


def _binds(python: Interpreter, job: Job, place: Path) -> Iterator[tuple[str, str]]:
    for path in SYSTEM:
        if Path(path).is_dir() and not Path(path).is_symlink():
            yield path, path
    extra = [path for path in packages() if not within(path, (*SYSTEM, *python.binds))] if job.packages else []
    for path in (*python.binds, *extra):
        yield path, path
    for inside, path in {**edited(job.edited), **_host.folders(job)}.items():
        yield path, inside
    for inside in (PACK, LAUNCH, _FILTER):
        yield str(place / "given" / inside.lstrip("/")), inside


@contextlib.contextmanager
def _rooted(python: Interpreter, job: Job, mode: PodmanMode) -> Iterator[Path]:
    """A folder with an empty root, a place for every mount in it, and the files that are handed in."""
    with tempfile.TemporaryDirectory(prefix="sovereign-podman-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o711)
        given, root = place / "given", place / "root"
        handed = {PACK + "/" + name: data for name, data in job.files.items()}
        handed[LAUNCH] = Path(__file__).with_name("_launch.py").read_bytes()
        handed[_FILTER] = system_call_filter() or b""
        for path, data in handed.items():
            at = given / path.lstrip("/")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(data)
        for path in SYSTEM:
            if Path(path).is_symlink():
                _parent(root, path)
                (root / path.lstrip("/")).symlink_to(os.readlink(path))  # noqa: PTH115 - its very text
        for folder_inside in (*WRITABLE, "/proc", "/sys", "/dev", "/run", "/etc"):
            (root / folder_inside.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (root / "run/.containerenv").touch()
        for source, inside in _binds(python, job, place):
            if "," in source + inside or ":" in inside:
                raise BadInput(f"podman cannot show a path with a comma or colon: {source}", "rename the folder")
            at = root / inside.lstrip("/")
            _parent(root, inside)
            at.mkdir(exist_ok=True) if Path(source).is_dir() else at.touch()
        _let_in(place, mode)
        yield place


def _parent(root: Path, inside: str) -> None:
    (root / inside.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)


def _let_in(place: Path, mode: PodmanMode) -> None:
    """The root belongs to the container's root, so that its runtime may complete it; what was handed in is readable."""
    for top, folders, files in os.walk(place):
        for name in (*folders, *files):
            at = Path(top) / name
            if not at.is_symlink():
                at.chmod(0o755 if at.is_dir() else 0o444)
            if mode.spare_uid is not None and at.is_relative_to(place / "root"):
                os.lchown(at, mode.spare_uid, mode.spare_uid)
    for folder in WRITABLE:
        if (place / "root" / folder.lstrip("/")).is_dir():
            (place / "root" / folder.lstrip("/")).chmod(0o1777)  # a runtime gives the mount the mode of what it covers


def _first_process(pidfile: Path, process: Process) -> int | None:
    """Process 1 of the container as the host numbers it; None if podman ended before there was one."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.runs:
        with contextlib.suppress(OSError, ValueError):
            return int(pidfile.read_text())
        time.sleep(0.01)
    return None


def _remove(podman: str, name: str, environment: dict[str, str]) -> None:
    """Take the container away if it is still known: podman was killed, or its runtime failed half-way."""
    command = [podman, "rm", "--force", "--ignore", "--time", "0", name]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)


def _started(watched: Watched) -> Watched:
    """What came out, if the script was started at all."""
    if watched.started or watched.ended is not None:
        return watched
    words = " ".join(printable(watched.log).split())[-400:] or f"exit status {watched.returncode}, no message"
    raise SandboxUnavailable(f"podman could not set up a container: {words}", MEND)
