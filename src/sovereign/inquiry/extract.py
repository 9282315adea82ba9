"""Extract: the result sentences of every source as claims: who, what metric, how much, against what, under which
condition, each with its exact span. A claim's text is the source's own sentence; the facets are our reading of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from sovereign.judge import CONTEXT, name_key, plain, pointer_text, resolve_pointer
from sovereign.records import Claim, Direction, Facets, Grounding, Quote, SourceKind

from .documents import Extracted, LibraryPort, Plan, Reading, ReadSource
from .plan import speaks_of_facets
from .results import Reader
from .sentences import Piece, sentences
from .vocabulary import Vocabulary
from .words import content_words, stem

MAX_SENTENCE = 900
MAX_CLAIMS_PER_SOURCE = 200
_GROUNDING = {SourceKind.WORK: Grounding.QUOTED, SourceKind.NOTE: Grounding.REPORTED}
_AIM = re.compile(
    r"(?:(?:BACKGROUND|OBJECTIVES?|AIMS?|PURPOSE|METHODS?|INTRODUCTION|CONTEXT|DESIGN)\b|To\s+(?:determine|compare|assess|"
    r"evaluate|investigate|examine|study)|(?:We|This\s+\w+|The\s+(?:aim|objective|purpose)\b[^.]*)\s+(?:aim|sought|review|"
    r"investigate|was\s+to|is\s+to)\w*)",
    re.I,
)
_OUTCOME = re.compile(
    r"\b(?:(?P<equal>no\s+(?:significant\s+)?difference\w*|not\s+(?:associated|superior|inferior|different)|similar\s+to|"
    r"as\s+effective\s+as|comparable|non-?inferior|unchanged|equal(?:ly)?|had\s+no\s+effect)|"
    r"(?P<lower>reduc(?:ed|es)|decreas(?:ed|es)|lower(?:ed|s)?|fewe(?:r|st)|less|least|prevent(?:ed|s)|inhibit(?:ed|s)|"
    r"fast(?:er|est)|shorter|protects?|declined)|"
    r"(?P<higher>increas(?:ed|es)|higher|highest|more\s+than|greater|greatest|improv(?:ed|es)|superior|associated\s+with|"
    r"resulted\s+in|leads?\s+to|causes?|effective|doubled|better|best|requires|predicts?))\b",
    re.I,
)


def extract(planned: Plan, reading: Reading, library: LibraryPort, vocabulary: Vocabulary) -> Extracted:
    """The claims of all sources, in the order of the sources and of their texts."""
    claims: dict[str, Claim] = {}
    subjects: dict[str, tuple[str, ...]] = {}
    bears_on: dict[str, tuple[str, ...]] = {}
    first_hand: list[str] = []
    for read_source in reading.sources:
        stored = library.get(read_source.source.id)
        if read_source.source.kind is SourceKind.MEASUREMENT:
            found = list(_measured(read_source, stored.text, stored.meta))
            subjects[read_source.source.id] = tuple(read_source.source.kept_for)
            bears_on[read_source.source.id] = tuple(stored.meta["pack"].get("bears_on", ()))
        else:
            found = list(_of_text(read_source, stored.text, planned, vocabulary))
            text = f"{stored.title}\n{stored.text[read_source.body_start :]}"
            subjects[read_source.source.id] = speaks_of_facets(text, planned)
        own = {name_key(name) for name in read_source.source.systems or _title_system(read_source.source.title)}
        for claim in found[:MAX_CLAIMS_PER_SOURCE]:
            claims.setdefault(claim.id, claim)
            system = name_key(claim.facets.system or "")
            if system in own or (read_source.source.kind is SourceKind.WORK and not system):
                first_hand.append(claim.id)
    return Extracted(claims=tuple(claims.values()), subjects=subjects, bears_on=bears_on, first_hand=tuple(first_hand))


def claim_id(source: str, place: str, facets: Facets) -> str:
    """A stable id: of the source, the place in it, and what was read there."""
    key = json.dumps([source, place, facets.metric, facets.value, facets.unit], ensure_ascii=False)
    return "c-" + hashlib.sha256(key.encode()).hexdigest()[:10]


def span_quote(source: str, sha256: str, text: str, start: int, end: int) -> Quote:
    """The quote of a span with its context."""
    return Quote(
        source=source,
        text=text[start:end],
        start=start,
        end=end,
        prefix=text[max(0, start - CONTEXT) : start],
        suffix=text[end : end + CONTEXT],
        sha256=sha256,
    )


def _of_text(read_source: ReadSource, text: str, planned: Plan, vocabulary: Vocabulary) -> Iterator[Claim]:
    source = read_source.source
    markdown = source.kind is SourceKind.NOTE
    reader = Reader(vocabulary, planned, source.systems or _title_system(source.title))
    for piece in sentences(text, read_source.body_start, markdown):
        if piece.is_heading or len(piece.text) > MAX_SENTENCE or "certainty marks" in piece.heading.casefold():
            continue
        if source.kind is SourceKind.WORK and piece.start < len(source.title) and text.startswith(source.title):
            continue
        in_field = vocabulary.name != "none"
        results = reader.read(piece.text, piece.heading, piece.table_header) if in_field else _located(piece, planned)
        for facets, negative in results:
            yield Claim(
                id=claim_id(source.id, f"{piece.start}-{piece.end}", facets),
                text=plain(piece.text),
                grounding=_GROUNDING[source.kind],
                facets=facets,
                quotes=(span_quote(source.id, source.sha256, text, piece.start, piece.end),),
                stated_negative=negative,
            )


def _located(piece: Piece, planned: Plan) -> list[tuple[Facets, bool]]:
    """Without a vocabulary: a sentence that holds a subject word and a third of the question's words is located.

    It is shown as what a source says; whether it supports anything is not assessed. Only one that states an outcome
    (a comparison, an association) is read as a result.
    """
    stems = {stem(word) for word in content_words(piece.text)}
    terms = [term for group in planned.facet_terms.values() for term in group]
    hit = [term for term in terms if stem(term) in stems]
    subject = {stem(term) for group in planned.subject_terms for term in group}
    if not subject & stems or len(hit) < max(2, (len(terms) + 2) // 3):
        return []
    found = Facets(subject=" ".join(hit))
    outcome = None if _AIM.match(piece.text) else _OUTCOME.search(piece.text)
    if outcome:
        found = found.model_copy(update={"direction": Direction(str(outcome.lastgroup))})
    return [(found, False)]


def _title_system(title: str) -> tuple[str, ...]:
    """`SMoES: Soft ...` is SMoES's own work."""
    head, colon, _ = title.partition(":")
    return (head.strip(),) if colon and re.fullmatch(r"[\w.+\-]*[A-Z][\w.+\-]*(?:\s[\w.+\-]+)?", head.strip()) else ()


def _measured(read_source: ReadSource, text: str, meta: dict[str, Any]) -> Iterator[Claim]:
    """The claims of a measurement: what its pack states, with a pointer to the measured value."""
    source = read_source.source
    results = json.loads(text)
    spec = meta.get("pack", {})
    for entry in spec.get("claims", []) if isinstance(spec, dict) else []:
        pointer = str(entry.get("value_field") or entry["result_field"])
        parent = pointer.rsplit("/", 1)[0]
        try:
            value = resolve_pointer(results, pointer)
            shown = resolve_pointer(results, parent)
        except LookupError:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not isinstance(shown, dict) or len(pointer_text(shown)) > 400:
            parent, shown = pointer, value
        facets = Facets.model_validate(
            {**spec.get("facets", {}), **_set(entry.get("facets", {})), "value": float(value)}
        )
        yield Claim(
            id=claim_id(source.id, pointer, facets),
            text=str(entry["statement"]),
            grounding=Grounding.MEASURED,
            facets=facets,
            quotes=(Quote(source=source.id, text=pointer_text(shown), pointer=parent, sha256=source.sha256),),
        )


def _set(facets: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in facets.items() if value not in (None, [], ())}
