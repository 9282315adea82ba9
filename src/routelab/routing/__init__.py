"""Routers: which experts each token gets, with which weight. All of them return one type, `Routing`."""

from routelab.routing._base import TEXT, VISION, Context, Router, Routing
from routelab.routing._registry import STRATEGIES, build
from routelab.routing.anyexperts import AnyExperts
from routelab.routing.blind import FrozenRandom, Hash, RandomK
from routelab.routing.budget import Budget, calibrate, set_budget
from routelab.routing.fractional import FractionalK
from routelab.routing.topk import SigmoidBias, TopK

__all__ = [
    "STRATEGIES",
    "TEXT",
    "VISION",
    "AnyExperts",
    "Budget",
    "Context",
    "FractionalK",
    "FrozenRandom",
    "Hash",
    "RandomK",
    "Router",
    "Routing",
    "SigmoidBias",
    "TopK",
    "build",
    "calibrate",
    "set_budget",
]
