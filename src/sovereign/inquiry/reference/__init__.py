"""The reference profile: the earlier system's method, run to be compared with. One stage per file, the same journal."""

from .method import REFERENCE_MODULES, investigate_reference
from .queries import four_queries
from .retrieve import RESULTS

__all__ = ["REFERENCE_MODULES", "RESULTS", "four_queries", "investigate_reference"]
