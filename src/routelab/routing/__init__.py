"""Routers: which experts each token gets, with which weight. All of them return one type, `Routing`."""

from routelab.routing._base import TEXT, VISION, Context, Router, Routing, unchecked
from routelab.routing._registry import STRATEGIES, build
from routelab.routing.adamoe import AdaMoE
from routelab.routing.anyexperts import AnyExperts
from routelab.routing.blind import FrozenRandom, Hash, RandomK
from routelab.routing.budget import Budget, calibrate, set_budget
from routelab.routing.dense import active_width, total_width
from routelab.routing.dynmoe import DynMoE
from routelab.routing.entropy_k import EntropyK
from routelab.routing.expert_choice import ExpertChoice
from routelab.routing.fractional import FractionalK
from routelab.routing.modality_groups import SMAR, ModalityGroups
from routelab.routing.modality_score import GaussianScore, one_hot, propagate
from routelab.routing.moepp import MoEPlusPlus
from routelab.routing.noisy_topk import NoisyTopK
from routelab.routing.piggyback import PiggyBack
from routelab.routing.placement import Traffic, homes, link_time, place, traffic
from routelab.routing.shift import Shift, calibrate_shift
from routelab.routing.skip import (
    ModalityK,
    PostHocSkip,
    Thresholds,
    layer_sensitivity,
    search_thresholds,
    threshold_frontier,
)
from routelab.routing.smoes import SMoES
from routelab.routing.soft import SoftSlots
from routelab.routing.specialisation import (
    Bins,
    modality_load,
    modality_specialisation_index,
    specialisation,
)
from routelab.routing.top_p import DTopP, ThresholdController, TopP, share_controller
from routelab.routing.topk import SigmoidBias, TopK

__all__ = [
    "SMAR",
    "STRATEGIES",
    "TEXT",
    "VISION",
    "AdaMoE",
    "AnyExperts",
    "Bins",
    "Budget",
    "Context",
    "DTopP",
    "DynMoE",
    "EntropyK",
    "ExpertChoice",
    "FractionalK",
    "FrozenRandom",
    "GaussianScore",
    "Hash",
    "MoEPlusPlus",
    "ModalityGroups",
    "ModalityK",
    "NoisyTopK",
    "PiggyBack",
    "PostHocSkip",
    "RandomK",
    "Router",
    "Routing",
    "SMoES",
    "Shift",
    "SigmoidBias",
    "SoftSlots",
    "ThresholdController",
    "Thresholds",
    "TopK",
    "TopP",
    "Traffic",
    "active_width",
    "build",
    "calibrate",
    "calibrate_shift",
    "homes",
    "layer_sensitivity",
    "link_time",
    "modality_load",
    "modality_specialisation_index",
    "one_hot",
    "place",
    "propagate",
    "search_thresholds",
    "set_budget",
    "share_controller",
    "specialisation",
    "threshold_frontier",
    "total_width",
    "traffic",
    "unchecked",
]
