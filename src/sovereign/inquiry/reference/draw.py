"""Draw: the claims of the lead source, the only one that the method shows."""

from __future__ import annotations

import re

from sovereign.judge import plain
from sovereign.records import Claim, Document, Facets, Grounding

from ..documents import LibraryPort, Reading
from ..extract import claim_id, span_quote
from ..sentences import sentences

#: The most claims seen on any of its records.
MOST_CLAIMS = 15
_LONGEST = 900
#: A sentence that states a result: a number, or a word for what came out. The method's own rule is not known.
_RESULT = re.compile(
    r"\d|\b(?:achiev|attain|demonstrat|exceed|improv|increas|maintain|outperform|provid|reach|reduc|remain|show|surpass)"
    r"\w*|\b(?:better|faster|fewer|higher|lower|slower|up to)\b",
    re.I,
)


class Drawn(Document):
    claims: tuple[Claim, ...]


def draw(reading: Reading, library: LibraryPort) -> Drawn:
    """The lead's sentences that state a result, whole and with their spans. Facets stay unread: the method has none."""
    claims: dict[str, Claim] = {}
    for item in reading.sources[:1]:
        source, text = item.source, library.get(item.source.id).text
        for piece in sentences(text, item.body_start):
            in_title = piece.start < len(source.title) and text.startswith(source.title)
            if piece.is_heading or in_title or len(piece.text) > _LONGEST or not _RESULT.search(piece.text):
                continue
            claim = Claim(
                id=claim_id(source.id, f"{piece.start}-{piece.end}", Facets()),
                text=plain(piece.text),
                grounding=Grounding.QUOTED,
                facets=Facets(),
                quotes=(span_quote(source.id, source.sha256, text, piece.start, piece.end),),
            )
            claims.setdefault(claim.id, claim)
            if len(claims) == MOST_CLAIMS:
                break
    return Drawn(claims=tuple(claims.values()))
