"""Records on disk: versions written once, signed events on top, exports that check offline."""

from .ledger import Ledger
from .store import Archive

__all__ = ["Archive", "Ledger"]
