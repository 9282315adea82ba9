"""Gate 2: packs run in a sandbox that proves itself first, results compared by rule, runs attested by signature."""

from .attested import (
    AttestedRun,
    artifacts,
    attest,
    attest_together,
    attested,
    earlier_of,
    measurement,
    measurement_of,
)
from .authoring import add_pack, new_pack
from .bubblewrap import Bubblewrap
from .errors import PackFailed
from .inputs import listing_digest, missing_inputs
from .packs import Pack, available_packs, load_pack
from .reproduce import PackRun, check_environment, check_isolation, run_pack
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
    "AttestedRun",
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
    "add_pack",
    "artifacts",
    "attest",
    "attest_together",
    "attested",
    "available_packs",
    "check_environment",
    "check_isolation",
    "earlier_of",
    "grade_meets",
    "listing_digest",
    "load_pack",
    "measurement",
    "measurement_of",
    "missing_inputs",
    "new_pack",
    "probe",
    "run_pack",
]


def probe() -> SandboxReport:
    """Test the default sandbox on this host."""
    return Bubblewrap().probe()
