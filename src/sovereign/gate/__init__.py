"""Gate 2: packs run in a sandbox that proves itself first, results compared by rule, runs attested by signature."""

from .bubblewrap import Bubblewrap
from .errors import PackFailed
from .packs import Pack, available_packs, load_pack
from .reproduce import PackRun, attest, measurement, run_pack
from .sandbox import Ending, Finished, Job, Limits, ProbeCheck, Sandbox, SandboxReport

__all__ = [
    "Bubblewrap",
    "Ending",
    "Finished",
    "Job",
    "Limits",
    "Pack",
    "PackFailed",
    "PackRun",
    "ProbeCheck",
    "Sandbox",
    "SandboxReport",
    "attest",
    "available_packs",
    "load_pack",
    "measurement",
    "probe",
    "run_pack",
]


def probe() -> SandboxReport:
    """Test the default sandbox on this host."""
    return Bubblewrap().probe()
