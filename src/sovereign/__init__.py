"""Sovereign: a research kernel that you run yourself.

from sovereign import Library, ask

library = Library.open("my-library", create=True)
library.add("notes/")
record = ask("How does X compare to Y in latency?", library=library)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._api import ask
    from .library import Library
    from .records import Record, SovereignError
    from .workspace import Workspace

__all__ = ["Library", "Record", "SovereignError", "Workspace", "__version__", "ask"]

_HOMES = {
    "Library": "sovereign.library",
    "Record": "sovereign.records",
    "SovereignError": "sovereign.records",
    "Workspace": "sovereign.workspace",
    "ask": "sovereign._api",
}


def __getattr__(name: str) -> Any:
    # Names are loaded when they are first used, so that `import sovereign` and `sovereign --help` stay light.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sovereign' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
