"""Routers: which experts each token gets, with which weight. All of them return one type, `Routing`."""

from routelab.routing._base import TEXT, VISION, Context, Router, Routing
from routelab.routing._registry import STRATEGIES, build
from routelab.routing.topk import SigmoidBias, TopK

__all__ = ["STRATEGIES", "TEXT", "VISION", "Context", "Router", "Routing", "SigmoidBias", "TopK", "build"]
