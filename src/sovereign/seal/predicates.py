"""What a signed statement says of its subjects: one predicate type (a URI of our own) for each kind of statement."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sovereign.records import EventType

_OURS = "tag:sovereign-kernel,2026:"

#: A version was written: the seal over its manifest and record.
PREDICATE_DRAFT = f"{_OURS}draft"
#: An event that has no type of its own: drafted, revised, rejected, attested, reviewed, marked, outdated.
PREDICATE_EVENT = f"{_OURS}event"
#: The owner publishes a version.
PREDICATE_PUBLICATION = f"{_OURS}publication"
#: A version was judged again over attached runs: the event names its gate verdict.
PREDICATE_GATE_VERDICT = f"{_OURS}gate-verdict"
#: The owner corrects what was published.
PREDICATE_CORRECTION = f"{_OURS}correction"
#: The owner takes back what was published.
PREDICATE_RETRACTION = f"{_OURS}retraction"
#: A person says that a formal statement means the claim that it is held to prove.
PREDICATE_STATEMENT_FAITHFUL = f"{_OURS}statement-faithful"
#: A second key stands behind what another key signed.
PREDICATE_COUNTERSIGNATURE = f"{_OURS}countersignature"
#: A pack was run: pack and results are its subjects.
PREDICATE_REPRODUCTION = f"{_OURS}reproduction"
#: A proof was accepted by a prover: pack and results are its subjects.
PREDICATE_PROOF = f"{_OURS}proof"
#: Somebody else has read a version and says what they hold of it.
PREDICATE_REVIEW = f"{_OURS}review"
#: An entry of the owner's hand: the text that the owner looked at is its subject.
PREDICATE_HAND = f"{_OURS}hand"
#: The list of all files of an export.
PREDICATE_EXPORT = f"{_OURS}export"

#: Type of an event -> predicate type of the statement that it is.
EVENT_PREDICATES: Mapping[EventType, str] = MappingProxyType(
    {
        EventType.DRAFTED: PREDICATE_EVENT,
        EventType.REVISED: PREDICATE_EVENT,
        EventType.APPROVED: PREDICATE_PUBLICATION,
        EventType.REJECTED: PREDICATE_EVENT,
        EventType.REPRODUCED: PREDICATE_GATE_VERDICT,
        EventType.CORRECTED: PREDICATE_CORRECTION,
        EventType.RETRACTED: PREDICATE_RETRACTION,
        EventType.ATTESTED: PREDICATE_EVENT,
        EventType.REVIEWED: PREDICATE_EVENT,
        EventType.FAITHFUL: PREDICATE_STATEMENT_FAITHFUL,
        EventType.COUNTERSIGNED: PREDICATE_COUNTERSIGNATURE,
        EventType.MARKED: PREDICATE_EVENT,
        EventType.OUTDATED: PREDICATE_EVENT,
    }
)

#: Predicate types of a run that a record may attach.
RUN_PREDICATES = frozenset({PREDICATE_REPRODUCTION, PREDICATE_PROOF})
