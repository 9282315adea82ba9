"""Dispatch: how the experts that a routing names are run."""

from routelab.dispatch._registry import DISPATCH, RAGGED, Backend, backend
from routelab.dispatch.experts import Experts
from routelab.dispatch.layer import MoELayer
from routelab.dispatch.padded import all_slots, capacity
from routelab.dispatch.soft import SoftMoELayer, VisionSoftMoE

__all__ = [
    "DISPATCH",
    "RAGGED",
    "Backend",
    "Experts",
    "MoELayer",
    "SoftMoELayer",
    "VisionSoftMoE",
    "all_slots",
    "backend",
    "capacity",
]
