"""The sandbox providers by name, and the one that is used: `$SOVEREIGN_SANDBOX`, else bubblewrap."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from sovereign.records import BadInput

from .bubblewrap import Bubblewrap
from .podman import Podman
from .sandbox import Sandbox

PROVIDER_VARIABLE = "SOVEREIGN_SANDBOX"
PROVIDERS: Mapping[str, Callable[[], Sandbox]] = {"bubblewrap": Bubblewrap, "podman": Podman}


def default_sandbox() -> Sandbox:
    """The provider that this environment names. None stands in for another: one that fails its test runs nothing.

    Raises:
        BadInput: `$SOVEREIGN_SANDBOX` names none that there is.
    """
    name = os.environ.get(PROVIDER_VARIABLE) or "bubblewrap"
    if name not in PROVIDERS:
        raise BadInput(f"${PROVIDER_VARIABLE} is {name!r}, no sandbox", f"set it to one of: {', '.join(PROVIDERS)}")
    return PROVIDERS[name]()
