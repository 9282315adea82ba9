"""Why a record may not be what it would be today, and the signed notices that tell its readers."""

from .looking import Cause, Outdated, outdated
from .notices import Known, Notice, ask_crossref, dois_of, read_retractions, standing
from .signing import SignedNotice, sign_notices

__all__ = [
    "Cause",
    "Known",
    "Notice",
    "Outdated",
    "SignedNotice",
    "ask_crossref",
    "dois_of",
    "outdated",
    "read_retractions",
    "sign_notices",
    "standing",
]
