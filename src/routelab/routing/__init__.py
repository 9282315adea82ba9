"""Routers: which experts each token gets, with which weight. All of them return one type, `Routing`."""

from routelab.routing._base import TEXT, VISION, Context, Router, Routing
from routelab.routing._registry import STRATEGIES, build
from routelab.routing.adamoe import AdaMoE
from routelab.routing.anyexperts import AnyExperts
from routelab.routing.blind import FrozenRandom, Hash, RandomK
from routelab.routing.budget import Budget, calibrate, set_budget
from routelab.routing.entropy_k import EntropyK
from routelab.routing.fractional import FractionalK
from routelab.routing.moepp import MoEPlusPlus
from routelab.routing.noisy_topk import NoisyTopK
from routelab.routing.shift import Shift, calibrate_shift
from routelab.routing.soft import SoftSlots
from routelab.routing.top_p import DTopP, ThresholdController, TopP, share_controller
from routelab.routing.topk import SigmoidBias, TopK

__all__ = [
    "STRATEGIES",
    "TEXT",
    "VISION",
    "AdaMoE",
    "AnyExperts",
    "Budget",
    "Context",
    "DTopP",
    "EntropyK",
    "FractionalK",
    "FrozenRandom",
    "Hash",
    "MoEPlusPlus",
    "NoisyTopK",
    "RandomK",
    "Router",
    "Routing",
    "Shift",
    "SigmoidBias",
    "SoftSlots",
    "ThresholdController",
    "TopK",
    "TopP",
    "build",
    "calibrate",
    "calibrate_shift",
    "set_budget",
    "share_controller",
]
