"""A record, offline: schemas, digests, signatures, and everything that can be computed again."""

from ._trust import Trust, read_trust
from .report import Fault, Report
from .run import CHECKS, check_path

__all__ = ["CHECKS", "Fault", "Report", "Trust", "check_path", "read_trust"]
