"""Which pack has to do with which cell of a record, and why: a pure rule, shown before anything runs."""

from __future__ import annotations

from sovereign.records import Cell, Document, Evidence, PackSpec

from .outcomes import settles
from .terms import name_key
from .verdicts import same_facets


class PackMatch(Document):
    """A pack and a cell. `decides` says that a run could give a verdict there, not only stand beside it."""

    pack: str
    cell: str
    decides: bool
    why: str


def pack_matches(pack: PackSpec, evidence: Evidence) -> tuple[PackMatch, ...]:
    """The cells that a pack measures, whose claims it settles, or beside which its measurement may stand.

    A cell is named once, by the strongest reason.
    """
    found = ((cell, _reason(pack, cell, evidence)) for cell in evidence.cells)
    return tuple(
        PackMatch(pack=pack.name, cell=cell.id, decides=reason[0], why=reason[1]) for cell, reason in found if reason
    )


def _reason(pack: PackSpec, cell: Cell, evidence: Evidence) -> tuple[bool, str] | None:
    same = [claim.id for claim in pack.claims if same_facets(cell.facets, pack.facets_of(claim))]
    if same:
        return True, f"its claim {same[0]} has the facets and conditions of the cell"
    held = [claim for name in cell.claims if (claim := evidence.claim(name)) is not None]
    beside = [claim for near in cell.nearest if (claim := evidence.claim(near.claim)) is not None]
    for claims, where in ((held, "that fills the cell"), (beside, "that stands beside the gap")):
        settled = next((stated.id for stated in pack.claims for claim in claims if settles(stated, claim)), None)
        if settled is not None:
            return False, f"its claim {settled} settles a claim {where}, under other facets or conditions"
    subject, own = cell.facets.subject, pack.facets.subject
    on_subject = not subject or not own or name_key(subject) == name_key(own)
    if cell.gap and on_subject and cell.facets.metric in pack.bears_on:
        differs = ", ".join(one.value for one in pack.differs_in)
        return False, f"it bears on {cell.facets.metric}: beside the gap, differing in {differs}"
    return None
