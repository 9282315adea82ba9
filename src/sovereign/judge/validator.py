"""VALIDATOR: is everything where the record says that it is? A failed check here is a fault, not a weakness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sovereign.records import Check, CheckState, Claim, Evidence, Facets, Grounding, SourceKind

from .answers import misquoted, same_words, unfounded_numbers
from .checks import fault_check
from .numbers import bracketed_units, numbers_in, quantities
from .quotes import quote_fault
from .verdicts import reproduction_status

Texts = Callable[[str], str | None]
Fault = tuple[str, str]

_GROUNDING = {
    SourceKind.WORK: Grounding.QUOTED,
    SourceKind.NOTE: Grounding.REPORTED,
    SourceKind.MEASUREMENT: Grounding.MEASURED,
}


def validator_checks(evidence: Evidence, texts: Texts) -> tuple[Check, ...]:
    """Quotes re-located, numbers re-parsed, words quoted, grounding, references, answer numbers, reproduction marks."""
    return (
        _quotes(evidence, texts),
        fault_check("numbers re-parsed", _numbers(evidence), len(evidence.claims), 6, "every value is in its quote"),
        fault_check("words quoted", _words(evidence), len(evidence.claims), 6, "claims and answer say what is quoted"),
        fault_check("grounding", _grounding(evidence), len(evidence.claims), 6, "no note is shown as a work's words"),
        fault_check("references", _references(evidence), len(evidence.claims), 6, "every id that is named exists"),
        fault_check(
            "answer numbers",
            _answer_numbers(evidence),
            len(evidence.answer.sentences),
            6,
            "every number of the answer stands in a quote of its sentence or in the question",
        ),
        fault_check(
            "reproduction marks",
            _reproduction_marks(evidence),
            len(evidence.claims),
            6,
            "every claim carries what the attached runs say of it",
        ),
    )


def _quotes(evidence: Evidence, texts: Texts) -> Check:
    name, missing, faults, looked = "quotes re-located", False, [], 0
    hashes = {source.id: source.sha256 for source in evidence.sources}
    for claim in evidence.claims:
        for quote in claim.quotes:
            if hashes.get(quote.source) != quote.sha256:
                faults.append((claim.id, f"its quote names another text than the source {quote.source}"))
                continue
            text = texts(quote.sha256)
            if text is None:
                missing = True
                continue
            looked += 1
            fault = quote_fault(quote, text)
            if fault:
                faults.append((claim.id, fault))
    if missing and not faults:
        return Check(name=name, state=CheckState.NOT_RECOMPUTED, points=0, reason="a source's text is not here")
    return fault_check(name, faults, looked, 10, "every quote stands at its place in the text that was read")


def value_fault(facets: Facets, quotes: Sequence[str]) -> str | None:
    """Why a value is not what the quoted words say, or None: the number must stand in them with its unit."""
    value = facets.value
    if value is None:
        return None
    parsed = {(abs(q.value), q.unit) for quote in quotes for q in quantities(quote)}
    # A table's row has the unit once, in brackets beside its column's name, and bare numbers under it.
    named = {unit for quote in quotes for unit in bracketed_units(quote)}
    unit = None if facets.unit in named and (abs(value), None) in parsed else facets.unit
    if (abs(value), unit) not in parsed:
        return f"{value:g} {facets.unit or ''} is not what its quote says"
    return None


def _numbers(evidence: Evidence) -> Iterator[Fault]:
    for claim in evidence.claims:
        if claim.grounding is not Grounding.MEASURED:
            fault = value_fault(claim.facets, [quote.text for quote in claim.quotes])
            if fault is not None:
                yield claim.id, fault
    for claim in evidence.claims:
        if claim.grounding is Grounding.MEASURED and claim.facets.value is not None and not _measured_value(claim):
            yield claim.id, f"{claim.facets.value:g} is not in the measured value"


def _measured_value(claim: Claim) -> bool:
    written = [float(number) for quote in claim.quotes for number in numbers_in(quote.text)]
    value = abs(claim.facets.value or 0.0)
    return any(abs(number - value) <= 1e-9 * max(1.0, abs(value)) for number in written)


def _words(evidence: Evidence) -> Iterator[Fault]:
    """A claim's text is its quote's; what a sentence of the answer puts between quotation marks is a claim's text."""
    texts = {claim.id: claim.text for claim in evidence.claims}
    for claim in evidence.claims:
        if claim.grounding is not Grounding.MEASURED and not any(same_words(claim.text, q.text) for q in claim.quotes):
            yield claim.id, "its text is not what it quotes"
    for sentence in evidence.answer.sentences:
        if not sentence.claims:
            continue
        words = misquoted(sentence.text, [texts[claim] for claim in sentence.claims if claim in texts])
        if words is not None:
            yield "answer", f"quotes “{words[:60]}”, which none of its claims says"


def _grounding(evidence: Evidence) -> Iterator[Fault]:
    kinds = {source.id: source.kind for source in evidence.sources}
    for claim in evidence.claims:
        for quote in claim.quotes:
            kind = kinds.get(quote.source)
            if kind is not None and _GROUNDING[kind] is not claim.grounding:
                yield claim.id, f"a {kind.value} cannot ground a claim as {claim.grounding.value}"


def _references(evidence: Evidence) -> Iterator[Fault]:
    claims = {claim.id for claim in evidence.claims}
    sources = {source.id for source in evidence.sources}
    cells = {cell.id for cell in evidence.cells}
    if len(claims) != len(evidence.claims) or len(sources) != len(evidence.sources):
        yield "record", "an id stands twice"
    if len(cells) != len(evidence.cells):
        yield "record", "a cell id stands twice"
    for claim in evidence.claims:
        for quote in claim.quotes:
            if quote.source not in sources:
                yield claim.id, f"quotes {quote.source}, which is not among the sources"
        for other in claim.agrees_with:
            if other not in claims:
                yield claim.id, f"agrees with {other}, which does not exist"
    for cell in evidence.cells:
        for named in (*cell.claims, *(nearest.claim for nearest in cell.nearest)):
            if named not in claims:
                yield cell.id, f"holds {named}, which does not exist"
    for sentence in evidence.answer.sentences:
        for named in (*sentence.claims, *sentence.cells):
            if named not in claims and named not in cells:
                yield "answer", f"rests on {named}, which does not exist"
    for run in evidence.reproductions:
        if run.source not in sources:
            yield run.pack, f"its measurement {run.source} is not among the sources"
        for outcome in run.outcomes:
            for named in outcome.record_claims:
                if named not in claims:
                    yield run.pack, f"settles {named}, which does not exist"


def _answer_numbers(evidence: Evidence) -> Iterator[Fault]:
    for sentence in evidence.answer.sentences:
        quotes = [q.text for claim in evidence.claims if claim.id in sentence.claims for q in claim.quotes]
        for number in unfounded_numbers(sentence.text, quotes, evidence.question):
            yield "answer", f"the number {number} of a sentence stands in none of its quotes"


def _reproduction_marks(evidence: Evidence) -> Iterator[Fault]:
    for claim in evidence.claims:
        due = reproduction_status(claim, evidence.reproductions)
        if claim.reproduction is not due:
            yield claim.id, f"is marked {claim.reproduction.value}, the attached runs say {due.value}"
