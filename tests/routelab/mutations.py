"""One-character changes of a router's source, and whether the test that pins the router sees them.

A router's test file has a function `pin(module)` that compares the router of a module with a slow reference written
from the equation, and a tuple of mutations; `assert_caught` runs `pin` on a copy of the module with one character
changed and demands that it fails. Nothing is written to disk.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROUTING = Path(__file__).resolve().parents[2] / "src" / "routelab" / "routing"
Pin = Callable[[types.ModuleType], None]


@dataclass(frozen=True)
class Mutation:
    """`old`, which stands exactly once in the file, becomes `new`: one character changed, put in or taken out."""

    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}"


def is_one_character(old: str, new: str) -> bool:
    """Whether the two differ in one character: another one, one more or one less."""
    if len(old) == len(new):
        return sum(a != b for a, b in zip(old, new, strict=True)) == 1
    longer, shorter = sorted((old, new), key=len, reverse=True)
    return len(longer) - len(shorter) == 1 and any(
        longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer))
    )


def changed(path: Path, mutation: Mutation) -> str:
    """The source with the mutation in it, after a look at whether it is one and stands there once."""
    source = path.read_text(encoding="utf-8")
    assert is_one_character(mutation.old, mutation.new), f"{mutation} is not a change of one character"
    assert source.count(mutation.old) == 1, f"{mutation.old!r} stands {source.count(mutation.old)} times in {path}"
    return source.replace(mutation.old, mutation.new)


def load(path: Path, mutation: Mutation | None = None) -> types.ModuleType:
    """The module of a file, with one character changed or as it is, under a name of its own."""
    source = path.read_text(encoding="utf-8") if mutation is None else changed(path, mutation)
    module = types.ModuleType(f"mutant_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # our own source
    finally:
        del sys.modules[module.__name__]
    return module


def assert_caught(path: Path, mutation: Mutation, pin: Pin) -> None:
    """Demand that `pin` fails on the mutant; that it holds for the unchanged file is the pinning test itself."""
    compile(changed(path, mutation), str(path), "exec")  # a mutation that is none is no catch
    try:
        mutant = load(path, mutation)
        pin(mutant)
    except Exception:  # an error of any kind is a failing test
        return
    raise AssertionError(f"{path.name}: {mutation} was not seen by the pinning test")
