"""A record, offline: schemas, digests, signatures, and everything that can be computed again."""

from ._attached import own_machines
from ._trust import Trust, read_trust
from ._unpack import Unsafe, unpack
from .crate import CRATE_FORM, CrateAbout, crate_metadata
from .report import Fault, Report
from .run import CHECKS, check_path

__all__ = [
    "CHECKS",
    "CRATE_FORM",
    "CrateAbout",
    "Fault",
    "Report",
    "Trust",
    "Unsafe",
    "check_path",
    "crate_metadata",
    "own_machines",
    "read_trust",
    "unpack",
]
