"""Sovereign: a self-hosted research kernel."""
from ._version import __version__

__all__ = ["__version__"]
