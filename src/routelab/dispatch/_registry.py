"""The ways to run experts, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from routelab._errors import BadShape
from routelab.dispatch.bucketed import bucketed
from routelab.dispatch.dense_mixture import dense_mixture
from routelab.dispatch.experts import Experts
from routelab.dispatch.gather import gather
from routelab.dispatch.grouped import grouped, grouped_fixed
from routelab.dispatch.loop import loop
from routelab.dispatch.padded import capacity, padded_gather, padded_grouped, padded_sorted
from routelab.dispatch.sorted import sorted_slices
from routelab.routing import Routing

#: (tokens [N, d], routing, experts) -> [N, d]: the sum over real slots of weight * expert(token).
Backend = Callable[[Tensor, Routing, Experts], Tensor]

DISPATCH: dict[str, Backend] = {
    "loop": loop,
    "sorted": sorted_slices,
    "grouped": grouped,
    "grouped_fixed": grouped_fixed,
    "bucketed": bucketed,
    "gather": gather,
    "padded_sorted": padded_sorted,
    "padded_grouped": padded_grouped,
    "padded_gather": padded_gather,
    "capacity": capacity,
    "dense_mixture": dense_mixture,
}

#: Those that compute real slots alone.
RAGGED = ("loop", "sorted", "grouped", "grouped_fixed", "gather")


def backend(name: str) -> Backend:
    """The backend of a name.

    Raises:
        BadShape: there is none of that name.
    """
    if name not in DISPATCH:
        raise BadShape(f"there is no dispatch {name!r}", f"choose one of: {', '.join(DISPATCH)}")
    return DISPATCH[name]
