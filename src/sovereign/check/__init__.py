"""A record, offline: schemas, digests, signatures, and everything that can be computed again."""

from .report import Fault, Report
from .run import CHECKS, check_path

__all__ = ["CHECKS", "Fault", "Report", "check_path"]
