"""The owner's desk: records that await a decision, with their evidence beside it, in a browser on this machine."""

from .app import desk
from .serving import Address, serve

__all__ = ["Address", "desk", "serve"]
