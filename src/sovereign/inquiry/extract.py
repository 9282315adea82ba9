"""Extract: the result sentences of every source as claims: who, what metric, how much, against what, under which
condition, each with its exact span. A claim's text is the source's own sentence; the facets are our reading of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from sovereign.judge import CONTEXT, mentions, name_key, plain, pointer_text, resolve_pointer
from sovereign.records import Claim, Direction, Facets, Grounding, Quote, Source, SourceKind

from .documents import Extracted, LibraryPort, Plan, Reading, ReadSource
from .passages import Kind
from .plan import speaks_of_facets
from .reading import is_long, spoken, to_read
from .results import Reader
from .sentences import Piece, sentences
from .tables import Row, Table, TableReader, parse
from .vocabulary import Vocabulary
from .words import content_words, stem

MAX_SENTENCE = 900
MAX_CLAIMS_PER_SOURCE = 200
MAX_CLAIMS_PER_FULL_TEXT = 60
#: `[12]`, `(Smith et al., 2020)`, `Smith et al. [3]`, `BIBREF4`.
_CITATION = re.compile(r"\[\d{1,3}(?:[,;\s–-]+\d{1,3})*\]|\([^()]*\b(?:19|20)\d\d[a-z]?\)|\bet al\.|BIBREF\d")
GROUNDING = {SourceKind.WORK: Grounding.QUOTED, SourceKind.NOTE: Grounding.REPORTED}
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

#: Where a result stands: a sentence and whether it says "not measured", or a table, a row and the cell's number in it.
_Told = tuple[Piece, bool] | tuple[Table, Row, int]
#: What a sentence of a full text must hold to be worth a closer look: a figure, or the words of a comparison.
_MAY_TELL = re.compile(
    r"\d|=|\b(?:than|compared|relative\s+to|against|versus|vs|instead\s+of|outperform\w*|surpass\w*|exceed\w*|beats?|"
    r"match\w*|comparable|without)\b"
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
            subjects[read_source.source.id] = speaks_of_facets(spoken(stored, planned), planned)
        own = own_names(read_source.source)
        for claim in found[:MAX_CLAIMS_PER_SOURCE]:
            claims.setdefault(claim.id, claim)
            if is_first_hand(claim, read_source.source, own):
                first_hand.append(claim.id)
    return Extracted(claims=tuple(claims.values()), subjects=subjects, bears_on=bears_on, first_hand=tuple(first_hand))


def is_first_hand(claim: Claim, source: Source, own: set[str]) -> bool:
    """Whether a claim is on its source's own system, or a work's on none that it names."""
    system = name_key(claim.facets.system or "")
    return system in own or (source.kind is SourceKind.WORK and not system)


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
    """The claims of an abstract or a note, sentence by sentence; of a full text, those of the passages that matter."""
    source = read_source.source
    own = source.systems or _title_system(source.title)
    reader = Reader(vocabulary, planned, own)
    if is_long(source.text_level, text, read_source.body_start):
        yield from _of_passages(source, text, read_source.body_start, planned, vocabulary, reader)
        return
    for piece in sentences(text, read_source.body_start, source.kind is SourceKind.NOTE):
        if source.kind is SourceKind.WORK and piece.start < len(source.title) and text.startswith(source.title):
            continue
        for facets, negative in _results(piece, planned, reader):
            yield _of_sentence(piece, facets, negative, source, text)


def _of_passages(
    source: Source, text: str, start: int, planned: Plan, vocabulary: Vocabulary, reader: Reader
) -> Iterator[Claim]:
    """A full text's claims in its order, tables among them, as many as are nearest to what is asked."""
    tables = TableReader(reader, vocabulary, reader.own)
    found: list[tuple[Facets, _Told]] = []
    for passage in to_read(text, start, planned):
        if passage.kind is Kind.TABLE and not text.startswith("|", passage.start):
            if reader.in_field:
                table = parse(text, passage.start, passage.end)
                found += [(facets, (table, row, place)) for row, place, facets in tables.read(table)]
            continue
        markdown = passage.kind is Kind.TABLE
        for piece in sentences(text, passage.start, markdown, passage.end, passage.section.rpartition(" > ")[2]):
            if (reader.in_field and not _MAY_TELL.search(piece.text)) or plain(piece.text) == source.title:
                continue
            if not (passage.of_others or _cites(piece.text)) or reader.is_own_or_asked(piece.text):
                results = _results(piece, planned, reader)
                # A figure of no known metric is a result in an abstract; a full text is full of them.
                named = [one for one in results if one[0].metric is not None or not reader.in_field]
                found += [(facets, (piece, negative)) for facets, negative in named]
    for facets, told in _most_asked(found, planned, MAX_CLAIMS_PER_FULL_TEXT):
        if len(told) == 2:
            yield _of_sentence(told[0], facets, told[1], source, text)
        else:
            others, completed = tables.complete(*told, facets)
            yield _of_row(told[0], told[1], others, completed, source, text)


def _results(piece: Piece, planned: Plan, reader: Reader) -> list[tuple[Facets, bool]]:
    """What a sentence gives, each with whether it says that something was not measured."""
    if piece.is_heading or len(piece.text) > MAX_SENTENCE or "certainty marks" in piece.heading.casefold():
        return []
    if piece.text.startswith("#") or piece.text.rstrip().endswith(("?", "？")):
        return []  # a heading of a work that is Markdown; a question tells no result, whatever words it shares
    return reader.read(piece.text, piece.heading, piece.table_header) if reader.in_field else _located(piece, planned)


def _of_sentence(piece: Piece, facets: Facets, negative: bool, source: Source, text: str) -> Claim:
    return Claim(
        id=claim_id(source.id, f"{piece.start}-{piece.end}", facets),
        text=plain(piece.text),
        grounding=GROUNDING[source.kind],
        facets=facets,
        quotes=(span_quote(source.id, source.sha256, text, piece.start, piece.end),),
        stated_negative=negative,
    )


def _of_row(table: Table, row: Row, others: tuple[Row, ...], facets: Facets, source: Source, text: str) -> Claim:
    """A value of a table as a claim that quotes its row, the caption, and the rows that it is compared with."""
    spans = [(row.start, row.end), (table.start, table.end), *((other.start, other.end) for other in others)]
    place = f"{row.start}-{row.end} {facets.benchmark} {facets.system} {facets.condition}"
    return Claim(
        id=claim_id(source.id, place, facets),
        text=plain(row.text),
        grounding=GROUNDING[source.kind],
        facets=facets,
        quotes=tuple(span_quote(source.id, source.sha256, text, *span) for span in spans),
    )


def _cites(sentence: str) -> bool:
    """Whether a sentence cites a work: what it tells may be that work's result."""
    return _CITATION.search(sentence) is not None


def _most_asked(found: list[tuple[Facets, _Told]], planned: Plan, most: int) -> list[tuple[Facets, _Told]]:
    """At most so many results, those that share most facets with the question, in the order of the text."""
    if len(found) <= most:
        return found
    asked = planned.question.facets
    systems = {name_key(name) for name in asked.system}
    benchmarks = {name_key(name) for name in asked.benchmark}

    def worth(facets: Facets) -> float:
        return (
            3.0 * (name_key(facets.system or "") in systems)
            + 2.0 * (facets.metric in asked.metric)
            + 2.0 * (name_key(facets.benchmark or "") in benchmarks)
            + 1.0 * (facets.value is not None)
            + 0.5 * (facets.direction is not None)
        )

    best = sorted(range(len(found)), key=lambda index: (-worth(found[index][0]), index))[:most]
    return [found[index] for index in sorted(best)]


def _located(piece: Piece, planned: Plan) -> list[tuple[Facets, bool]]:
    """Without a vocabulary: a sentence that holds a subject word and a third of the question's words is located.

    It is shown as what a source says; whether it supports anything is not assessed. Only one that states an outcome
    (a comparison, an association) is read as a result.
    """
    stems = {stem(word) for word in content_words(piece.text)}
    terms = [term for group in planned.facet_terms.values() for term in group]
    hit = terms_in(piece.text, planned)
    subject = {stem(term) for group in planned.subject_terms for term in group}
    if not subject & stems or len(hit) < max(2, (len(terms) + 2) // 3):
        return []
    named = next((system.name for system in planned.systems if mentions(piece.text, system.name)), None)
    found = Facets(subject=" ".join(hit), system=named)
    outcome = None if _AIM.match(piece.text) else _OUTCOME.search(piece.text)
    if outcome:
        found = found.model_copy(update={"direction": Direction(str(outcome.lastgroup))})
    return [(found, False)]


def terms_in(text: str, planned: Plan) -> list[str]:
    """The question's terms that a sentence holds."""
    stems = {stem(word) for word in content_words(text)}
    return [term for group in planned.facet_terms.values() for term in group if stem(term) in stems]


def own_names(source: Source) -> set[str]:
    """The systems whose own source this is, as name keys: by its front matter, else by its title."""
    return {name_key(name) for name in source.systems or _title_system(source.title)}


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
