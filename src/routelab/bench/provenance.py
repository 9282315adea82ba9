"""Where and with what a number was measured: versions, machine, threads, load, and what other processes took."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

_CPU_FIELDS = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal of the first line of /proc/stat
_PACKAGES = ("torch", "numpy", "scipy", "transformers", "triton")


def provenance(**more: Any) -> dict[str, Any]:
    """What stands beside each result: a JSON object with `versions`, `machine`, `threads`, `load` and what is given."""
    return {"versions": versions(), "machine": machine(), "threads": torch.get_num_threads(), "load": load(), **more}


def versions() -> dict[str, str]:
    """Python and each package that takes part and is installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, cores, memory in bytes, largest cache in bytes, and the accelerator if there is one."""
    described: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
        "cache_bytes": last_level_cache(),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    if torch.cuda.is_available():
        of = torch.cuda.get_device_properties(0)
        described["accelerator"] = {"name": of.name, "memory_bytes": of.total_memory, "l2_bytes": of.L2_cache_size}
    else:
        described["accelerator"] = None
    return described


def load() -> list[float] | None:
    """Load averages over 1, 5 and 15 minutes, or None where the system keeps none."""
    try:
        return [round(number, 2) for number in os.getloadavg()]
    except OSError:
        return None


def last_level_cache() -> int | None:
    """Bytes of the largest cache of the first core, or None where the system does not tell."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text(encoding="ascii").strip()
        unit = {"K": 2**10, "M": 2**20}.get(text[-1:], 1)
        sizes.append(int(text.rstrip("KM")) * unit)
    return max(sizes, default=None)


@dataclass(frozen=True)
class Share:
    """CPU time over a stretch of wall time, in cores: 1.0 is one core all the time.

    Attributes:
        others: what all other processes (and a hypervisor, as steal) took; None where the system does not tell.
        own: what this process took.
        waited: seconds that this process's main thread was ready and did not run, per second; None where unknown.
    """

    others: float | None
    own: float
    waited: float | None

    def quiet(self, limit: float) -> bool | None:
        """Whether others took at most `limit` cores; None if that is not known."""
        return None if self.others is None else self.others <= limit

    def as_json(self) -> dict[str, float | None]:
        return {name: None if value is None else round(value, 4) for name, value in asdict(self).items()}


class LoadWatch:
    """CPU shares since it was made or last asked. The system counts in hundredths of a second: over stretches of less
    than about 0.4 s the share of the others is off by more than the 0.05 cores that matter here."""

    def __init__(self) -> None:
        self._before = self._now()

    def share(self) -> Share:
        """Shares since the last call; the next stretch begins here."""
        now = self._now()
        wall = max(now[0] - self._before[0], 1e-9)
        busy, own, waited = (
            None if new is None or old is None else (new - old) / wall
            for new, old in zip(now[1:], self._before[1:], strict=True)
        )
        self._before = now
        others = None if busy is None else max(0.0, busy - (own or 0.0))
        return Share(others, own or 0.0, waited)

    @staticmethod
    def _now() -> tuple[float, float | None, float | None, float | None]:
        children = os.times()
        own = time.process_time() + children.children_user + children.children_system
        return time.perf_counter(), _busy(), own, _waited()


def _busy() -> float | None:
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
        return float(sum(int(fields[i]) for i in _CPU_FIELDS)) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _waited() -> float | None:
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "not known"


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
