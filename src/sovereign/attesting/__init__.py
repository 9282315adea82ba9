"""Signatures of others on a record: what they are asked, what they answer, and how the answer enters the record.

    request      the owner    packs of a record, as one file for another party
    run_request  the other    runs them in its own sandbox, signs what came out
    review       a reviewer   reads an export, signs what they hold of it
    bring        the owner    verifies the answer, and signs the event that brings it
    vouch        a person     the formal statement of a proof means these claims
    countersign  another key  stands behind what a key signed that is revoked since
"""

from .asking import request, review, run_request
from .bringing import Brought, bring
from .standing import countersign, vouch

__all__ = ["Brought", "bring", "countersign", "request", "review", "run_request", "vouch"]
