"""Gate 2: packs run in a sandbox that proves itself first, results compared by rule, runs attested by signature."""

from .bubblewrap import Bubblewrap
from .errors import PackFailed
from .packs import Pack, available_packs, load_pack
from .reproduce import PackRun, attest, measurement, run_pack
from .sandbox import (
    SHORTFALLS,
    Ending,
    Finished,
    Job,
    Limits,
    ProbeCheck,
    Progress,
    Sandbox,
    SandboxReport,
    Watch,
    grade_meets,
)

__all__ = [
    "SHORTFALLS",
    "Bubblewrap",
    "Ending",
    "Finished",
    "Job",
    "Limits",
    "Pack",
    "PackFailed",
    "PackRun",
    "ProbeCheck",
    "Progress",
    "Sandbox",
    "SandboxReport",
    "Watch",
    "attest",
    "available_packs",
    "grade_meets",
    "load_pack",
    "measurement",
    "probe",
    "run_pack",
]


def probe() -> SandboxReport:
    """Test the default sandbox on this host."""
    return Bubblewrap().probe()
