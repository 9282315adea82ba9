"""Records on disk: versions written once, signed events on top, exports that check offline."""

from .store import Archive

__all__ = ["Archive"]
