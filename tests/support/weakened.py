"""A sandbox with named protections taken away, for the control runs of the escapes. Only tests can have one: the kernel
has no switch for any of this, so a weakened copy of its plan is what a control changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sovereign.gate import Bubblewrap, Finished, Job
from sovereign.gate import _parcel as parcel
from sovereign.gate import _process as process
from sovereign.gate._command import LAUNCH, Mode, Plan
from sovereign.gate._group import Bounds
from sovereign.gate._process import Pipes

MUCH = 1 << 20


def without(made: Plan, *first: str) -> None:
    """Drop bubblewrap's options by their first word."""
    before = len(made.options)
    made.options = [option for option in made.options if option[0] not in first]
    assert len(made.options) < before or first == ("--disable-userns",), f"{first} is no option any more"


def swap(made: Plan, path: str, *instead: str) -> None:
    """Put another option in the place of the one that makes a path."""
    found = [at for at, option in enumerate(made.options) if option[-1] == path]
    assert len(found) == 1, path
    made.options[found[0]] = instead


def launcher(made: Plan, old: str, new: str) -> None:
    """Change the text of the launcher that is handed in."""
    text = made.files[LAUNCH].decode()
    assert old in text, f"the launcher has no {old!r} any more"
    made.files[LAUNCH] = text.replace(old, new).encode()


def pid_namespace(made: Plan) -> None:
    without(made, "--unshare-pid", "--as-pid-1")
    launcher(made, "    _kill_all()\n", "")  # it would end every process of this uid on the host


def environment(made: Plan) -> None:
    without(made, "--clearenv")
    launcher(made, 'config["environment"])', '{**os.environ, **config["environment"]})')


def capabilities(made: Plan) -> None:
    """All of them, in the user namespace that owns the others (another uid than 0 would live in one below it)."""
    without(made, "--disable-userns")
    made.options = [(option[0], "0") if option[0] in ("--uid", "--gid") else option for option in made.options]
    made.options.append(("--cap-add", "ALL"))


def private_dev(made: Plan) -> None:
    swap(made, "/dev", "--dev-bind", "/dev", "/dev")
    made.seal = [option for option in made.seal if option[-1] != "/dev"]  # it would make devices unusable


def private_proc(made: Plan) -> None:
    made.options = [option for option in made.options if not option[-1].startswith("/proc/")]
    swap(made, "/proc", "--dev-bind", "/proc", "/proc")


def nested(made: Plan) -> None:
    without(made, "--disable-userns")
    launcher(made, "/proc/sys/user/max_user_namespaces", "/dev/null")


def disk(made: Plan) -> None:
    made.options = [
        tuple(word for at, word in enumerate(option) if not {"--size"} & set(option[max(0, at - 1) : at + 1]))
        for option in made.options
    ]


def limit(name: str, value: float = MUCH) -> Callable[[Plan], None]:
    def weaken(made: Plan) -> None:
        assert name in made.launch["limits"]
        made.launch["limits"][name] = value

    return weaken


def time_limit(made: Plan) -> None:
    made.launch["limits"]["seconds"] = made.seconds = 60.0


def memory_watch(made: Plan) -> None:
    made.memory_mb = MUCH


def memory_group(made: Plan) -> None:
    made.bounds = Bounds(1 << 50, made.bounds.tasks)


def process_group(made: Plan) -> None:
    made.bounds = Bounds(made.bounds.memory, 30_000)


def printed(made: Plan) -> None:
    made.printed_bytes = 1 << 40


def collected(made: Plan) -> None:
    made.launch["max_bytes"] = made.parcel_bytes = 1 << 40


def no_filter(made: Plan) -> None:
    made.filter = None


#: Layers by name. What cannot be done on a plan alone (a uid, a group, our own session) is done in `Weakened`.
LAYERS: dict[str, Callable[[Plan], None]] = {
    "network namespace": lambda made: without(made, "--unshare-net"),
    "pid namespace": pid_namespace,
    "ipc namespace": lambda made: without(made, "--unshare-ipc"),
    "system-call filter": no_filter,
    "no capabilities": capabilities,
    "no nested namespaces": nested,
    "private /dev": private_dev,
    "private /dev/shm": lambda made: swap(made, "/dev/shm", "--bind", "/dev/shm", "/dev/shm"),
    "private /proc": private_proc,
    "no /sys": lambda made: made.options.append(("--dev-bind", "/sys", "/sys")),
    "cleared environment": environment,
    "closed descriptors": lambda made: launcher(made, "        if descriptor > 2 and", "        if False and"),
    "limit of address space": limit("address_mb", 0),
    "watch over memory": memory_watch,
    "group's memory": memory_group,
    "limit of processes": limit("processes"),
    "group's processes": process_group,
    "limit of disk": disk,
    "limit of file size": limit("output_mb", 1 << 12),
    "limit of files": limit("files", 1 << 30),
    "limit of open files": limit("open_files", 1000),
    "limit of processor time": limit("cpu_seconds", 3600),
    "limit of time": time_limit,
    "limit of what is printed": printed,
    "limit of what is collected": collected,
    "no locked memory": lambda made: launcher(made, '("RLIMIT_MEMLOCK", 0)', '("RLIMIT_MEMLOCK", 1 << 23)'),
    "no core files": lambda made: launcher(made, '("RLIMIT_CORE", 0)', '("RLIMIT_CORE", 1 << 30)'),
    "no links": lambda made: launcher(made, " | os.O_NOFOLLOW", ""),
    "no folder links": lambda made: launcher(made, "if stat.S_ISLNK(", "if False and stat.S_ISLNK("),
    "no hard links": lambda made: launcher(made, "if found.st_nlink != 1:", "if False:"),
    "honest process 1": lambda made: launcher(made, '[{"name": name,', '[{"name": "../../evil",'),
    "regular files only": lambda made: launcher(made, "if not stat.S_ISREG(found.st_mode):", "if False:"),
}
#: Layers that `Weakened` takes away itself.
OWN = (
    "spare uid", "control group", "own session", "host's files hidden", "read-only mounts", "read-only pack",
    "cleaned log", "asked-for names",
)  # fmt: skip


class Weakened(Bubblewrap):
    """bubblewrap without the protections named in `off`. `shown` is the folder of the host that the layer of hidden
    files hides; `leaked` a descriptor of ours that is handed on."""

    def __init__(self, off: Iterable[str], shown: Path | None = None, leaked: int | None = None) -> None:
        super().__init__()
        self.off = frozenset(off)
        assert self.off <= {*LAYERS, *OWN}, self.off
        self._shown, self._leaked = shown, leaked

    def attack(self, job: Job, mode: Mode, secrets: Mapping[str, str]) -> Finished:
        """Run a job in a mode, less what is off."""
        if "spare uid" in self.off:
            mode = replace(mode, drop_uid=None)
        if "control group" in self.off:
            mode = replace(mode, way=None)
        kept = parcel.printable, process.subprocess.Popen, Pipes.inside
        try:
            if "cleaned log" in self.off:
                parcel.printable = lambda text: text.decode("utf-8", "replace")
            if "own session" in self.off:
                process.subprocess.Popen = lambda *a, **k: kept[1](*a, **{**k, "start_new_session": False})  # type: ignore
            if self._leaked is not None and "closed descriptors" in self.off:
                leaked = self._leaked
                Pipes.inside = property(lambda pipes: [*kept[2].fget(pipes), leaked])  # type: ignore
                Pipes.close_inside = lambda pipes: pipes._close(kept[2].fget(pipes))  # type: ignore
            finished = self.run_in(job, mode, dict(secrets))
            if "limit of what is collected" in self.off:
                finished.max_bytes = 1 << 40
            return finished
        finally:
            parcel.printable, process.subprocess.Popen, Pipes.inside = kept  # type: ignore

    def plan(self, job: Job, mode: Mode) -> Plan:
        made = super().plan(job, mode)
        for name in sorted(self.off & set(LAYERS)):
            LAYERS[name](made)
        if "own session" in self.off:
            without(made, "--new-session")
        if "host's files hidden" in self.off and self._shown is not None:
            bind = "--bind" if "read-only mounts" in self.off else "--ro-bind"
            made.options.append((bind, str(self._shown), str(self._shown)))
        if "read-only mounts" in self.off:
            made.seal = []
        return made

    def command_line(self, made: Plan, pipes: Pipes) -> list[str]:
        words = super().command_line(made, pipes)
        if "read-only pack" in self.off:
            words = [{"--ro-bind-data": "--bind-data", "0444": "0666"}.get(word, word) for word in words]
        return words

    def collect(self, finished: Finished) -> dict[str, bytes]:
        if "asked-for names" not in self.off:
            return super().collect(finished)
        header, body = parcel._opened(finished.parcel)
        found = {}
        for entry in header["files"]:
            found[entry["name"]], body = body[: entry["size"]], body[entry["size"] :]
        return found
