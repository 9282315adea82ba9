"""The owner's hand: what an owner says of claims and sources, signed, and taken in by every later run of the question.

An entry is signed into the workspace's ledger first and then told on the record that the owner looked at, as an event.
A writer that was cut off between the two is made good for by the next one.
"""

from ._given import facets_of
from .listing import HandLine, about, listed
from .marking import add_claim, ban, mark_wrong, mend_facets, pin, withdraw

__all__ = [
    "HandLine",
    "about",
    "add_claim",
    "ban",
    "facets_of",
    "listed",
    "mark_wrong",
    "mend_facets",
    "pin",
    "withdraw",
]
