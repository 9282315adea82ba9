"""Memory in three figures, as one alone misleads: what tensors held, what the allocator held, what the device lost."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn


@dataclass(frozen=True)
class Memory:
    """Peaks during one call, in bytes; None where the platform does not tell.

    Attributes:
        allocated: most that tensors held at once (GPU: max_memory_allocated; CPU: not known).
        reserved: most that the allocator held (GPU: max_memory_reserved; CPU: peak resident set of the process).
        device: used on the whole device after the call, by all processes (GPU), or resident set before it (CPU).
        weights: bytes of the module's parameters and buffers, by arithmetic.
        on: `cuda` or `cpu`.
    """

    allocated: int | None
    reserved: int | None
    device: int | None
    weights: int
    on: str

    def as_json(self) -> dict[str, int | str | None]:
        return asdict(self)


def tensor_bytes(module: nn.Module) -> int:
    """Bytes of a module's parameters and buffers; a storage that several share counts once."""
    storages = {}
    for tensor in (*module.parameters(), *module.buffers()):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def memory_of(call: Callable[[], object], module: nn.Module) -> Memory:
    """Peaks while `call` runs once; the module that it runs stays in memory and is part of them."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        free, total = torch.cuda.mem_get_info()
        allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return Memory(allocated, reserved, total - free, tensor_bytes(module), "cuda")
    forgot, before = _forget_peak(), _status("VmRSS")
    call()
    return Memory(None, _status("VmHWM") if forgot else None, before, tensor_bytes(module), "cpu")


def _forget_peak() -> bool:
    """Whether the kernel let this process set its peak resident set back to the present one."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _status(name: str) -> int | None:
    try:
        for line in Path(f"/proc/{os.getpid()}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None
