"""Sandbox provider: bubblewrap (bwrap), unprivileged Linux namespaces.

Inside there is no network, no file of the host but the system's programs and libraries and the interpreter (all
read-only), no capability, no environment but ours, and process 1 is our own launcher. Limits are the kernel's, set
inside before the script starts; memory of all processes together and the time are watched from outside as well.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from contextlib import ExitStack

from sovereign.records import SandboxUnavailable

from . import _parcel
from ._command import INNER_UID, Mode, Plan, command, plan
from ._group import Group, Way, ways
from ._interpreter import interpreter
from ._lines import printable
from ._process import Pipes, Process, Watched
from .sandbox import Finished, Job, SandboxReport, Watch

#: Uids that systemd sets aside for services without an account of their own: they own no files.
_FIRST_SPARE_UID, _SPARE_UIDS = 61184, 4336
#: What a control group may mend; a host on which anything else is missing need not be tested again.
_BY_GROUP = {"memory-together", "kernel-memory", "processes"}
INSTALL = "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap)"
UPDATE = "update bubblewrap to 0.8 or later"
ALLOW = (
    "let ordinary users make namespaces: on Debian sysctl kernel.unprivileged_userns_clone=1; on Ubuntu 24.04 and "
    "later give bwrap an AppArmor profile with `userns,` or sysctl kernel.apparmor_restrict_unprivileged_userns=0; "
    "in a container start it with a seccomp profile that allows unshare and mount"
)


class _NotEntered(Exception):
    """The operating system refused to start bubblewrap, or to give its namespace a uid."""


class Bubblewrap:
    """The default provider. `path` names the program; by default it is looked for on PATH at each call."""

    name = "bubblewrap"

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._mode: Mode | None = None
        self._report: SandboxReport | None = None

    def probe(self) -> SandboxReport:
        """Test this host, once for this object. The result says in which mode `run` enters the sandbox from then on:
        the first in which every limit bites, or that in which most do."""
        from ._probe import probe

        if self._report is None:
            best = 1 << 10
            modes = self._modes()
            for at, mode in enumerate(modes):
                report = probe(self, mode)
                missing = {check.name for check in report.checks if not check.holds}
                if self._report is None or (report.ok and len(missing) < best):
                    self._report, self._mode = report, mode if report.ok else None
                    best = len(missing) if report.ok else best
                groups_left = any(one.way for one in modes[at + 1 :])
                if report.ok and "processes" not in missing and not (missing & _BY_GROUP and groups_left):
                    break
            assert self._report is not None
        return self._report

    def run(self, job: Job, watch: Watch | None = None) -> Finished:
        """Run a job to its end in the mode that the probe chose (probing first where that was not done)."""
        report = self.probe()
        if not report.ok or self._mode is None:
            raise SandboxUnavailable(report.reason, report.remedy)
        finished = self.run_in(job, self._mode, watch=watch)
        finished.grade = _parcel.lowered(report.grade, job)
        return finished

    def run_in(
        self, job: Job, mode: Mode, environment: dict[str, str] | None = None, watch: Watch | None = None
    ) -> Finished:
        """Run a job in one mode, not yet proven: this is what the probe itself calls."""
        made = self.plan(job, mode)
        began = time.monotonic()
        try:
            group = ExitStack() if mode.way is None else Group(mode.way, made.bounds)
            with group as entered, Pipes(made.files, made.filter, block=mode.drop_uid is not None) as pipes:
                own = entered if isinstance(entered, Group) else None
                watched = self._enclosed(made, mode, pipes, own, environment or {}, watch)
                overran = own is not None and own.overran
        except _NotEntered as error:
            raise SandboxUnavailable(f"bubblewrap could not be started: {error}", ALLOW) from error
        return _parcel.finished(job, _started(watched), time.monotonic() - began, overran=overran)

    def _enclosed(
        self, made: Plan, mode: Mode, pipes: Pipes, group: Group | None, environment: dict[str, str], tell: Watch | None
    ) -> Watched:
        words = self.command_line(made, pipes)
        if group is not None:
            words, environment = [*group.prefix, *words], {**group.environment, **environment}
        try:
            process = Process(words, pipes, environment)
        except OSError as error:
            raise _NotEntered(str(error)) from error
        with process:
            try:
                process.enter_namespace(mode.drop_uid, INNER_UID)
            except OSError as error:
                raise _NotEntered(str(error)) from error
            return process.watch(
                seconds=made.seconds,
                memory_mb=made.memory_mb,
                printed_bytes=made.printed_bytes,
                parcel_bytes=made.parcel_bytes,
                tell=tell,
            )

    def plan(self, job: Job, mode: Mode) -> Plan:
        """How a job is enclosed in one mode."""
        return plan(self.program(), interpreter(), job, mode)

    def command_line(self, made: Plan, pipes: Pipes) -> list[str]:
        """The command of a plan, with the descriptors of one run."""
        return command(
            made, data=pipes.data, info=pipes.info_in, block=pipes.block_in, filter_at=pipes.filter,
            parcel=pipes.parcel_in, lifeline=pipes.lifeline_in,
        )  # fmt: skip

    def collect(self, finished: Finished) -> dict[str, bytes]:
        """The files of a finished job, from a parcel that is read as untrusted bytes."""
        return _parcel.files(finished)

    def destroy(self, finished: Finished) -> None:
        """Nothing of a finished job is on this host but its parcel, in memory."""
        finished.parcel = b""

    def program(self) -> str:
        """The path of bwrap."""
        if platform.system() != "Linux":
            raise SandboxUnavailable(
                "bubblewrap needs Linux", "reproduce on a Linux machine; reading records needs none"
            )
        found = self._path or shutil.which("bwrap")
        if found is None:
            raise SandboxUnavailable("bubblewrap (bwrap) is not on PATH", INSTALL)
        return found

    def _modes(self) -> list[Mode]:
        groups: list[Way | None] = [*ways(), None]
        if os.geteuid() == 0:
            spare = _FIRST_SPARE_UID + os.getpid() % _SPARE_UIDS
            return [*(Mode(spare, way=way) for way in groups), *(Mode(None, way=way) for way in groups)]
        own = [Mode(None, limit_processes=way is None, way=way) for way in groups]
        return [*own, Mode(None, limit_processes=False)]


def _started(watched: Watched) -> Watched:
    """What came out, if the script was started at all."""
    if watched.started or watched.ended is not None:
        return watched
    words = " ".join(printable(watched.log).split())[:400] or f"exit status {watched.returncode}, no message"
    remedy = UPDATE if "nknown option" in words else ALLOW
    failed = "be started" if watched.returncode in (126, 127) else "set up the sandbox"  # the shell's words for it
    raise SandboxUnavailable(f"bubblewrap could not {failed}: {words}", remedy)
