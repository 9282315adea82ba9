"""May the key of each signature make it, by the trust file that the caller gave?"""

from __future__ import annotations

from sovereign.records import DETAILS, Countersigned, EventType, KeyRole
from sovereign.records.layout import ATTESTATIONS, event_file
from sovereign.seal import (
    PREDICATE_COUNTERSIGNATURE,
    PREDICATE_PROOF,
    PREDICATE_REPRODUCTION,
    PREDICATE_REVIEW,
    PREDICATE_STATEMENT_FAITHFUL,
    Signed,
    digest,
)

from ._case import Case

_ALL = frozenset(KeyRole)
_RUN = frozenset({KeyRole.OWNER, KeyRole.REPRODUCER})
#: Predicate type -> the roles that may sign such a statement; any other is the owner's alone.
_ROLES = {
    PREDICATE_REPRODUCTION: _RUN,
    PREDICATE_PROOF: _RUN,
    PREDICATE_REVIEW: _ALL,
    PREDICATE_COUNTERSIGNATURE: _ALL,
    PREDICATE_STATEMENT_FAITHFUL: frozenset({KeyRole.OWNER, KeyRole.REVIEWER}),
}


def signers(case: Case) -> None:
    """Each key may sign what it signed: not revoked unless another trusted key countersigned, in its role and time."""
    countersigned = _countersigned(case)
    for where, signed in case.signed:
        entry = case.trust.entries.get(signed.fingerprint)
        if entry is None:
            continue
        stands = countersigned.get(where, set()) - {signed.fingerprint}
        if entry.revoked is not None and not stands:
            case.fault(
                where,
                f"signed by {entry.id} ({signed.fingerprint}), which the trust file revokes ({entry.revoked.reason}): "
                "refused whatever its date; no other key that you trust countersigned it",
            )
        moment = stated_time(signed)
        if entry.revoked is None and not entry.holds_at(moment) and not stands:
            times = f"from {entry.valid_from or 'ever'} until {entry.valid_until or 'ever'}"
            case.fault(where, f"signed by {entry.id} at {moment}, and the trust file has that key hold {times}")
        roles = _ALL if where.startswith(ATTESTATIONS) else _ROLES.get(signed.predicate_type, {KeyRole.OWNER})
        if entry.role not in roles:
            case.fault(where, f"signed by {entry.id}, whose role is {entry.role.value}: such a key does not sign this")


def stated_time(signed: Signed) -> str | None:
    """The time that a statement gives for itself, which its signer chose; None where it gives none."""
    for field in ("at", "attested_at"):
        moment = signed.predicate.get(field)
        if isinstance(moment, str):
            return moment
    return None


def _countersigned(case: Case) -> dict[str, set[str]]:
    """File -> the trusted keys that countersigned it as it is."""
    found: dict[str, set[str]] = {}
    signed_by = {where: signed.fingerprint for where, signed in case.signed}
    for event in case.events:
        if event.type is not EventType.COUNTERSIGNED:
            continue
        signer = signed_by.get(f"events/{event_file(event.number, event.type)}", "")
        entry = case.trust.entries.get(signer)
        if not case.trust.names(signer) or (entry is not None and not entry.holds_at(event.at)):
            continue
        details = DETAILS[event.type].model_validate(event.details)
        assert isinstance(details, Countersigned)
        for path, sha256 in details.files.items():
            if path in case.files and digest(case.files[path]) == sha256:
                found.setdefault(path, set()).add(signer)
    return found
