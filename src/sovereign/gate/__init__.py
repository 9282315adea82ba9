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
from .podman import Podman
from .providers import PROVIDER_VARIABLE, PROVIDERS, default_sandbox
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
    "PROVIDERS",
    "PROVIDER_VARIABLE",
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
    "Podman",
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
    "default_sandbox",
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
    """Test the sandbox that is used on this host."""
    return default_sandbox().probe()
