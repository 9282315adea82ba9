"""Dispatch: how the experts that a routing names are run."""

from routelab.dispatch.experts import Experts

__all__ = ["Experts"]
